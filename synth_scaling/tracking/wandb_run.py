"""One W&B run, recorded offline without an API key or if the server does not answer.

An error of W&B is logged once and ends the tracking of that run: a tracker never stops a run.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from synth_scaling.config.schema import TrackingOptions
from synth_scaling.core.hashing import content_hash
from synth_scaling.tracking.wandb_service import close_service, close_service_at_exit

log = logging.getLogger("synth_scaling")

MODES = ("online", "offline", "disabled")  # of WANDB_MODE
PATIENCE = 20  # [s] until a run without an answer is recorded offline (WANDB_INIT_TIMEOUT)
UPLOAD_SECONDS = 20  # for the upload when a run ends; clusters give 30 s after SIGTERM


class WandbRun:
    """One W&B run in the group of its sweep; its id depends on job type, `digest` and sweep."""

    def __init__(
        self,
        options: TrackingOptions,
        folder: Path,
        sweep: str,
        job_type: str,
        digest: str,
        *,
        name: str,
        tags: Sequence[str],
        config: Mapping[str, Any],
    ) -> None:
        self.name = name
        self.run: Any = None  # None: not started, failed, or finished
        self.step = 0  # W&B's step: of a run tracked again it drops points that it has
        self.axes: set[str] = set()  # stages with an x-axis of their curves
        with self._log_errors():
            self.run = _started(
                options.mode,
                folder,
                id=content_hash({job_type: digest, "sweep": sweep}),
                project=options.project,
                group=sweep,
                job_type=job_type,
                name=name,
                tags=list(dict.fromkeys(tag[:64] for tag in tags if tag)),  # W&B's limits
                config=dict(config),
            )
            _Worker.open.add(self)

    def curve(self, stage: str, point: Mapping[str, float]) -> None:
        with self._log_errors():
            if self.run is not None and stage not in self.axes:
                self.axes.add(stage)
                self.run.define_metric(f"{stage}/step", hidden=True)
                self.run.define_metric(f"{stage}/*", step_metric=f"{stage}/step")
        self._log({f"{stage}/{name}": value for name, value in point.items()})

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        with self._log_errors():
            import wandb

            self._log({name: wandb.Table(columns=list(columns), data=[list(row) for row in rows])})

    def summary(self, values: Mapping[str, Any]) -> None:
        with self._log_errors():
            if self.run is not None:
                self.run.summary.update(values)

    def finish(self, code: int) -> None:
        with self._log_errors():
            if self.run is not None:
                where = self.run.settings.sync_dir
                try:
                    self.run.finish(exit_code=code)
                except TimeoutError:
                    _Worker.no_answer = f"{self.name} could not be uploaded in {UPLOAD_SECONDS} s"
                    log.warning("W&B: %s, it is on disk: wandb sync %s", _Worker.no_answer, where)
        self._end()

    def _log(self, values: Mapping[str, Any]) -> None:
        with self._log_errors():
            if self.run is not None:
                self.run.log(dict(values), step=self.step, commit=True)
        self.step += 1

    @contextlib.contextmanager
    def _log_errors(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # any error, of W&B, its service or the system: none may stop a run
            log.warning("W&B: %s is not tracked any further (%s)", self.name, _first_line(error))
            self._end()

    def _end(self) -> None:
        self.run = None
        _Worker.open.discard(self)


class _Worker:
    """State of W&B in this process, shared by its runs."""

    no_answer: str | None = None  # why runs are recorded offline although they could be online
    announced = False  # the log says how to upload offline runs
    open: ClassVar[set[WandbRun]] = set()


def _started(mode: str, folder: Path, **of_the_run: Any) -> Any:
    """Start a W&B run: online if mode, key and network allow it, else offline."""
    import wandb

    def start(mode: Any) -> Any:
        for earlier in folder.glob(f"wandb/offline-run-*-{of_the_run['id']}"):
            shutil.rmtree(earlier)  # of an interrupted attempt, which this one records again
        settings = wandb.Settings(
            silent=True,
            console="off",
            x_disable_meta=True,
            x_save_requirements=False,  # slow, and the row has the relevant versions
            reinit="create_new",  # a stage's run may be open beside this one
            init_timeout=float(os.environ.get("WANDB_INIT_TIMEOUT", PATIENCE)),
            finish_timeout=UPLOAD_SECONDS,
            finish_timeout_raises=True,
        )
        return wandb.init(dir=str(folder), mode=mode, resume="allow", settings=settings, **of_the_run)

    mode, why = _mode(mode)
    try:
        run = start(mode)
    except Exception as error:
        if mode == "online":
            why = _Worker.no_answer = f"no answer: {_first_line(error)}"
        if not _Worker.open:  # its service may have died, or hold the id of the run that did not start
            close_service()
        run, mode = start("offline"), "offline"
    close_service_at_exit()
    if mode == "offline" and not _Worker.announced:
        _Worker.announced = True
        log.info("W&B: recorded offline (%s), to upload: wandb sync %s/*/wandb/offline-run-*", why, folder.parent)
    return run


def _mode(mode: str) -> tuple[str, str]:
    """The mode (online, offline or disabled), and the reason."""
    wanted = os.environ.get("WANDB_MODE")
    if mode != "auto":
        why = f"tracking.mode={mode}"
    elif wanted:
        mode, why = wanted, f"WANDB_MODE={wanted}"
    elif os.environ.get("WANDB_API_KEY"):
        mode, why = "online", ""
    else:
        mode, why = "offline", "no WANDB_API_KEY"
    return ("offline", _Worker.no_answer) if mode == "online" and _Worker.no_answer else (mode, why)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
