"""One W&B run, recorded offline without an API key, if the server does not answer, and after any error of W&B.

After an error everything so far is recorded again, in an offline run. Only a second one ends the tracking of that run:
a tracker never stops a run.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from synth_scaling.config.schema import TrackingOptions
from synth_scaling.core.hashing import content_hash
from synth_scaling.core.terminal import printable
from synth_scaling.system.environment import environment
from synth_scaling.tracking.wandb_service import close_service, close_service_at_exit

log = logging.getLogger("synth_scaling")

MODES = ("online", "offline", "disabled")  # of WANDB_MODE
PATIENCE = 20  # [s] until a run without an answer is recorded offline (WANDB_INIT_TIMEOUT)
Event = Callable[[Any], None]  # is given the W&B run
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
        self._events: list[Event] = []  # so far, to record them again
        self._start = functools.partial(
            _started,
            folder=folder,
            id=content_hash({job_type: digest, "sweep": sweep}),
            project=options.project,
            group=sweep,
            job_type=job_type,
            name=printable(name),
            tags=list(dict.fromkeys(printable(tag)[:64] for tag in tags if tag)),  # W&B's limits
            config=dict(config),
        )
        try:
            self.run = self._start(options.mode)
            _Worker.open.add(self)
        except Exception as error:  # any error, of W&B, its service or the system: none may stop a run
            self._give_up(error)

    def curve(self, stage: str, point: Mapping[str, float], axis: str = "step") -> None:
        """A point of the curves STAGE/*, which are drawn against `point[axis]`."""
        if stage not in self.axes:
            self.axes.add(stage)
            self._do(lambda run: run.define_metric(f"{stage}/{axis}", hidden=True))
            self._do(lambda run: run.define_metric(f"{stage}/*", step_metric=f"{stage}/{axis}"))
        values = {f"{stage}/{name}": value for name, value in point.items()}
        self._log(lambda: values)

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        def values() -> dict[str, Any]:  # a table belongs to the run that it was logged in
            import wandb

            return {name: wandb.Table(columns=list(columns), data=[list(row) for row in rows])}

        self._log(values)

    def summary(self, values: Mapping[str, Any]) -> None:
        self._do(lambda run: run.summary.update(values))

    def finish(self, code: int) -> None:
        def finish(run: Any) -> None:
            where = run.settings.sync_dir
            try:
                run.finish(exit_code=code)
            except TimeoutError:
                _Worker.no_answer = f"{self.name} could not be uploaded in {UPLOAD_SECONDS} s"
                log.warning("W&B: %s, it is on disk: wandb sync %s", _Worker.no_answer, where)

        self._do(finish)
        self._end()

    def _log(self, values: Callable[[], Mapping[str, Any]]) -> None:
        step = self.step
        self._do(lambda run: run.log(dict(values()), step=step, commit=True))
        self.step += 1

    def _do(self, event: Event) -> None:
        """Apply `event` to the W&B run. If that fails, record all events so far in an offline run."""
        if self.run is None:
            return
        self._events.append(event)
        try:
            event(self.run)
        except Exception as error:
            try:
                self._record_again()
            except Exception:
                self._give_up(error)
            else:
                log.warning("W&B: %s is recorded again, offline (%s)", self.name, _first_line(error))

    def _record_again(self) -> None:
        _Worker.open.discard(self)
        if not _Worker.open:  # its service may have died
            close_service()
        try:
            self.run = self._start("offline")
        except Exception:  # so may it while other runs are open: they will be recorded again, too
            close_service()
            self.run = self._start("offline")
        _Worker.open.add(self)
        for event in self._events:
            event(self.run)

    def _give_up(self, error: Exception) -> None:
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


def _started(mode: str, *, folder: Path, **of_the_run: Any) -> Any:
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
            git_commit=environment()["commit"],  # of this code, whatever folder the command was started in
            reinit="create_new",  # a stage's run may be open beside this one
            init_timeout=_patience(),
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
        try:
            run = start("offline")
        except Exception:  # variables that W&B refuses, such as a key with a space
            with _without_variables():
                run = start("offline")
            why = f"refused: {_first_line(error)}"
        mode = "offline"
    close_service_at_exit()
    if mode == "offline" and not _Worker.announced:
        _Worker.announced = True
        log.info("W&B: recorded offline (%s), to upload: wandb sync %s/*/wandb/offline-run-*", why, folder.parent)
    return run


def _patience() -> float:
    try:
        return float(os.environ.get("WANDB_INIT_TIMEOUT", PATIENCE))
    except ValueError:
        return PATIENCE


@contextlib.contextmanager
def _without_variables() -> Iterator[None]:
    """Context without the environment's variables of W&B."""
    variables = {name: value for name, value in os.environ.items() if name.startswith("WANDB_")}
    for name in variables:
        del os.environ[name]
    close_service()  # its settings are read once a process
    try:
        yield
    finally:
        os.environ.update(variables)


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
