"""The Hydra entry: `python -m synth_scaling [--config-dir DIR --config-name SWEEP] [key=value ...]`."""

from __future__ import annotations

import logging
import multiprocessing
import os
import sys
from pathlib import Path
from typing import NoReturn

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.errors import HydraException, MissingConfigException
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from synth_scaling import interruption
from synth_scaling.bounds import ConfigError
from synth_scaling.checks import check_folders
from synth_scaling.config import register_schemas, typed
from synth_scaling.config_errors import one_line
from synth_scaling.launchers import register_launchers
from synth_scaling.pinning import pin_worker
from synth_scaling.progress import run_folder
from synth_scaling.sweeper import GridSweeperConf, SweepFailed, register_sweeper
from synth_scaling.worker import serve

log = logging.getLogger("synth_scaling")

FLAGS = {"--dry-run": "hydra.sweeper.dry_run=true", "--no-wait": "hydra.launcher.wait=false"}


def configs(name: str) -> Path:
    """The folder `conf` or `sweeps`: of the checkout, or inside the installed package."""
    checkout = Path(__file__).parent.parent / name
    return checkout if (checkout.parent / "pyproject.toml").exists() else Path(__file__).parent / name


class Sweeps(SearchPathPlugin):
    """The sweeps that come with the package are found by name."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        search_path.append("synth_scaling", f"file://{configs('sweeps')}")


def job(config: DictConfig) -> float | None:
    """One run, or a worker of a sweep; Hydra calls it, in this process or in a launcher's. A run's test error."""
    interruption.install()
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
    from synth_scaling.results import run_once  # torch and transformers: not before the configuration is accepted

    try:
        row = run_once(run_config)
    except ConfigError as error:  # which only the model's own files could show
        if HydraConfig.get().mode is RunMode.MULTIRUN:
            raise
        refuse(error)
    log.info("the result row is %s/row.json", run_folder(run_config))
    return row["error"]


def set_up_process(threads: int = 1) -> None:
    """What the packages read when they are imported, and that joblib keeps this process."""
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    _keep_worker()


def _keep_worker() -> None:
    """joblib ends a worker that has grown by 300 MB; ours grow once, by the engine that later runs reuse."""
    process_executor = sys.modules.get("joblib.externals.loky.process_executor")
    if process_executor is not None:
        process_executor._MAX_MEMORY_LEAK_SIZE = float("inf")  # type: ignore[attr-defined]
        # A process that is started from here would be told of joblib's own way to start processes, and not know it.
        multiprocessing.set_start_method("spawn", force=True)
    if multiprocessing.current_process().name.startswith("Loky"):
        interruption.end_with_parent()


def _check_options() -> None:
    """What Hydra's parser of the command refuses, in one line; it would add how it is used."""
    parser = get_args_parser()
    names = sorted({*FLAGS, *(name for name in parser._option_string_actions if name.startswith("--"))})
    parser.error = lambda message: refuse(ConfigError(f"{message}; allowed are {', '.join(names)}"))  # type: ignore[method-assign]
    parser.parse_args()


def refuse(error: Exception) -> NoReturn:
    """One line, exit code 2."""
    line = one_line(error)
    if isinstance(error, MissingConfigException) and "primary config '" in line:
        names = ", ".join(sorted(path.stem for path in configs("sweeps").glob("*.yaml")))
        line = f"--config-name={error.missing_cfg_file}: allowed are config, {names}, or a file in --config-dir"
    print(f"configuration refused: {line}", file=sys.stderr)
    sys.exit(2)


def set_up_logging() -> None:
    """Our own lines go to standard error with the time; other packages speak up from warnings on."""
    if not log.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
        log.addHandler(handler)
        log.propagate = False


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
    except interruption.Interrupted as error:
        print(f"{error}: what is made is kept, the same command goes on from it", file=sys.stderr)
        raise
    except SweepFailed as error:
        print(error, file=sys.stderr)
        sys.exit(1)
