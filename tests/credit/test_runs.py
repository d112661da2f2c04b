"""Whole runs on a small maze with pits searched for: the pits stand, the stages are their own, the facts are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from synth_scaling.core.records import PrefixValue, read_table
from synth_scaling.experiment.run import run_once
from synth_scaling.sampling.engine import Engine
from tests.support.small_runs import configuration

pytestmark = pytest.mark.slow

Row = dict[str, Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("credit")


@pytest.fixture(scope="module")
def rows(folder: Path, engine: Engine) -> dict[str, Row]:
    """step_dpo with each choice, up to 12 completions a prefix, from one store."""
    common = ("method=step_dpo", "credit.rollouts=12")
    return {name: run_once(configuration(folder, *common, f"credit={name}")) for name in CHOICES}


CHOICES = ("exhaustive", "bisect", "adaptive", "forward", "exact")


@pytest.mark.parametrize("name", CHOICES)
def test_pits_are_found_and_paired(name: str, rows: dict[str, Row], folder: Path) -> None:
    row = rows[name]
    used, pits = row["negatives_used"], row["credit"]["pits"]
    assert sum(count for _, count in pits) == used > 10 and 0 < row["training_rows"] <= used
    at = {offset: (mean, count) for offset, mean, count in row["credit"]["negative_profile"]}
    assert at[0] == (0.0, used) and at[-1][0] > 0
    facts = row["facts"]["negative_values"]
    assert facts["prefixes"] > 0 and (facts["rounds"] > 1) == (name != "exact")
    assert facts["prefix_cache_hits"] == 0.0  # 18 tokens at most: less than a block of the cache
    place = folder / "store" / "step_values" / row["hashes"]["negative_values"]
    stored = read_table(place / "values.parquet", PrefixValue)
    assert all((value.value > 0) == bool(value.correct) for value in stored)
    if name == "exact":
        assert {value.rollouts for value in stored} == {12}
        assert row["credit"]["pits"] == row["credit"]["true_pits"] and at[-1][0] > 0.5  # mostly 1, else V(x)
    elif name == "exhaustive":
        assert {value.rollouts for value in stored} == {12} and len(stored) == facts["prefixes"]
    else:
        assert len({value.rollouts for value in stored}) > 1


def test_searches_share_all_stages_but_their_values_and_sample_less(rows: dict[str, Row]) -> None:
    for stage in ("base", "pi_sft", "rollouts"):
        assert len({row["hashes"][stage] for row in rows.values()}) == 1
    assert len({row["hashes"]["negative_values"] for row in rows.values()}) == len(CHOICES)
    assert len({row["run"] for row in rows.values()}) == len(CHOICES)
    tokens = {name: row["costs"]["negative_values"]["tokens_sampled"] for name, row in rows.items()}
    assert tokens["adaptive"] < tokens["bisect"] < tokens["exhaustive"]


def test_with_numbered_completions_forward_gives_the_policy_of_exhaustive_values(folder: Path) -> None:
    """The same pits and, with all completions of the prefixes before them, the same pairs: one stage, made once."""
    settings = ("method=step_dpo", "credit.rollouts=12", "engine.seeds=request")
    whole = run_once(configuration(folder, *settings))
    pits = run_once(configuration(folder, *settings, "credit=forward"))
    pairs = run_once(configuration(folder, *settings, "credit=forward", "credit.right=12"))
    assert whole["credit"]["pits"] == pits["credit"]["pits"] == pairs["credit"]["pits"]
    assert whole["hashes"]["policy"] == pairs["hashes"]["policy"] and whole["run"] != pairs["run"]
    sampled = [row["costs"]["negative_values"]["tokens_sampled"] for row in (whole, pairs, pits)]
    assert sampled[0] > sampled[1] > sampled[2]


def test_completed_prefixes_become_positives_where_the_option_is_set(rows: dict[str, Row], folder: Path) -> None:
    """rft then needs step values, too, and has more right responses to choose from."""
    settings = ("method=rft", "credit=adaptive", "credit.rollouts=12")
    plain = run_once(configuration(folder, *settings))
    more = run_once(configuration(folder, *settings, "credit.as_positives=true"))
    assert "negative_values" not in plain["hashes"]
    assert more["hashes"]["negative_values"] == rows["adaptive"]["hashes"]["negative_values"]
    assert more["hashes"]["rollouts"] == plain["hashes"]["rollouts"]
    assert more["positives_used"] > plain["positives_used"] and more["negatives_used"] == 0
