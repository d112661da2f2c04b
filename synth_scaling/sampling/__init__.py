"""Sampling: prompts of token ids in, completions of token ids out. Nothing above this package knows of vLLM."""

from synth_scaling.sampling.engine import Completion, Engine, EngineOptions, close_engines, engine_for

__all__ = ["Completion", "Engine", "EngineOptions", "close_engines", "engine_for"]
