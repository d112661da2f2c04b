"""Hydra's part of `synth-scaling run`: from the command's arguments to one run, or to a worker of a sweep."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from synth_scaling.config.checks import check_folders
from synth_scaling.config.devices import missing_gpus
from synth_scaling.config.hydra_errors import refuse
from synth_scaling.config.load import typed, typed_without_files
from synth_scaling.config.naming import run_folder
from synth_scaling.config.schema import register_schemas
from synth_scaling.config.search_path import configs
from synth_scaling.config.sweep_files import check_config_dir, register_sweep_files
from synth_scaling.core.suggestions import did_you_mean
from synth_scaling.core.terminal import say
from synth_scaling.core.validation import ConfigError
from synth_scaling.experiment.text_checks import check_texts
from synth_scaling.sweep.compose import loader_of
from synth_scaling.sweep.grid import in_each_run
from synth_scaling.sweep.launchers import register_launchers
from synth_scaling.sweep.outlook import Outlook
from synth_scaling.sweep.sweeper import GridSweeperConf, SweepFailed, named, register_sweeper
from synth_scaling.sweep.worker import serve
from synth_scaling.system import signals
from synth_scaling.system.failures import reason
from synth_scaling.system.leases import lease
from synth_scaling.system.pinning import pin_worker
from synth_scaling.system.process import set_up_logging, set_up_process, silence_packages

log = logging.getLogger("synth_scaling")

FLAGS = {
    "--dry-run": "hydra.sweeper.dry_run=true",
    "--verbose": "hydra.sweeper.verbose=true",
    "--no-wait": "hydra.launcher.wait=false",
}


def launch(words: Sequence[str]) -> None:
    """Compose the configuration that `words` describe and run it.

    Ends the process with exit code 1 if a run failed, with 2 and one line if the configuration was refused, with 75
    after a termination signal and with 130 after an interrupt of the keyboard.
    """
    sys.argv = [sys.argv[0], *options_first([FLAGS.get(word, word) for word in words])]
    silence_packages()  # checks of a launch import transformers
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # Hydra raises instead of printing: the lines below print
    try:
        register_schemas()
        register_sweeper()
        register_launchers()
        arguments = _parsed()
        folder = None if arguments.config_dir is None else Path(arguments.config_dir)
        if folder is not None and folder.is_dir():
            check_config_dir(folder)
        register_sweep_files(folder)
        if _is_a_launch(arguments) and _is_a_sweep(arguments, folder):
            options = sys.argv[: len(sys.argv) - len(arguments.overrides)]
            sys.argv = [*options, *in_each_run(arguments.overrides), "hydra.mode=MULTIRUN"]
        try:
            hydra.main(version_base="1.3", config_path=str(configs("conf")), config_name="config")(job)()
        except Exception:
            signals.check()  # an error after a termination signal is due to it
            raise
    except (ConfigError, HydraException, OmegaConfBaseException, YAMLError) as error:
        refuse(error)
    except ValueError as error:
        if HydraConfig.initialized():
            raise  # from a run, not from Hydra as it composes
        refuse(ConfigError(f"{' '.join(sys.argv[1:])}: {error}"))
    except signals.Interrupted as error:
        say(f"{error}: finished stages are in the store, the same command resumes", file=sys.stderr)
        raise
    except KeyboardInterrupt:
        say("interrupted: finished stages are in the store, the same command resumes", file=sys.stderr)
        sys.exit(130)
    except SweepFailed as error:
        say(error, file=sys.stderr)
        sys.exit(1)
    except OSError as error:  # outside of any run: of the plan, or of a lease
        why = reason(error)
        say(f"launch failed: {why.kind}: {why.line}", file=sys.stderr)
        sys.exit(1)


def options_first(words: Sequence[str]) -> list[str]:
    """`words` with options and their values before the overrides: Hydra's parser takes no option between overrides."""
    actions = get_args_parser()._option_string_actions
    options: list[str] = []
    overrides: list[str] = []
    left = list(words)
    while left:
        word = left.pop(0)
        action = actions.get(word)
        if action is None:
            (options if word.startswith("-") else overrides).append(word)
        elif action.nargs == "?":  # the parser would take an override for its value
            value = left.pop(0) if left and left[0] in (action.choices or ()) else action.const
            options.append(f"{action.option_strings[0]}={value}")
        else:
            options.append(word)
            if action.nargs is None and left:
                options.append(left.pop(0))
    return [*options, *overrides]


def job(config: DictConfig) -> float | None:
    """Compute one run and return its test error, or serve a sweep as a worker.

    Hydra calls it, in this process or in one of a launcher.
    """
    set_up_process(OmegaConf.select(config, "threads", default=1))
    signals.install(insist=not signals.is_worker())
    set_up_logging()
    launched = HydraConfig.get()
    if launched.sweeper["_target_"] == GridSweeperConf._target_ and launched.mode is RunMode.MULTIRUN:
        pin_worker(launched.sweeper.pin, launched.sweeper.devices_per_worker, launched.job.num)
        serve(Path(config.output), launched.sweeper.get("launch", ""))
        return None
    try:
        if launched.sweeper.get("dry_run"):
            _dry_run(config, launched.sweeper.verbose)
            return None
        run_config = typed(config)
        if (lack := missing_gpus([run_config], "basic")) is not None:
            raise ConfigError(lack)
        check_folders(run_config)
        if not run_folder(run_config).is_done:
            check_texts([run_config])
    except (ConfigError, OmegaConfBaseException) as error:
        refuse(error)  # here, because Hydra would add lines
    # torch and transformers: not before the configuration is accepted
    from synth_scaling.experiment.run import run_once

    try:
        with lease(run_folder(run_config).lock, wait=True) as held:
            signals.check()
            row = run_once(run_config, held=held)
    except Exception as error:
        signals.check()  # an error after a termination signal is due to it
        if launched.mode is RunMode.MULTIRUN:  # a sweeper of another package
            raise
        if isinstance(error, ConfigError):  # which shows only in the model's files
            refuse(error)
        why = reason(error)
        say(f"run failed: {why.kind}: {why.line} ({run_folder(run_config).error})", file=sys.stderr)
        sys.exit(1)
    log.info("the result row is %s", run_folder(run_config).row)
    return row["error"]


def _dry_run(config: DictConfig, verbose: bool) -> None:
    """Print what a single run would compute."""
    absent: list[str] = []
    run_config = typed_without_files(config, absent)
    check_folders(run_config, create=False)
    outlook = Outlook(Path(run_config.output), named([run_config], absent), 1, exact=True)
    if outlook.missing and not absent:
        check_texts([run_config])
    for line in outlook.lines(verbose, absent, missing_gpus([run_config], "basic")):
        say(line, flush=True)


def _parsed() -> argparse.Namespace:
    """The arguments as Hydra parses them. Those that it refuses end the process with one line and exit code 2."""
    parser = get_args_parser()
    names = sorted({*FLAGS, *(name for name in parser._option_string_actions if name.startswith("--"))})

    def refuse_words(message: str) -> None:
        word = message.rpartition(": ")[2].split(" ")[0].split("=")[0]
        refuse(ConfigError(f"{message}; allowed are {', '.join(names)}{did_you_mean(word, names)}"))

    parser.error = refuse_words  # type: ignore[method-assign, assignment]
    return parser.parse_args()


def _is_a_launch(arguments: argparse.Namespace) -> bool:
    """Whether the words ask for runs rather than for information on the configuration."""
    return not (arguments.cfg or arguments.info or arguments.hydra_help)


def _is_a_sweep(arguments: argparse.Namespace, folder: Path | None) -> bool:
    """Whether the words or the configuration ask for several runs, by -m, hydra.mode or a grid."""
    if arguments.multirun:
        return True
    if arguments.config_name is None and not any("hydra." in word for word in arguments.overrides):
        return False
    try:
        name = arguments.config_name or "config"
        config = loader_of(folder).load_configuration(
            name, in_each_run(arguments.overrides), RunMode.MULTIRUN, validate_sweep_overrides=False
        )
    except Exception:  # Hydra will refuse it, with a better message
        return False
    sweeper, mode = config.hydra.sweeper, config.hydra.mode
    return mode is RunMode.MULTIRUN or (mode is None and bool(sweeper.get("params") or sweeper.get("also")))
