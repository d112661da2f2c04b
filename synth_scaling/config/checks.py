"""The rules on a whole configuration; those of one group of options stand beside its dataclass.

Each raises ConfigError in one line: the key, the value, the allowed values.
"""

from __future__ import annotations

import errno
import os
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synth_scaling.config.schema import (
    FIGURES,
    check_certificate,
    check_evaluation,
    check_rollout_policy,
    check_rounds,
    check_tracking,
)
from synth_scaling.config.secret_checks import check_secrets
from synth_scaling.core.validation import ConfigError, at_least, between, filled, finite, one_of
from synth_scaling.credit.options import CREDIT, check_credit
from synth_scaling.data.options import DataOptions, check_data
from synth_scaling.methods import METHODS, check_method
from synth_scaling.models.options import LINEAR_LAYERS, MODELS, TinyOptions, check_model
from synth_scaling.sampling.options import check_engine
from synth_scaling.tasks import TASKS
from synth_scaling.training.options import check_trainer

if TYPE_CHECKING:
    from synth_scaling.config.schema import Config


def check(config: Config) -> None:
    """Refuse a configuration for reasons that show without opening the task, the data and the model.

    Raises ConfigError.
    """
    check_names(config)
    method = METHODS[config.method.name]
    check_data(config.data)
    check_credit(config.credit, config.method.name, method.uses, config.task.name, config.task.knows_first_errors)
    check_rollout_policy(config.rollout_policy)
    check_method(method, config.method)
    check_data_for(config.method.name, config.data)
    check_model(config.model)
    check_trainer(config.trainer)
    if isinstance(config.model, TinyOptions):  # a pretrained model's layers are checked when it is opened
        for target in config.trainer.lora.target_modules:
            one_of("trainer.lora.target_modules", target, LINEAR_LAYERS)
    check_engine(config.engine)
    check_evaluation(config.evaluation)
    check_rounds(config.rounds, config.method.name, method.uses, config.data)
    check_certificate(config.certificate)
    check_tracking(config.tracking)
    for key in ("label", "sweep", "output", "store"):
        filled(key, getattr(config, key))
    one_of("figure", config.figure, FIGURES)
    check_home(config)
    at_least("threads", config.threads, 1)
    between("threads", config.threads, 1, 1024, "1 to 1024")
    for key, seed in (("seed", config.seed), ("task.world_seed", config.task.world_seed)):
        between(key, seed, 0, 2**32 - 1, "0 to 2^32 - 1")
    plain = asdict(config)
    finite(plain)
    check_secrets(plain)


def check_data_for(method: str, data: DataOptions) -> None:
    """Refuse amounts of 0 of the responses that a method uses. Raises ConfigError."""
    for amount in ("positives", "negatives"):
        if amount in METHODS[method].uses and getattr(data, amount) == 0:
            raise ConfigError(f"data.{amount}=0: method={method} needs at least 1")


def check_home(config: Config) -> None:
    """Refuse `~` in a folder's name: a shell does not expand it behind `key=`. Raises ConfigError."""
    for key in ("output", "store"):
        value = getattr(config, key)
        if value.startswith("~"):
            raise ConfigError(f"{key}={value}: ~ is not expanded here; allowed is {Path(value).expanduser()}")


def known(options: Any, above: str = "") -> None:
    """Refuse unknown keys, which `+key=value` adds. Raises ConfigError with the dotted key."""
    allowed = {entry.name for entry in fields(options)}
    for key, value in vars(options).items():
        if key not in allowed:
            raise ConfigError(f"{above}{key}: no such key; allowed are {', '.join(sorted(allowed))}")
        if is_dataclass(value):
            known(value, f"{above}{key}.")


def check_names(config: Config) -> None:
    """Refuse `method.name=dpo` in place of `method=dpo`, which chooses the options, too. Raises ConfigError."""
    for group, kinds in (
        ("task", {name: options for name, (_, options) in TASKS.items()}),
        ("method", {name: method.options for name, method in METHODS.items()}),
        ("model", MODELS),
        ("credit", CREDIT),
    ):
        options = getattr(config, group)
        if not options.name:  # the group was deleted: ~task
            raise ConfigError(f"{group}=null: allowed is one of the choices of {group}")
        if type(options) is not kinds.get(options.name):
            names = [other for other, kind in kinds.items() if kind is type(options)]
            raise ConfigError(
                f"{group}.name={options.name}: allowed is {names[0]}; choose another by {group}={options.name}"
            )


def check_folders(config: Config, create: bool = True) -> None:
    """Refuse output folders that cannot be written. Raises ConfigError.

    Without `create` no folder is created: the closest existing one above has to be writable.
    """
    for key in ("output", "store"):
        folder = Path(getattr(config, key))
        try:
            if not create:
                folder = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
                if not folder.is_dir():
                    raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
                if not os.access(folder, os.W_OK | os.X_OK):
                    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
                continue
            folder.mkdir(parents=True, exist_ok=True)
            probe = folder / f".writable-{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise ConfigError(
                f"{key}={getattr(config, key)}: allowed is a folder that can be written ({error.strerror})"
            ) from None
