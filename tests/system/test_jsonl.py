"""Rows of Parquet files with values that JSON does not have; outputs that are written whole or not at all."""

from __future__ import annotations

import datetime
import json
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from synth_scaling import contamination, grade
from synth_scaling.system.jsonl import check_output, json_line, read_rows, write_rows

ODD = {
    "at": datetime.datetime(2024, 2, 29, 12, 30, tzinfo=datetime.UTC),
    "day": datetime.date(2024, 2, 29),
    "hour": datetime.time(12, 30),
    "took": datetime.timedelta(minutes=1, milliseconds=500),
    "price": Decimal("12.3400"),
    "raw": b"\x00\xff",
}
WRITTEN = {
    "at": "2024-02-29T12:30:00+00:00",
    "day": "2024-02-29",
    "hour": "12:30:00",
    "took": 60.5,
    "price": "12.3400",
    "raw": "AP8=",
}


@pytest.fixture
def parquet(tmp_path: Path) -> Path:
    """Two responses, one of them correct, with columns of every odd type."""
    rows = [{"response": f"#### {n}", "answer": "18", "question": f"how many are {n}?", **ODD} for n in (18, 19)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "in.parquet")
    return tmp_path / "in.parquet"


def test_values_that_json_does_not_have_become_text(parquet: Path) -> None:
    (_, row), _ = read_rows(parquet)
    assert {key: value for key, value in json.loads(json_line(row)).items() if key in WRITTEN} == WRITTEN


def test_grade_and_contamination_write_such_rows(parquet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    graded, clean = parquet.with_name("graded.jsonl.gz"), parquet.with_name("clean.jsonl")
    assert grade.main(["task=gsm8k", f"input={parquet}", f"output={graded}"]) == 0
    rows = [row for _, row in read_rows(graded)]
    assert [row["reward"] for row in rows] == [1, 0] and rows[0]["at"] == WRITTEN["at"]
    test = parquet.with_name("test.jsonl")
    test.write_text(json.dumps({"question": "how many are 19?"}) + "\n")
    assert contamination.main([f"input={parquet}", f"test={test}", f"output={clean}"]) == 0
    assert [json.loads(line)["response"] for line in clean.read_text().splitlines()] == ["#### 18"]


def test_a_value_of_an_unknown_type_is_refused_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^in:2: a value of type complex cannot be written as JSON$"):
        check_output(tmp_path / "out.jsonl", [(1, {"x": 1}), (2, {"x": 1j})], Path("in"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["out.parquet", "out.csv", "out.JSONL.zip", "out", "in.parquet"])
def test_an_output_of_another_format_is_refused_before_the_work(name: str, parquet: Path, capsys) -> None:
    output, before = parquet.with_name(name), parquet.read_bytes()
    assert grade.main(["task=gsm8k", f"input={parquet}", f"output={output}"]) == 2
    assert "allowed are names that end in .jsonl, .jsonl.gz" in capsys.readouterr().err
    assert parquet.read_bytes() == before and [file.name for file in parquet.parent.iterdir()] == ["in.parquet"]


def test_an_output_that_is_the_input_is_refused(tmp_path: Path, capsys) -> None:
    rows, link = tmp_path / "rows.jsonl", tmp_path / "link.jsonl"
    rows.write_text(json.dumps({"question": "how many?", "response": "#### 1", "answer": "1"}) + "\n")
    link.symlink_to(rows)
    assert grade.main(["task=gsm8k", f"input={rows}", f"output={link}"]) == 2
    assert contamination.main([f"input={rows}", f"test={rows}", f"output={rows}"]) == 2
    assert capsys.readouterr().err.count("is the input, which would be lost") == 2 and "reward" not in rows.read_text()


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz"])
def test_an_output_that_fails_half_way_leaves_the_old_file(name: str, tmp_path: Path) -> None:
    write_rows(tmp_path / name, [{"x": 1}])
    before = (tmp_path / name).read_bytes()
    with pytest.raises(ValueError, match="complex"):
        write_rows(tmp_path / name, [{"x": 2}, {"x": 1j}])
    assert (tmp_path / name).read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_a_mistyped_file_is_answered_with_the_closest(tmp_path: Path) -> None:
    (tmp_path / "responses.jsonl").touch()
    with pytest.raises(ValueError, match=r"respones\.jsonl: no such file; did you mean responses\.jsonl\?$"):
        list(read_rows(tmp_path / "respones.jsonl"))
