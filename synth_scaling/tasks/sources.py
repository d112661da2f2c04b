"""Sources of the questions of a public data set: files on disk, or a pinned revision on the Hugging Face hub."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synth_scaling.system.jsonl import SUFFIXES, content_digest, read_rows
from synth_scaling.tasks.options import FileOptions
from synth_scaling.tasks.task import TaskOptions

Row = tuple[Path, int, dict[str, Any]]  # file and line (or hub part and row) for messages, and the fields


@dataclass(frozen=True)
class Source:
    """A data set. Its parts are files below `path`, named with or without suffix, or splits of `hub`."""

    task: str
    path: str | None
    hub: str | None
    revision: str | None
    subsets: Sequence[str]  # the hub's configurations, read in this order
    download: str  # address of the files, for messages

    def rows(self, parts: Sequence[str]) -> Iterator[Row]:
        """Every row of `parts` in order. Raises ValueError naming the files to download and their place."""
        if self.path is not None:
            for part in parts:
                file = self.file(part)
                for number, row in read_rows(file):
                    yield file, number, row
        elif self.hub is not None:
            yield from self._from_hub(parts)
        else:
            raise ValueError(f"task.path=null: task={self.task} needs its files; {self._advice(parts)}")

    def file(self, part: str) -> Path:
        """The file of a part of the data set. Raises ValueError naming the file that is expected."""
        folder = Path(self.path or "")
        for suffix in ("", *SUFFIXES):
            if (file := folder / f"{part}{suffix}").is_file():
                return file
        raise ValueError(
            f"task.path={folder}: no {part}.jsonl, {part}.jsonl.gz or {part}.parquet there; "
            f"{self._advice([part], str(folder))}"
        )

    def _from_hub(self, parts: Sequence[str]) -> Iterator[Row]:
        if not self.revision:
            raise ValueError(
                f"task.revision={self.revision}: allowed is the commit of task.hub={self.hub}, 40 hex digits"
            )
        if not _cached(self.hub or "") and os.environ.get("HF_HUB_OFFLINE", "") in ("1", "true", "TRUE"):
            raise ValueError(
                f"task.hub={self.hub}: HF_HUB_OFFLINE is set and the data set is not in the cache; "
                f"run once with HF_HUB_OFFLINE=0, or {self._advice(parts)}"
            )
        from datasets import load_dataset

        for subset in self.subsets or (None,):
            for part in parts:
                try:
                    table = load_dataset(self.hub, subset, split=part, revision=self.revision)
                except Exception as error:  # the hub's client raises a dozen kinds
                    reason = " ".join(str(error).split())[:200]
                    raise ValueError(
                        f"task.hub={self.hub}: {subset or 'default'}/{part} at {self.revision} could not be loaded "
                        f"({reason}); {self._advice(parts)}"
                    ) from None
                for number, row in enumerate(table, start=1):
                    yield Path(f"{self.hub}/{subset or ''}/{part}"), number, dict(row)

    def _advice(self, parts: Sequence[str], folder: str = "FOLDER") -> str:
        files = ", ".join(f"{folder}/{part}.jsonl" for part in parts)
        return f"download {self.download}, put it at {files} (.jsonl.gz or .parquet will do) and set task.path={folder}"


def contents_of_files(options: TaskOptions) -> dict[str, list[str]]:
    """The entries of a run's hash that stand for `task.path`: digests of the task's files; {} if it has none.

    Raises ValueError if one is missing.
    """
    if not isinstance(options, FileOptions) or options.path is None:
        return {}
    source = Source(options.name, options.path, None, None, (), "")
    parts = [*options.train_parts, *options.test_parts]
    return {"path": [content_digest(source.file(part)) for part in parts]}


def _cached(hub: str) -> bool:
    from huggingface_hub.constants import HF_HUB_CACHE

    return (Path(HF_HUB_CACHE) / f"datasets--{hub.replace('/', '--')}").is_dir()
