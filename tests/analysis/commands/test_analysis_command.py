from __future__ import annotations

import json
import subprocess
import sys

import pytest

from analysis.__main__ import main
from analysis.commands.verbs import VERBS


def test_table_shows_all_tables(simulated, capsys):
    assert main(["table", str(simulated), "--draws", "200"]) == 0
    shown = capsys.readouterr().out
    titles = (
        "Test error, greedy, in %",
        "Power law",
        "data that sft needs for the same error",
        "Geometric mean of M(N)",
    )
    for title in (*titles, "Paired difference of test error"):
        assert title in shown
    assert "100 to 400" in shown and "distinguishable (below)" in shown
    assert ">= 2.00x" in shown and ">=: beyond sft's largest run" in shown
    assert "variance of seeds" in shown and "p 0." in shown
    assert "step_dpo, no NLL" in shown


def test_table_as_json(simulated, capsys):
    assert main(["table", str(simulated), "--draws", "200", "--json"]) == 0
    study = json.loads(capsys.readouterr().out)
    assert {law["label"] for law in study["laws"]} == {"sft", "rft", "dpo", "step_dpo", "step_dpo, no NLL"}
    (law,) = (law for law in study["laws"] if law["label"] == "sft")
    low, high = law["exponent_interval"]
    assert low < law["law"]["exponent"] < high
    assert law["preferred_law"]["exponent"] > 0
    assert law["seeds"]["df"] == 10 and 0 <= law["seeds"]["p_value"] <= 1
    assert len(study["errors"]) == 25 and len(study["multipliers"]) == len(study["differences"]) == 20


def test_compare_takes_any_label_as_baseline(simulated, capsys):
    arguments = ["compare", str(simulated), "--baseline", "step_dpo", "--draws", "200", "--json"]
    assert main(arguments) == 0
    result = {(one["label"], one["size"]): one["verdict"] for one in json.loads(capsys.readouterr().out)}
    assert result["sft", 100] == result["dpo", 1600] == "above" and ("step_dpo", 100) not in result
    assert main(arguments[:-1]) == 0
    assert "label minus step_dpo" in capsys.readouterr().out


def test_a_small_study_still_has_tables(tmp_path, write_run, capsys):
    write_run(tmp_path, 0.3)
    write_run(tmp_path, 0.0, method="rft")
    assert main(["table", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "a power law needs two sizes or more" in shown
    assert "No multipliers against sft" in shown


def test_a_line_counts_the_finished_runs_that_the_plan_leaves_out(tmp_path, write_run, capsys):
    kept = write_run(tmp_path, 0.3)
    write_run(tmp_path, 0.4, seed=1)
    (tmp_path / "plan.json").write_text(json.dumps({"runs": [{"name": kept["run"]}]}))
    for command in (["table", str(tmp_path)], ["collect", str(tmp_path), str(tmp_path / "collected")]):
        assert main(command) == 0
        shown = capsys.readouterr()
        assert shown.err.startswith(f"1 finished runs of earlier launches with other settings are left out: {tmp_path}")
    assert "1 rows written" in shown.out
    assert main(["table", str(tmp_path / "collected")]) == 0
    assert not capsys.readouterr().err


def test_collect_then_figures(simulated, tmp_path, capsys):
    assert main(["collect", str(simulated), str(tmp_path)]) == 0
    assert "99 rows written" in capsys.readouterr().out
    assert main(["figures", str(tmp_path), "--sweep", "grid"]) == 0
    lines = dict(line.split(": ", 1) for line in capsys.readouterr().out.splitlines())
    assert lines["error_against_n"].startswith(str(tmp_path / "figures" / "error_against_n"))
    assert lines["error_against_positives"].startswith("skipped")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["table", "{missing}"], "no such folder"),
        (
            ["table", "{simulated}", "--baseline", "nope"],
            "no runs with label 'nope' and figure 'size'; labels there: dpo",
        ),
        (["table", "{simulated}", "--sweep", "scan"], 'no rows whose figure is "size"'),
        (["figures", "{simulated}", "--task", "gsm8k"], "no rows of task 'gsm8k'; there are: maze"),
        (["figures", "{simulated}", "--out", "{file}"], "exists"),
        (["collect", "{missing}", "{missing}"], "no such folder"),
        (["tabel", "{simulated}"], "no command 'tabel', did you mean 'table'?; there are: summary, table"),
        (["table", "{file}s"], "files: no such folder, did you mean 'file'?"),
        (["table", "{simulated}", "--baseline", "step_dop"], "figure 'size', did you mean 'step_dpo'?; labels there:"),
        (["table", "{simulated}", "--task", "maez"], "no rows of task 'maez', did you mean 'maze'?; there are: maze"),
        (["figures", "{simulated}", "--only", "multiplier"], "no figure 'multiplier', did you mean 'multipliers'?"),
        (["table", "{simulated}", "--drwas", "9"], "unknown argument '--drwas', did you mean '--draws'?"),
        (["table", "{simulated}", "--draws", "few"], "argument --draws: must be a whole number, not 'few'"),
        (["plan"], "the following arguments are required: RESULTS (see python -m analysis plan --help)"),
    ],
)
def test_mistakes_end_with_one_line_and_code_2(simulated, tmp_path, capsys, arguments, message):
    (tmp_path / "file").write_text("")
    places = {"missing": tmp_path / "missing", "simulated": simulated, "file": tmp_path / "file"}
    assert main([argument.format(**places) for argument in arguments]) == 2
    output = capsys.readouterr()
    assert output.err.startswith("analysis: ") and message in output.err and output.err.count("\n") == 1
    assert output.out == ""


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_every_verb_ends_with_an_example(verb, capsys):
    with pytest.raises(SystemExit) as ended:
        main([verb, "--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert VERBS[verb].summary[1:] in " ".join(shown.split())
    assert shown.splitlines()[-1].startswith(f"  python -m analysis {verb} ")


def test_the_list_of_verbs_names_them_all(capsys):
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"  {verb} " in shown and summary in shown for verb, (_, _, summary) in VERBS.items())
    assert main([]) == 2  # without a verb the same list, on stderr


@pytest.mark.parametrize("arguments", [["--help"], *([verb, "--help"] for verb in VERBS)], ids=" ".join)
def test_help_imports_nothing_slow(arguments):
    code = f"""
import sys
from analysis.__main__ import main
try:
    main({arguments!r})
except SystemExit:
    pass
slow = {{"pandas", "pyarrow", "scipy", "matplotlib", "rich", "wandb"}} & set(sys.modules)
assert not slow, slow
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_tables_in_a_pipe_have_the_width_of_columns(simulated, capsys, monkeypatch):
    for columns in (90, 130):
        monkeypatch.setenv("COLUMNS", str(columns))
        assert main(["compare", str(simulated), "--baseline", "sft", "--draws", "20"]) == 0
        assert max(map(len, capsys.readouterr().out.splitlines())) <= columns


def test_the_analysis_needs_neither_the_pipeline_nor_a_display():
    code = (
        "import sys, analysis.__main__, analysis.figures, analysis.report.tables, analysis.report.page; "
        "heavy = {'torch', 'hydra', 'matplotlib', 'transformers', 'jinja2'} & set(sys.modules); "
        "pipeline = {name for name in sys.modules if name.startswith('synth_scaling.')}; "
        "sys.exit(', '.join(heavy | pipeline - {'synth_scaling.core', 'synth_scaling.core.terminal'}) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
