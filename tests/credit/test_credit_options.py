"""conf/credit: what composes, what it stands for, what is refused, and that runs made before it keep their names."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from synth_scaling.config.naming import run_hash
from synth_scaling.core.validation import ConfigError
from synth_scaling.credit import Adaptive, Bisection, Exact, Exhaustive
from synth_scaling.credit.options import CREDIT, search_of
from tests.support.composing import changed, config, leaves

ROOT = Path(__file__).parents[2]


def test_every_file_is_a_choice_with_the_defaults_of_its_options() -> None:
    assert {path.stem for path in (ROOT / "conf" / "credit").glob("*.yaml")} == CREDIT.keys()
    for name, options in CREDIT.items():
        assert config(f"credit={name}").credit == options() and options().name == name


def test_runs_from_before_the_option_existed_keep_their_names() -> None:
    assert run_hash(config()) == run_hash(config("credit=exhaustive")) == "f7aa3b19beadcbe3"
    assert run_hash(config("method=step_dpo")) == "50dc758710ba7da3"
    # Part of the hash of a stage: what it was before there were searches.
    assert asdict(Exhaustive(16, True)) == {"k": 16, "stop_at_zero": True}
    names = {run_hash(config(*o)) for o in ([], ["credit=bisect"], ["credit=adaptive"], ["credit.as_positives=true"])}
    assert len(names) == 4


def test_a_run_is_named_by_every_option_of_its_choice() -> None:
    configurations = [config(f"credit={name}") for name in CREDIT]
    names = {run_hash(c) for c in configurations}
    names |= {run_hash(changed(c, ("credit", *path))) for c in configurations for path in leaves(c.credit)}
    assert len(names) == len(CREDIT) + sum(len(list(leaves(c.credit))) for c in configurations)


def test_each_choice_is_a_search_with_its_options() -> None:
    assert search_of(config("credit.rollouts=5").credit) == Exhaustive(5, True)
    assert search_of(config("credit.stop_at_zero=false").credit) == Exhaustive(16, False)
    assert search_of(config("credit=bisect", "credit.reuse=false").credit) == Bisection(16, False)
    forward = search_of(config("credit=forward", "credit.rollouts=32").credit)
    assert forward == Adaptive(32, 0.0, 0.95, 1, "forward", False, 4) and forward.enough == 32
    larger = search_of(config("credit=forward", "credit.rollouts=32", "credit.batch=8").credit)
    assert larger == Adaptive(32, 0.0, 0.95, 8, "forward", False, 4)
    overrides = ["credit=adaptive", "credit.epsilon=0.2", "credit.batch=3", "credit.order=forward"]
    assert search_of(config(*overrides).credit) == Adaptive(32, 0.2, 0.95, 3, "forward", True, 4)
    exact = search_of(config("credit=exact", "credit.rollouts=4").credit, lambda: iter([3, None]))
    assert exact == Exact(4, (3, None))


def test_only_tasks_that_know_first_errors_take_exact_ones() -> None:
    for task in ("maze", "star_graph", "collect model=tiny_collect", "word_stories model=smollm2_135m"):
        assert config("credit=exact", "method=step_dpo", *f"task={task}".split()).credit.name == "exact"
    words = (
        "^credit=exact: allowed are exhaustive, bisect, adaptive, forward, "
        "task=word_sums does not know where a response goes wrong$"
    )
    with pytest.raises(ConfigError, match=words):
        config("credit=exact", "method=step_dpo", "task=word_sums", "model=smollm2_135m")


@pytest.mark.parametrize("credit", ["bisect", "adaptive", "forward", "exact"])
@pytest.mark.parametrize("method", ["advantage_weighted", "rft_filtered"])
def test_methods_that_need_every_value_refuse_searches_for_pits(credit: str, method: str) -> None:
    words = f"^credit={credit}: allowed is exhaustive, method={method} needs the value of every step$"
    with pytest.raises(ConfigError, match=words):
        config(f"credit={credit}", f"method={method}")


@pytest.mark.parametrize("credit", ["bisect", "adaptive", "forward", "exact"])
@pytest.mark.parametrize("method", ["step_dpo", "step_sft", "rft", "sft"])
def test_methods_that_need_pits_or_nothing_take_them(credit: str, method: str) -> None:
    assert config(f"credit={credit}", f"method={method}").credit.name == credit


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ("credit.name=bisect", r"credit\.name=bisect: allowed is exhaustive; choose another by credit=bisect"),
        ("credit=bisect credit.stop_at_zero=false", r"credit\.stop_at_zero=false: allowed is true, credit=bisect .*"),
        ("credit=bisect credit.rollouts=0", r"credit\.rollouts=0: allowed are values of at least 1"),
        ("credit=adaptive credit.epsilon=0", r"credit\.epsilon=0\.0: allowed are values above 0"),
        ("credit=adaptive credit.epsilon=1", r"credit\.epsilon=1\.0: allowed are values up to 0\.99"),
        ("credit=adaptive credit.epsilon=nan", r"credit\.epsilon=nan: allowed are values above 0"),
        ("credit=adaptive credit.confidence=1", r"credit\.confidence=1\.0: allowed are values up to 0\.9999"),
        ("credit=adaptive credit.confidence=0", r"credit\.confidence=0\.0: allowed are values above 0"),
        ("credit=adaptive credit.batch=0", r"credit\.batch=0: allowed are values of at least 1"),
        ("credit=adaptive credit.right=0", r"credit\.right=0: allowed are values of at least 1"),
        ("credit=forward credit.batch=0", r"credit\.batch=0: allowed are values of at least 1"),
        ("credit=forward credit.right=0", r"credit\.right=0: allowed are values of at least 1"),
        ("credit=forward credit.stop_at_zero=false", r"credit\.stop_at_zero=false: allowed is true, credit=forward .*"),
        ("credit=adaptive credit.order=random", r"credit\.order=random: allowed are forward, halving"),
    ],
)
def test_impossible_options_are_refused_in_one_line(overrides: str, words: str) -> None:
    with pytest.raises(ConfigError, match=f"^{words}$"):
        config(*overrides.split())
