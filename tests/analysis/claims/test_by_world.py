"""The ledger over several worlds: which claim is judged on which rows, by which error."""

from __future__ import annotations

import json

import pytest

from analysis.__main__ import main
from analysis.claims import claims
from analysis.claims.by_world import by_world
from analysis.study.studies import Studies
from tests.support.made_rows import point, results_of, write

SIZES = (100, 200, 400, 800)
WORTH_MORE = "per-step negatives are worth more than no extra data"


def _world(task: str, greedy: float, sampled: float | None):
    """Rows in which step_dpo is worth so many times the data of sft, by greedy and by sampled error."""
    points = [
        point(label, n, 4 * (worth * n) ** -0.5, task=task)
        | ({} if also is None else {"sampled_rate": 2 * (also * n) ** -0.25})
        for label, worth, also in (("sft", 1.0, None if sampled is None else 1.0), ("step_dpo", greedy, sampled))
        for n in SIZES
    ]
    return results_of(points, tested=500, shared=1.0)


@pytest.fixture(scope="module")
def worlds():
    """A negative is worth 3x in maze; in collect 0.5x by greedy error and 4x by sampled error."""
    star = results_of([point("sft", 100, 0.5, task="star_graph", config={"task": {"degree": 2}})], tested=100)
    return {"maze": _world("maze", 3.0, None), "collect": _world("collect", 0.5, 4.0), "star": star}


def test_every_claim_is_judged_by_world_and_measure(worlds):
    ledger = by_world(list(worlds.items()), n_draws=100)
    assert ledger.worlds == ("maze", "collect", "star_graph")
    assert dict(ledger.measures) == {"maze": ("greedy",), "collect": ("greedy", "sampled"), "star_graph": ("greedy",)}
    verdicts = {key: claim.verdict for key, claim in ledger.claims[WORTH_MORE].items()}
    assert verdicts == {
        ("maze", "greedy"): "holds",
        ("collect", "greedy"): "contradicted",
        ("collect", "sampled"): "holds",
    }
    every = claims(Studies(worlds["collect"].measured_by("sampled"), 100))
    alone = {claim.claim: claim for claim in every if claim.task == "collect"}
    assert alone == {text: at["collect", "sampled"] for text, at in ledger.claims.items() if text in alone}
    star = "sft stays at a guess of the first hop, 1/degree"
    assert set(ledger.claims[star]) == {("star_graph", "greedy")}


def test_two_folders_of_one_task_are_two_worlds(worlds):
    ledger = by_world([("a", worlds["maze"]), ("b", worlds["maze"])], n_draws=20)
    assert ledger.worlds == ("maze (a)", "maze (b)")
    assert len(set(ledger.claims[WORTH_MORE].values())) == 1


def test_one_table_and_its_json(worlds, tmp_path, capsys):
    for name, results in worlds.items():
        write(results, tmp_path / name)
    folders = [str(tmp_path / name) for name in worlds]
    assert main(["claims", *folders, "--by-world", "--draws", "50"]) == 0
    shown = capsys.readouterr().out
    for text in ("maze", "collect", "star_graph", "greedy: contradicted", "sampled: holds"):
        assert text in shown
    assert main(["claims", *folders, "--by-world", "--draws", "50", "--json"]) == 0
    printed = {one["claim"]: one for one in json.loads(capsys.readouterr().out)}
    one = printed[WORTH_MORE]
    assert one["rule"].startswith("geometric mean of M(N) of step_dpo")
    assert set(one["worlds"]) == {"maze", "collect"} and one["worlds"]["maze"]["sampled"] is None
    assert one["worlds"]["collect"]["sampled"]["verdict"] == "holds"
    assert one["worlds"]["collect"]["sampled"]["estimate"] == pytest.approx(4, rel=0.1)
