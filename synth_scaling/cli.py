"""The Hydra entry: `python -m synth_scaling [--config-dir DIR --config-name SWEEP] [key=value ...]`."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from synth_scaling.config.checks import check_folders
from synth_scaling.config.hydra_errors import refuse
from synth_scaling.config.load import typed
from synth_scaling.config.naming import run_folder
from synth_scaling.config.schema import register_schemas
from synth_scaling.config.search_path import Sweeps, configs
from synth_scaling.core.validation import ConfigError
from synth_scaling.sweep.launchers import register_launchers
from synth_scaling.sweep.sweeper import GridSweeperConf, SweepFailed, register_sweeper
from synth_scaling.sweep.worker import serve
from synth_scaling.system import signals
from synth_scaling.system.pinning import pin_worker
from synth_scaling.system.process import set_up_logging, set_up_process

log = logging.getLogger("synth_scaling")

FLAGS = {"--dry-run": "hydra.sweeper.dry_run=true", "--no-wait": "hydra.launcher.wait=false"}


def job(config: DictConfig) -> float | None:
    """One run, or a worker of a sweep; Hydra calls it, in this process or in a launcher's. A run's test error."""
    signals.install()
    set_up_process(OmegaConf.select(config, "threads", default=1))
    set_up_logging()
    launched = HydraConfig.get()
    if launched.sweeper["_target_"] == GridSweeperConf._target_ and launched.mode is RunMode.MULTIRUN:
        pin_worker(launched.sweeper.pin, launched.sweeper.devices_per_worker, launched.job.num)
        serve(Path(config.output))
        return None
    try:
        run_config = typed(config)
        check_folders(run_config)
    except (ConfigError, OmegaConfBaseException) as error:
        refuse(error)  # here, because Hydra would add lines of its own
    from synth_scaling.experiment.run import (
        run_once,  # torch and transformers: not before the configuration is accepted
    )

    try:
        row = run_once(run_config)
    except ConfigError as error:  # which only the model's own files could show
        if HydraConfig.get().mode is RunMode.MULTIRUN:
            raise
        refuse(error)
    log.info("the result row is %s", run_folder(run_config).row)
    return row["error"]


def _check_options() -> None:
    """What Hydra's parser of the command refuses, in one line; it would add how it is used."""
    parser = get_args_parser()
    names = sorted({*FLAGS, *(name for name in parser._option_string_actions if name.startswith("--"))})
    parser.error = lambda message: refuse(ConfigError(f"{message}; allowed are {', '.join(names)}"))  # type: ignore[method-assign]
    parser.parse_args()


def main() -> None:
    """Exit code 0; 1 if a run failed; 2, with one line, if the configuration was refused."""
    register_schemas()
    register_sweeper()
    register_launchers()
    Plugins.instance().register(Sweeps)
    sys.argv = [FLAGS.get(word, word) for word in sys.argv]
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # Hydra raises instead of printing: the lines below print
    _check_options()
    entry = hydra.main(version_base="1.3", config_path=str(configs("conf")), config_name="config")(job)
    try:
        entry()
    except (ConfigError, HydraException, OmegaConfBaseException, YAMLError) as error:
        refuse(error)
    except ValueError as error:
        if HydraConfig.initialized():
            raise  # of a run, and not of Hydra as it composes
        refuse(ConfigError(f"{' '.join(sys.argv[1:])}: {error}"))
    except signals.Interrupted as error:
        print(f"{error}: what is made is kept, the same command goes on from it", file=sys.stderr)
        raise
    except SweepFailed as error:
        print(error, file=sys.stderr)
        sys.exit(1)
