"""Sampling: prompts of token ids in, completions of token ids out. No other package depends on vLLM."""

from synth_scaling.sampling.engine import Completion, Engine
from synth_scaling.sampling.factory import close_engines, engine_for
from synth_scaling.sampling.options import EngineOptions

__all__ = ["Completion", "Engine", "EngineOptions", "close_engines", "engine_for"]
