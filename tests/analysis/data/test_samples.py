"""Sampled responses beside live and collected rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.data.results import collect, load
from analysis.data.samples import SCHEMA, read_samples
from analysis.errors import InputError
from tests.support.made_samples import made_sample, write_run_samples


def names(table: pa.Table) -> list[tuple[str, str]]:
    return list(zip(table.column("run").to_pylist(), table.column("problem").to_pylist(), strict=True))


def test_samples_are_read_by_run_from_either_form_and_taken_along(tmp_path, write_run):
    live, collected = tmp_path / "live", tmp_path / "collected"
    rows = [write_run(live, 0.3, problems=size) for size in (100, 200)]
    write_run(live, 0.3, problems=400)  # finished before samples were written
    for row in rows:
        write_run_samples(live, row["run"], [made_sample(problem="train/1"), made_sample(problem="train/0", values=())])
    runs = list(load(live).rows["run"])
    table = read_samples(live, runs)
    assert table is not None and table.schema == SCHEMA
    wanted = [(row["run"], problem) for row in rows for problem in ("train/1", "train/0")]
    assert names(table) == wanted
    assert names(read_samples(live, runs[1::-1]) or pa.table({})) == wanted[2:] + wanted[:2]
    collect([live], collected)
    assert read_samples(collected, runs) == table
    before = (collected / "samples.parquet").read_bytes()
    collect([collected], tmp_path / "again")
    assert (tmp_path / "again" / "samples.parquet").read_bytes() == before


def test_a_study_without_samples_has_none_and_leaves_no_old_file(tmp_path, write_run):
    row = write_run(tmp_path / "live", 0.3)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "samples.parquet").write_bytes(b"of another study")
    collect([tmp_path / "live"], tmp_path / "out")
    assert read_samples(tmp_path / "live", [row["run"]]) is None
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["correct.parquet", "rows.jsonl"]


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ({"values": (0.5,)}, "a response of 3 steps has 1 values"),
        ({"steps": 7}, "the column .steps.: "),
        ({"policy": None}, "the column 'policy' is missing"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, write_run: Any, broken: dict[str, Any], says: str) -> None:
    row = write_run(tmp_path, 0.3)
    sample = {**made_sample(), **broken}
    columns = {name: [value] for name, value in sample.items() if value is not None or name != "policy"}
    path = tmp_path / "runs" / row["run"] / "samples.parquet"
    pq.write_table(pa.table(columns), path)
    with pytest.raises(InputError, match=f"{path}: .*{says}"):
        read_samples(tmp_path, [row["run"]])
    path.write_bytes(b"PAR1")
    with pytest.raises(InputError, match=f"{path}: cannot be read"):
        read_samples(tmp_path, [row["run"]])
