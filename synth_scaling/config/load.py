"""Loading: from Hydra's composed configuration to checked dataclasses, and back from stored plain data.

The choices (`task=maze method=step_dpo`) are files in conf/; the allowed keys are the fields of the dataclasses in
:mod:`synth_scaling.config.schema` and beside each component. An invalid value is refused before any computation, in one
line with the key, the value and what is allowed (:mod:`synth_scaling.config.checks`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import is_dataclass
from typing import Any, TypeVar, get_type_hints

from omegaconf import DictConfig, OmegaConf

from synth_scaling.config.checks import check, known
from synth_scaling.config.schema import Config
from synth_scaling.config.task_checks import MissingFiles, check_task
from synth_scaling.core.validation import ConfigError
from synth_scaling.credit.options import CREDIT
from synth_scaling.data.options import DataOptions, JSONLDataOptions
from synth_scaling.methods import METHODS
from synth_scaling.models.options import MODELS
from synth_scaling.tasks import TASKS
from synth_scaling.training.options import TrainerOptions

T = TypeVar("T")


def typed(config: DictConfig) -> Config:
    """The composed configuration as dataclasses, checked. Raises ConfigError."""
    plain = as_options(config)
    for options in (plain.trainer, plain.engine):
        if options.dtype == "auto":  # resolved here, so that the type that is used enters the run's hash
            options.dtype = device_dtype()
    check_task(plain)
    return plain


def typed_without_files(config: DictConfig, absent: list[str]) -> Config:
    """:func:`typed` where files of the model, the task or the teacher may be missing.

    A line on each missing one is appended to `absent`, once. Raises ConfigError for everything else.
    """
    try:
        return typed(config)
    except MissingFiles as error:
        if str(error) not in absent:
            absent.append(str(error))
        return as_options(config)


def as_options(config: DictConfig) -> Config:
    """The composed configuration as dataclasses, checked without opening model, task or data. Raises ConfigError."""
    if OmegaConf.get_type(config) is not Config:
        raise ConfigError("defaults: allowed is a list that begins with config")
    plain = OmegaConf.to_object(config)
    assert isinstance(plain, Config), type(plain)
    known(plain)
    check(plain)
    return plain


def device_dtype() -> str:
    """bfloat16 where CUDA has it, else float32."""
    import torch  # slow, and only needed for dtype=auto

    return "bfloat16" if torch.cuda.is_available() and torch.cuda.is_bf16_supported() else "float32"


def restored(plain: Mapping[str, Any]) -> Config:
    """The configuration stored as plain data by :func:`resolved`; it was checked before it was stored.

    Raises ConfigError for the name of a component that is not available, such as a plugin's that is not installed.
    """
    plain = {"certificate": {"samples": 0}, **plain}  # a configuration without the key ran without certificates
    kinds = {
        "task": _component("task", TASKS, plain["task"]["name"])[1],
        "model": _component("model", MODELS, plain["model"]["name"]),
        "method": _component("method", METHODS, plain["method"]["name"]).options,
        "data": JSONLDataOptions if "path" in plain["data"] else DataOptions,
        "credit": _component("credit", CREDIT, plain["credit"].get("name", "exhaustive")),
        "trainer": TrainerOptions,
    }
    return _built(Config, {key: _built(kinds[key], value) if key in kinds else value for key, value in plain.items()})


def _component(key: str, registry: Mapping[str, T], name: str) -> T:
    """`registry[name]`. Raises ConfigError for a name that it lacks."""
    if name not in registry:
        raise ConfigError(
            f"{key}={name}: allowed are {', '.join(registry)}; a stored configuration of a plugin needs the plugin"
        )
    return registry[name]


def _built(kind: type[T], plain: Mapping[str, Any]) -> T:
    """A dataclass, and those within it, from plain data of the right types."""
    within = {key: hint for key, hint in get_type_hints(kind).items() if is_dataclass(hint)}
    return kind(
        **{
            key: _built(within[key], value) if key in within and isinstance(value, Mapping) else value  # type: ignore[arg-type]
            for key, value in plain.items()
        }
    )
