"""The one sampling engine that a process keeps open."""

from __future__ import annotations

from synth_scaling.sampling.engine import Engine
from synth_scaling.sampling.options import EngineOptions, check_engine, check_engine_gpus
from synth_scaling.system.pinning import devices

_open: dict[str, Engine] = {}


def engine_for(options: EngineOptions) -> Engine:
    """The engine of this process for `options`, started on first use and reused by later runs of a sweep.

    Raises ConfigError if `options` are invalid, or this machine lacks GPUs that they need.
    """
    key = repr(options)
    if key not in _open:
        check_engine(options)
        check_engine_gpus(options, len(devices("gpus")))
        close_engines()  # one engine at a time: the old one's memory is freed first
        _open[key] = _new_engine(options)
    return _open[key]


def _new_engine(options: EngineOptions) -> Engine:
    if options.name == "transformers":
        from synth_scaling.sampling.transformers_engine import TransformersEngine

        return TransformersEngine(options)
    if options.shard is None and not options.by_turns:
        from synth_scaling.sampling.vllm import VLLMEngine  # slow import, needed only for sampling

        return VLLMEngine(options)
    from synth_scaling.sampling.replicas import Replicas

    return Replicas(options)


def close_engines() -> None:
    """Stop the engine of this process, if there is one."""
    for engine in _open.values():
        engine.close()
    _open.clear()
