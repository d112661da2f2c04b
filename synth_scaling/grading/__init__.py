"""Rewards of responses in words: extraction, exact numbers, LaTeX, and the bounded workers that do the hard ones."""

from synth_scaling.grading.rewards import BOUND, Grades, grade

__all__ = ["BOUND", "Grades", "grade"]
