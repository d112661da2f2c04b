"""Kappa of each method against a control without negatives."""

from __future__ import annotations

import pytest

from analysis.claims import kappas
from analysis.study.study import Study
from tests.support.asked_claims import ask_one, curve
from tests.support.made_rows import Point, point, results_of


def _worth(kappa: float, control: float, label: str = "reinforce") -> list[Point]:
    """Labels that reach the error of N + kappa M and N + control M problems with M = 4 N negatives; sft: 5 N^-1/2."""
    others = {label: kappa, kappas.CONTROLS[label]: control}
    return [
        *curve("sft", 5.0, sizes=(100, 200, 400, 800, 1600, 3200)),
        *(
            point(name, n, 5.0 * (n * (1 + 4 * worth)) ** -0.5, negatives_used=4 * n)
            for name, worth in others.items()
            if name != "sft"
            for n in (100, 200)
        ),
    ]


def test_kappa_of_a_method_beyond_its_positives():
    claim = (kappas.claims, "negatives of reinforce")
    holds = ask_one(_worth(1.5, 0.5), *claim)
    assert holds.verdict == "holds" and holds.estimate == pytest.approx(1.0, rel=0.05)
    assert holds.note.startswith("N = 100: +") and holds.low is not None and holds.high is not None
    assert ask_one(_worth(0.25, 1.5), *claim).verdict == "contradicted"
    unclear = ask_one(_worth(0.5, 0.5), *claim, shared=0.0, tested=200)
    assert unclear.verdict == "inconclusive" and unclear.needed.endswith(("seeds", "problems"))
    beyond = ask_one(_worth(40.0, 0.5), *claim)
    assert (beyond.verdict, beyond.high) == ("holds", None)
    assert ask_one(_worth(0.5, 40.0), *claim).low is None
    nothing = ask_one(_worth(40.0, 50.0), *claim)
    assert (nothing.verdict, nothing.low, nothing.high) == ("inconclusive", None, None)
    # At N = 200 both lie beyond 3,200 problems: 100 (1 + 4 * 5) = 2,100 and 1,900 remain.
    half = ask_one(_worth(5.0, 4.5), *claim)
    assert "200" not in half.note and half.estimate == pytest.approx(0.5, rel=0.2)
    alone = ask_one(_worth(1.5, 0.0, "rejected_only"), kappas.claims, "negatives of rejected_only")
    assert alone.verdict == "holds" and alone.estimate == pytest.approx(1.5, rel=0.05)


def test_kappa_needs_the_control_negatives_and_a_law_that_falls():
    points = _worth(1.5, 0.5)
    assert kappas.claims(Study(results_of([p for p in points if p["label"] != "reinforce, positives only"]))) == []
    assert kappas.claims(Study(results_of([p | {"negatives_used": 0} for p in points]))) == []
    rising = [p | {"rate": 1 / p["rate"] / 20} if p["label"] == "sft" else p for p in points]
    claim = ask_one(rising, kappas.claims, "negatives of reinforce")
    assert claim.verdict == "inconclusive" and "does not fall" in claim.note
