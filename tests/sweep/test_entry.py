"""The words of a launch in any order."""

from __future__ import annotations

import pytest
from hydra._internal.utils import get_args_parser
from hypothesis import given
from hypothesis import strategies as st

from synth_scaling.sweep.entry import options_first

OPTIONS = [["--config-name", "mini"], ["-cd", "mine"], ["--config-path=conf"], ["-m"], ["--info"], ["--cfg", "job"]]


@given(st.permutations([*OPTIONS, ["seed=1"], ["method=sft,rft"], ["output=a b"]]))
def test_options_and_overrides_come_in_any_order(groups: list[list[str]]) -> None:
    arguments = get_args_parser().parse_args(options_first([word for group in groups for word in group]))
    assert (arguments.config_name, arguments.config_dir, arguments.config_path) == ("mini", "mine", "conf")
    assert (arguments.multirun, arguments.info, arguments.cfg) == (True, "all", "job")
    assert arguments.overrides == [word for (word, *_) in groups if not word.startswith("-")]


@pytest.mark.parametrize(
    ("words", "expected"),
    [(["--config-name"], ["--config-name"]), (["seed=1", "-i", "plugins"], ["--info=plugins", "seed=1"]), ([], [])],
)
def test_missing_and_optional_values(words: list[str], expected: list[str]) -> None:
    assert options_first(words) == expected
