"""The commands answer bad input with one line that names it, and process the rest of the input."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from synth_scaling.system.jsonl import write_rows

ROOT = Path(__file__).parents[2]
ROWS = [{"question": f"What is {i} and 1?", "answer": f"#### {i + 1}"} for i in range(12)]
SWEEP = """defaults:
  - config
  - _self_
  - override model: pretrained
  - override /hydra/sweeper: grid
sweep: chats
task: {side: 6, min_distance: 2, max_distance: 8, n_test: 10, n_validation: 10}
data: {problems: 8}
engine: {max_num_seqs: 256, max_batched_tokens: 4096}
hydra:
  mode: MULTIRUN
  sweep: {dir: "${output}"}
  sweeper:
    params: {model.chat: "CHAT,null", method.epochs: "1"}
"""
BAD_LINES = {
    '{"question": "x", ': "train.jsonl:6: not JSON (Expecting property name enclosed in double quotes at character",
    '{"question": "x"}': "train.jsonl:6: answer: no such field; there is question",
    '{"question": "x", "answer": "#### many"}': "train.jsonl:6: answer: does not end with #### and a number",
}


def command(module: str, *words: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENAI_API_KEY": "none"}
    return subprocess.run(
        [sys.executable, "-m", module, *words], cwd=cwd, env=environment, capture_output=True, text=True
    )


@pytest.mark.slow
@pytest.mark.parametrize(("line", "words"), BAD_LINES.items(), ids=["malformed", "missing field", "no answer"])
def test_a_malformed_line_of_a_tasks_file_stops_every_command_before_it_starts(
    line: str, words: str, random_model: Path, tmp_path: Path
) -> None:
    write_rows(tmp_path / "test.jsonl", ROWS[9:])
    text = [json.dumps(row) for row in ROWS[:9]]
    (tmp_path / "train.jsonl").write_text("\n".join([*text[:5], line, *text[5:]]) + "\n")
    task = ["task=gsm8k", f"task.path={tmp_path}", "task.n_validation=1"]
    run = [*task, "model=pretrained", f"model.path={random_model}", f"output={tmp_path}/out", f"store={tmp_path}/store"]
    teach = [*task, "engine.model=m", "engine.base_url=http://127.0.0.1:9/v1", f"output={tmp_path}/t.jsonl"]
    for module, arguments in (
        ("synth_scaling", run),
        ("synth_scaling", ["-m", *run, "hydra/sweeper=grid", "seed=0,1"]),
        ("synth_scaling.teach", teach),
    ):
        ended = command(module, *arguments)
        assert ended.returncode == 2 and ended.stderr.count("\n") == 1 and ended.stdout == ""
        assert ended.stderr.startswith(f"configuration refused: {tmp_path}/{words}")
    assert {path.name for path in tmp_path.iterdir()} == {"train.jsonl", "test.jsonl"}


@pytest.mark.slow
def test_a_template_that_raises_is_refused_in_one_line_before_any_run_of_the_sweep_starts(
    random_model: Path, tmp_path: Path
) -> None:
    chat = tmp_path / "chat.jinja"
    chat.write_text("{{ raise_exception('no such role') }}")
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps" / "chats.yaml").write_text(SWEEP.replace("CHAT", str(chat)))
    places = [f"output={tmp_path}/out", f"store={tmp_path}/store", "tracking=none", "model.prompt='{question}'"]
    words = [*places, f"model.path={random_model}"]
    ended = command("synth_scaling", "--config-dir", str(tmp_path / "sweeps"), "--config-name", "chats", *words)
    line = f"model.chat={chat}: the template cannot be used (no such role)"
    assert ended.returncode == 2 and ended.stderr == f"configuration refused: {line}\n", ended.stderr
    assert list(tmp_path.glob("out/runs/*")) == []
    task = ["task.side=6", "task.min_distance=2", "task.max_distance=8", "task.n_test=10", "task.n_validation=10"]
    alone = command("synth_scaling", *task, "model=pretrained", *words, f"model.chat={chat}", "data.problems=8")
    assert alone.returncode == 2 and alone.stderr.splitlines()[-1] == f"configuration refused: {line}"
    assert "Traceback" not in alone.stderr and "Error executing" not in alone.stderr
