"""The one sampling engine that a process keeps alive."""

from __future__ import annotations

from synth_scaling.sampling.engine import Engine
from synth_scaling.sampling.options import EngineOptions

_living: dict[str, Engine] = {}


def engine_for(options: EngineOptions) -> Engine:
    """The engine of this process for `options`, started on first use and kept for later runs of a sweep."""
    key = repr(options)
    if key not in _living:
        if options.name != "vllm":
            raise ValueError(f"engine.name={options.name}: allowed is vllm")
        close_engines()  # one engine at a time: the old one's memory goes first
        _living[key] = _made(options)
    return _living[key]


def _made(options: EngineOptions) -> Engine:
    if options.shard is None and not options.by_turns:
        from synth_scaling.sampling.vllm import VLLMEngine  # slow import, and only needed when sampling

        return VLLMEngine(options)
    from synth_scaling.sampling.replicas import Replicas

    return Replicas(options)


def close_engines() -> None:
    """End the engine of this process, if there is one."""
    for engine in _living.values():
        engine.close()
    _living.clear()
