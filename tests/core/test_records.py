"""Every row travels through Parquet unchanged."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth_scaling.core.records import (
    NLLRow,
    PolicyRow,
    PreferenceRow,
    PrefixValue,
    Problem,
    Response,
    ResponseLogProbs,
    ResponseValues,
    UnpairedRow,
    read_table,
    write_table,
)

TOKENS = st.lists(st.integers(0, 2**31), max_size=4).map(tuple)
FLOATS = st.floats(allow_nan=False)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
ROWS = {
    Problem: st.builds(Problem, TEXT, TEXT, TEXT, st.integers(-(2**63), 2**63 - 1)),
    Response: st.builds(Response, TEXT, st.integers(-1, 99), TOKENS, st.booleans(), st.integers(0, 1)),
    PrefixValue: st.builds(
        PrefixValue, TEXT, TOKENS, FLOATS, st.integers(1, 64), st.lists(TOKENS, max_size=3).map(tuple)
    ),
    ResponseValues: st.builds(ResponseValues, st.integers(0, 99), TOKENS, st.lists(FLOATS, max_size=4).map(tuple)),
    NLLRow: st.builds(NLLRow, TOKENS, TOKENS, st.booleans(), st.none() | st.lists(FLOATS, max_size=4).map(tuple)),
    PolicyRow: st.builds(
        PolicyRow,
        TOKENS,
        TOKENS,
        st.booleans(),
        st.booleans(),
        st.lists(FLOATS, max_size=4).map(tuple),
        st.none() | st.lists(FLOATS, max_size=4).map(tuple),
        FLOATS,
    ),
    ResponseLogProbs: st.builds(ResponseLogProbs, st.integers(0, 99), st.lists(FLOATS, max_size=4).map(tuple)),
    UnpairedRow: st.builds(UnpairedRow, TOKENS, TOKENS, st.booleans(), st.booleans()),
    PreferenceRow: st.builds(PreferenceRow, TOKENS, TOKENS, st.booleans(), TOKENS, st.booleans()),
}
KINDS = pytest.mark.parametrize("kind", ROWS, ids=lambda kind: kind.__name__)


@KINDS
@settings(max_examples=40)
@given(st.data())
def test_a_table_reads_back_as_it_was_written(kind: type, data: st.DataObject) -> None:
    rows = data.draw(st.lists(ROWS[kind], max_size=4))
    with TemporaryDirectory() as folder:
        write_table(Path(folder) / "rows.parquet", rows, kind)
        assert read_table(Path(folder) / "rows.parquet", kind) == rows


@KINDS
def test_an_empty_table_reads_back_as_an_empty_list(kind: type, tmp_path: Path) -> None:
    write_table(tmp_path / "rows.parquet", [], kind)
    assert read_table(tmp_path / "rows.parquet", kind) == []


@pytest.mark.parametrize(
    "weights",
    [[None], [None, None], [(), None], [(0.5, 2.0), None, (1.0,)]],
    ids=["none", "all none", "empty and none", "some none"],
)
def test_no_weights_stay_no_weights(weights: list[tuple[float, ...] | None], tmp_path: Path) -> None:
    rows = [NLLRow((1,), (2, 3), True, given) for given in weights]
    write_table(tmp_path / "rows.parquet", rows, NLLRow)
    assert [row.weights for row in read_table(tmp_path / "rows.parquet", NLLRow)] == weights


def test_records_read_back_can_be_hashed_and_compared_like_those_written(tmp_path: Path) -> None:
    rows = [PrefixValue("p", (), 0.25, 8, ((1, 2), ())), PrefixValue("p", (3,), 0.0, 8, ())]
    write_table(tmp_path / "rows.parquet", rows, PrefixValue)
    assert {row: row.correct for row in read_table(tmp_path / "rows.parquet", PrefixValue)} == {
        row: row.correct for row in rows
    }
