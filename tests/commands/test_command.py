"""The `synth-scaling` command: its overview, the help of every command, and mistyped words."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from analysis.commands.verbs import VERBS
from synth_scaling import cli, run
from synth_scaling.config.search_path import choices, configs, sweep_names
from synth_scaling.core.suggestions import closest, did_you_mean

ROOT = Path(__file__).parents[2]


def test_the_overview_names_every_command_and_every_sweep_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == cli.main([]) == 0
    text = capsys.readouterr().out
    listed = re.findall(r"^  (\S+)  +\S", text, re.MULTILINE)
    assert listed == 2 * [*cli.VERBS, *cli.ANALYSIS, *sweep_names()]
    assert all(len(line) > 30 for line in text.splitlines() if line.startswith("  "))


def test_the_overview_lists_the_commands_of_the_analysis_with_their_summaries() -> None:
    assert {name: verb.summary for name, verb in VERBS.items()} == cli.ANALYSIS


@pytest.mark.parametrize("verb", [*cli.VERBS, *cli.ANALYSIS])
def test_every_command_has_a_help_with_an_example(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = cli.main([verb, "--help"])
    except SystemExit as end:  # argparse ends the process
        code = end.code or 0
    out, err = capsys.readouterr()
    assert (code, err) == (0, "") and verb in out
    if verb in cli.VERBS:
        assert re.search(r"example", out, re.IGNORECASE) or verb == "estimate"


def test_the_sentence_of_a_sweep_ends_where_its_question_ends() -> None:
    assert cli.question(configs("sweeps") / "demo.yaml") == ("What is a correct, what an incorrect response worth?")


def test_the_help_of_run_names_every_choice_but_the_teachers_engine(capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["--help"]) == 0
    text = capsys.readouterr().out
    for group in run.GROUPS:
        (line,) = (line for line in text.splitlines() if line.startswith(f"  {group}="))
        assert line.split("=")[1].split() == [f"{n}," for n in run.listed(group)[:-1]] + run.listed(group)[-1:]
    assert set(choices("engine")) - set(run.listed("engine")) == {"openai"}


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("stauts", "synth-scaling: stauts: no such command; did you mean status?"),
        ("fitjoint", "synth-scaling: fitjoint: no such command; did you mean fit-joint?"),
        ("demo", "synth-scaling: demo: no such command; the sweep of this name runs with --config-name demo"),
        ("xyzzy", "synth-scaling: xyzzy: no such command; synth-scaling --help lists the commands"),
    ],
)
def test_a_mistyped_command_is_answered_with_the_closest(
    word: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([word, "outputs/demo"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith(line) and err.count("\n") == 1


def test_suggestions_are_similar_words_only() -> None:
    assert closest("Step_DPO", ["sft", "step_dpo"]) == "step_dpo"
    assert did_you_mean("sfft", ["sft", "rft"]) == "; did you mean sft?"
    assert did_you_mean("mcts", ["sft", "rft"]) == ""


LIGHT = {"": 0, "run": 0, "teach": 0, "store": 0, "contamination": 0, "retry": 0, "status": 0, "export": 0}
HEAVY = ("torch", "transformers", "vllm", "hydra", "numpy", "pandas", "scipy", "pyarrow")


@pytest.mark.parametrize("verb", LIGHT)
def test_help_loads_no_large_library(verb: str) -> None:
    code = (
        "import sys\nfrom synth_scaling.cli import main\n"
        "try: main(sys.argv[1:])\nexcept SystemExit: pass\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    words = [*filter(None, [verb]), "--help"]
    done = subprocess.run([sys.executable, "-c", code, *words], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_both_forms_of_a_command_print_the_same_help() -> None:
    for verb in ("status", "retry", "store", "grade", "teach", "contamination", "export", "crosscheck"):
        forms = (["synth_scaling", verb], [f"synth_scaling.{verb}"])
        texts = {
            subprocess.run(
                [sys.executable, "-m", *form, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
            ).stdout
            for form in forms
        }
        assert len(texts) == 1 and "Example" in texts.pop()


def test_no_command_imports_the_analysis_before_it_is_requested() -> None:
    """`analysis` is imported by name when one of its commands is requested: experiments run without it."""
    tree = ast.parse(Path(cli.__file__).read_text(encoding="utf-8"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not any(name and name.startswith("analysis") for name in imported)
