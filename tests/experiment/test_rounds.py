"""Rounds: their pooled data, the stages that runs with more and with fewer rounds share, costs, and kills."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth_scaling.config.naming import run_folder
from synth_scaling.config.needed_stages import needed_stages
from synth_scaling.config.schema import Config
from synth_scaling.core.records import PreferenceRow, PrefixValue, Response, ResponseValues, read_table
from synth_scaling.core.stage import ROLES, in_round, round_of, stage_family
from synth_scaling.experiment.rounds import pooled
from synth_scaling.experiment.run import run_once
from synth_scaling.exporting.run import read_run
from synth_scaling.forecast.expected_costs import stages_of
from synth_scaling.methods import Graded
from synth_scaling.tracking.tracker import NoTracker
from tests.support.composing import config
from tests.support.small_runs import configuration

Row = dict[str, Any]

# -- tables ----------------------------------------------------------------------------------------------------------


def graded(*responses: tuple[int, ...], logprob: float = 0.0, rate: float = 0.5) -> Graded:
    """One problem; the last token of a response says whether it is correct."""
    rows = [Response("p", i, tokens, True, tokens[-1] % 2) for i, tokens in enumerate(responses)]
    right, wrong = [y for y in rows if y.reward], [y for y in rows if not y.reward]
    return Graded(
        {"p": (9,)},
        [Response("p", -1, (7,), True, 1)],
        right,
        wrong,
        [ResponseValues(i, (len(y.tokens),), (rate, 1.0)) for i, y in enumerate(right)],
        [ResponseValues(i, (len(y.tokens),), (rate, 0.0)) for i, y in enumerate(wrong)],
        {("p", (1,)): PrefixValue("p", (1,), rate, 4, tuple(y.tokens[1:] for y in right if y.tokens[0] == 1))},
        [(logprob,) * (len(y.tokens) + 1) for y in right],
        [(logprob,) * (len(y.tokens) + 1) for y in wrong],
        {"p": rate},
    )


def test_one_round_is_itself() -> None:
    only = graded((1, 3), (2, 4))
    assert pooled([only]) is only


def test_two_rounds_have_the_responses_of_both_each_with_what_its_newest_round_knows_of_it() -> None:
    both = pooled(
        [graded((1, 3), (2, 4), (1, 5), logprob=-1.0, rate=0.25), graded((1, 3), (6,), logprob=-2.0, rate=0.75)]
    )
    assert [y.tokens for y in both.positives] == [(1, 5), (1, 3)]
    assert both.positive_logprobs == [(-1.0,) * 3, (-2.0,) * 3]
    assert both.positive_values == [ResponseValues(0, (2,), (0.25, 1.0)), ResponseValues(1, (2,), (0.75, 1.0))]
    assert [y.tokens for y in both.negatives] == [(2, 4), (6,)]
    assert [values.response for values in both.negative_values] == [0, 1]
    assert both.prefix_values["p", (1,)] == PrefixValue("p", (1,), 0.75, 4, ((3,), (5,)))
    assert both.pass_rates == {"p": 0.5} and len(both.demonstrations) == 1


RESPONSES = st.lists(st.tuples(st.integers(1, 3), st.integers(1, 6)), max_size=6, unique=True)


@given(st.lists(RESPONSES, min_size=1, max_size=4))
def test_pooled_rounds_have_every_response_once_and_in_the_rounds_order(rounds: list[list[tuple[int, int]]]) -> None:
    parts = [graded(*responses, logprob=-float(i)) for i, responses in enumerate(rounds)]
    together = pooled(parts)
    for kind in ("positives", "negatives"):
        sampled = [y.tokens for y in getattr(together, kind)]
        assert len(set(sampled)) == len(sampled)
        assert set(sampled) == {y.tokens for part in parts for y in getattr(part, kind)}
        newest = [max(i for i, responses in enumerate(rounds) if tokens in responses) for tokens in sampled]
        assert newest == sorted(newest)
        logprobs = getattr(together, kind[:-1] + "_logprobs")
        assert [-row[0] for row in logprobs] == newest
    assert len(together.negative_values) == len(together.negatives)


@pytest.mark.parametrize("family", ROLES)
def test_names_of_rounds(family: str) -> None:
    assert in_round(family, 1) == family and round_of(family) == 1
    assert (round_of(in_round(family, 12)), stage_family(in_round(family, 12))) == (12, family)
    assert stage_family(in_round("samples_0.7", 2)) == "samples" and round_of("rollouts_3") == 1


@pytest.mark.parametrize("method", ["rft", "step_dpo", "topr"])
@pytest.mark.parametrize("keep", ["newest", "all"])
def test_the_forecast_of_more_rounds_begins_with_that_of_fewer(method: str, keep: str) -> None:
    """A later round costs as much as the first, and its training more where earlier samples are kept."""
    once = stages_of(config(f"method={method}"))
    more = stages_of(config(f"method={method}", "rounds.count=3", f"rounds.keep={keep}"))
    assert more[: len(once)] == once and len({stage.key for stage in more}) == len(more)
    of = {stage.name: stage.cost for stage in more}
    assert of["rollouts_round_3"] == of["rollouts"]
    assert (of["policy_round_3"] == of["policy"]) == (keep == "newest")
    assert of["policy_round_3"].tokens_trained >= of["policy_round_2"].tokens_trained >= of["policy"].tokens_trained


# -- runs ------------------------------------------------------------------------------------------------------------

MORE = ("engine=transformers", "method=topr", "evaluation.samples=2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rounds")


@pytest.fixture(scope="module")
def study(folder: Path) -> dict[int, Row]:
    """Rows by number of rounds, all from one store, the longest run last."""
    return {count: run_once(configuration(folder, *MORE, f"rounds.count={count}")) for count in (1, 2, 3)}


def computed(folder: Path, row: Row) -> set[str]:
    """The stages that a run computed itself."""
    lines = (folder / "out" / "runs" / row["run"] / "stages.jsonl").read_text().splitlines()
    return {line["stage"] for line in map(json.loads, lines) if "seconds" in line}


def test_more_rounds_begin_with_the_stages_of_fewer(folder: Path, study: Mapping[int, Row]) -> None:
    for count in (2, 3):
        fewer, more = study[count - 1]["hashes"], study[count]["hashes"]
        assert {name: digest for name, digest in more.items() if round_of(name) < count} == fewer
        assert computed(folder, study[count]) == more.keys() - fewer.keys()
        c = configuration(folder, *MORE, f"rounds.count={count}")
        assert list(more) == list(needed_stages(c)) == [stage.name for stage in stages_of(c)]
        assert study[count]["rounds"][:-1] == study[count - 1]["rounds"]


def test_a_row_has_the_error_after_each_round_and_costs_add_up(folder: Path, study: Mapping[int, Row]) -> None:
    for count, row in study.items():
        assert [after["round"] for after in row["rounds"]] == list(range(1, count + 1))
        amounts = {name for name in row["rounds"][-1] if name not in ("round", "pass_at_k")}
        assert {name: row["rounds"][-1][name] for name in amounts} == {name: row[name] for name in amounts}
    for name in ("tokens_trained", "tokens_sampled", "flops_training", "flops_sampling"):
        spent = [after[name] for after in study[3]["rounds"]]
        of_round = [
            sum(
                cost[name]
                for stage, cost in study[3]["costs"].items()
                if ROLES[stage_family(stage)].spent and round_of(stage) == n
            )
            for n in (1, 2, 3)
        ]
        assert spent == [sum(of_round[: i + 1]) for i in range(3)] and spent[0] < spent[1] < spent[2]
    exported = read_run(folder / "out" / "runs" / study[3]["run"])
    assert exported.policy.name == study[3]["hashes"]["policy_round_3"]
    answers = pq.read_table(folder / "out" / "runs" / study[3]["run"] / "correct.parquet").to_pydict()
    wrong = [sum(1 - counts[i] for counts in answers["rounds_correct"]) for i in range(3)]
    assert wrong == [after["wrong"] for after in study[3]["rounds"]]
    assert [counts[-1] for counts in answers["rounds_samples_correct"]] == answers["samples_correct"]


def test_all_rounds_are_kept_and_training_starts_where_it_should(folder: Path, study: Mapping[int, Row]) -> None:
    """`study` is for the base, which is stored then."""
    more = ("engine=transformers", "method=step_dpo", "rounds.count=2", "rounds.start=pi_sft")
    rows = {keep: run_once(configuration(folder, *more, f"rounds.keep={keep}")) for keep in ("newest", "all")}
    store = folder / "store" / "policy"
    of = {
        (keep, name): read_table(store / row["hashes"][name] / "rows.parquet", PreferenceRow)
        for keep, row in rows.items()
        for name in ("policy", "policy_round_2")
    }
    rejected = {key: {(row.prompt, row.rejected) for row in pairs} for key, pairs in of.items()}
    # A negative that is sampled again has the first error of its newest values, so pairs of the first round may go.
    of_first = rejected["all", "policy"] - rejected["newest", "policy_round_2"]
    assert rejected["newest", "policy_round_2"] <= rejected["all", "policy_round_2"]
    assert len(rejected["all", "policy_round_2"] & of_first) > len(of_first) / 2 > 0
    assert rows["all"]["hashes"]["policy"] == rows["newest"]["hashes"]["policy"]
    for row in rows.values():
        manifest = json.loads((store / row["hashes"]["policy_round_2"] / "stage.json").read_text())
        assert manifest["key"]["start"] == row["hashes"]["pi_sft"]


def killed(run: Config, at: str) -> None:
    """Compute a run in a process that is killed at the first point of a training curve of the stage `at`."""
    if (child := os.fork()) == 0:

        def die(self: NoTracker, stage: str, point: Mapping[str, float]) -> None:
            if stage == at:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            NoTracker.curve = die  # type: ignore[method-assign]
            run_once(run)
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def test_a_run_killed_in_its_second_round_resumes_there_and_ends_as_an_undisturbed_one(
    folder: Path, study: Mapping[int, Row], tmp_path: Path
) -> None:
    shutil.copytree(folder / "store" / "base", tmp_path / "store" / "base")
    long = configuration(tmp_path, *MORE, "rounds.count=3")
    killed(long, "policy_round_2")
    row = run_once(long)
    assert {round_of(name) for name in computed(tmp_path, row)} == {2, 3}
    assert computed(tmp_path, row) == {n for n in row["hashes"] if round_of(n) > 1} - {
        "rollouts_round_2",
        "reference_logprobs_round_2",
    }
    assert (row["hashes"], row["rounds"]) == (study[3]["hashes"], study[3]["rounds"])
    for file in ("correct.parquet", "samples.parquet"):
        assert (run_folder(long).path / file).read_bytes() == (folder / "out" / "runs" / row["run"] / file).read_bytes()
    for name in ("policy_round_2", "policy_round_3"):
        one, other = (place / "store" / "policy" / row["hashes"][name] for place in (tmp_path, folder))
        assert (one / "model.safetensors").read_bytes() == (other / "model.safetensors").read_bytes()
