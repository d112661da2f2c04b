"""The lines that a launch prints before it starts, which are all that `--dry-run` prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from synth_scaling.config.naming import title
from synth_scaling.config.run_folder import RunFolder
from synth_scaling.config.schema import Config
from synth_scaling.core.validation import ConfigError
from synth_scaling.forecast.duration import Forecast, duration, forecast
from synth_scaling.forecast.expected_costs import stages_of
from synth_scaling.sweep.stored import StoredStages


class Outlook:
    """The state of the runs of a launch, by name, and the forecast of those that are missing.

    With `exact`, stages that other sweeps computed count as stored.
    """

    def __init__(self, output: Path, configs: Mapping[str, Config], workers: int, exact: bool) -> None:
        self.output, self.configs, self.workers = output, configs, workers
        self.missing = {name: c for name, c in configs.items() if not RunFolder.of(output, name).is_done}
        self.done = [config for name, config in configs.items() if name not in self.missing]
        self.failed = {name for name in self.missing if RunFolder.of(output, name).failure() is not None}
        self.forecast: Forecast | None = None
        self.unknown = ""  # why there is no forecast
        if self.missing:
            try:
                store = Path(next(iter(self.missing.values())).store)
                stored = self._stored(StoredStages(store, exact))
                self.forecast = forecast(list(self.missing.values()), stored, store)
            except ConfigError as error:  # the size of the model is unknown
                self.unknown = str(error)

    def _stored(self, store: StoredStages) -> set[str]:
        """Keys of the stages that are in the store."""
        keys = {stage.key for config in self.done for stage in stages_of(config)}
        for config in self.missing.values():
            names = store.names(config)
            keys |= {stage.key for stage in stages_of(config) if stage.name in names}
        return keys

    def lines(self, verbose: bool, absent: Sequence[str] = (), lack: str | None = None) -> Iterator[str]:
        """The counts, the forecast, what this machine lacks, and with `verbose` a line per run.

        Lacking are the files that are `absent`, and the GPUs that `lack` is a line on.
        """
        many = "1 run" if len(self.configs) == 1 else f"{len(self.configs)} runs"
        counts = f"{len(self.done)} done, {len(self.failed)} failed, {len(self.missing)} to run"
        yield f"{self.output}: {many}, {counts}"
        if not self.missing:
            yield "nothing is left to compute"
        elif self.forecast is None:
            yield f"no forecast: {self.unknown}"
        else:
            yield self.forecast.line(max(1, min(self.workers, len(self.missing))))
        yield from (f"needed before the launch: {line}" for line in absent)
        if lack is not None:
            yield f"a launch on this machine would be refused: {lack}"
        if verbose:
            known = self.forecast.seconds if self.forecast else None
            seconds = {} if known is None else dict(zip(self.missing, known, strict=True))
            for name, config in self.configs.items():
                state = "failed" if name in self.failed else "to run" if name in self.missing else "done"
                left = f"  {duration(seconds[name])}" if name in seconds else ""
                yield f"  {state:8}{name}  {title(config)}{left}"
