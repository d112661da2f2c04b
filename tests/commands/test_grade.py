"""The command that grades a file of responses: what it prints, writes and refuses."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from synth_scaling.core.metrics import wilson_interval
from synth_scaling.grade import main
from synth_scaling.grading.gold import gold_answer, written_answer
from synth_scaling.system import jsonl
from synth_scaling.system.jsonl import read_rows, write_rows

ROWS: list[dict[str, Any]] = [
    {"answer": "#### 72", "response": "So 72.\n#### 72", "id": 1},
    {"answer": "72", "response": "The answer is $72."},
    {"answer": "So it is.\nA: 7.5", "response": "#### 15/2", "more": {"deep": "#### 8"}},
    {"answer": "72", "response": "So 72"},
    {"answer": "72", "response": "#### \ud800"},
]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    write_rows(path, rows)
    return path


@pytest.mark.parametrize("name", ["responses.jsonl", "responses.jsonl.gz"])
def test_accuracy_and_output(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, out = write(tmp_path / name, ROWS), tmp_path / f"graded.{name}"
    assert main(["task=gsm8k", f"input={file}", f"output={out}"]) == 0
    low, high = (100 * x for x in wilson_interval(3, 5))
    said = capsys.readouterr().out
    assert said == f"accuracy 60.00 % (3 of 5), 95 % Wilson interval {low:.2f} to {high:.2f} %\n"
    graded = [row for _, row in read_rows(out)]
    assert [row["reward"] for row in graded] == [1, 1, 1, 0, 0]
    assert [row["given"] for row in graded] == ["72", "$72", "15/2", None, "\ud800"]
    assert graded[0]["id"] == 1 and not any(row["over_bound"] for row in graded)


def test_the_last_number_if_the_option_is_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path / "r.jsonl", ROWS)
    assert main(["task=word_sums", f"input={file}", "last_number=true"]) == 0
    assert capsys.readouterr().out.startswith("accuracy 80.00 % (4 of 5)")


def test_a_field_in_a_field(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path / "r.jsonl", ROWS[2:3])
    assert main(["task=gsm_symbolic", f"input={file}", "response_field=more.deep"]) == 0
    assert capsys.readouterr().out.startswith("accuracy 0.00 % (0 of 1), 95 % Wilson interval 0.00 to 79.35 %")


def test_math_and_its_bound(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        {"answer": r"So $\boxed{\frac{1}{2}}$.", "response": r"\boxed{0.5}"},
        {"answer": r"\frac{1}{2}", "response": r"\boxed{9^{9^{9^{9}}}}"},
    ]
    assert main(["task=math", f"input={write(tmp_path / 'r.jsonl', rows)}", "bound=2"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("accuracy 50.00 % (1 of 2)")
    assert said.endswith("; 1 hit the bound on grading and count as incorrect\n")


@pytest.mark.parametrize(
    ("written", "kind", "gold"),
    [
        ("18 million", "number", None),
        ("The answer is **18**.", "number", "18"),
        ("#### 1,000", "number", "1000"),
        ("A: $12.50", "number", "12.5"),
        ("3/6", "number", "0.5"),
        ("2/6", "number", "1/3"),
        ("many", "number", None),
        ("#### many", "number", None),
        (r"\boxed{1} or \boxed{2}", "latex", "2"),
        ("x+1", "latex", "x+1"),
        ("", "latex", None),
    ],
)
def test_gold_answers(written: str, kind: Any, gold: str | None) -> None:
    assert gold_answer(kind, written) == gold


@pytest.mark.parametrize(
    ("value", "text"),
    [(18, "18"), (-3, "-3"), (2.5, "2.5"), (18.0, "18"), ("18", "18"), (True, True), (None, None), ([18], [18])],
)
def test_an_answer_that_is_a_number_is_read_like_its_text(value: object, text: object) -> None:
    assert written_answer(value) == text and type(written_answer(value)) is type(text)


@pytest.mark.parametrize("task", ["gsm8k", "math"])
def test_integer_gold_answers(task: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same rule as for data=jsonl; also for a number inside an object and for a column of Parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [{"answer": 18, "response": r"\boxed{18}", "more": {"answer": 2.5}}, {"answer": 7.0, "response": "#### 8"}]
    file = write(tmp_path / "r.jsonl", rows)
    assert main([f"task={task}", f"input={file}"]) == 0
    assert capsys.readouterr().out.startswith("accuracy 50.00 % (1 of 2)")
    file = write(tmp_path / "deep.jsonl", [{**rows[0], "response": "#### 2.5"}])
    assert main([f"task={task}", f"input={file}", "answer_field=more.answer"]) == 0
    assert capsys.readouterr().out.startswith("accuracy 100.00 % (1 of 1)")
    pq.write_table(pa.table({"answer": [1, 2], "response": ["#### 1", "#### 3"]}), tmp_path / "r.parquet")
    assert main([f"task={task}", f"input={tmp_path / 'r.parquet'}"]) == 0
    assert capsys.readouterr().out.startswith("accuracy 50.00 % (1 of 2)")
    for answer in (True, None, [18]):
        assert (
            main([f"task={task}", f"input={write(tmp_path / 'no.jsonl', [{'answer': answer, 'response': ''}])}"]) == 2
        )
        assert "no.jsonl:1: answer: expected text" in capsys.readouterr().err


GOOD = json.dumps(ROWS[0])
BAD_FILES = {
    "malformed": ("{", "r.jsonl:2: not JSON"),
    "no object": ("[1]", "r.jsonl:2: expected a JSON object, found list"),
    "no response": ('{"answer": "1"}', "r.jsonl:2: response: no such field; there is answer"),
    "no answer": ('{"response": "1"}', "r.jsonl:2: answer: no such field; there is response"),
    "answer that does not parse": ('{"answer": "many", "response": ""}', "r.jsonl:2: answer: no answer in 'many'"),
    "response is no text": ('{"answer": "1", "response": 1}', "r.jsonl:2: response: expected text, found int"),
    "deep": ("[" * 100_000, "r.jsonl:2: not JSON"),
    "not UTF-8": (b'{"answer": "\xff"}', "r.jsonl:2: not UTF-8"),
}


@pytest.mark.parametrize(("line", "words"), BAD_FILES.values(), ids=BAD_FILES)
def test_bad_lines_are_refused_in_one_line(
    line: str | bytes, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "r.jsonl"
    file.write_bytes(GOOD.encode() + b"\n" + (line if isinstance(line, bytes) else line.encode()) + b"\n")
    assert main(["task=gsm8k", f"input={file}"]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("refused: ") and said.err.count("\n") == 1 and words in said.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["input=x"], "task= is needed"),
        (["task=gsm8k"], "input= is needed"),
        (["task=maze", "input=x"], "task=maze: allowed are gsm8k, gsm_symbolic, word_sums, word_stories, math"),
        (["task=gsm8k", "input=/no/file"], "/no/file: no such file"),
        (["task=gsm8k", "input=x", "bound=0"], "bound=0: allowed are seconds above 0, up to 600"),
        (["task=gsm8k", "input=x", "bound=soon"], "bound=soon: allowed are"),
        (["task=gsm8k", "input=x", "last_number=2"], "last_number=2: allowed are true, false"),
        (["task=gsm8k", "input=x", "reply=1"], "reply=1: allowed are task=, input=, output="),
        (["gsm8k"], "gsm8k: allowed are task="),
    ],
    ids=" ".join,
)
def test_invalid_arguments_are_refused(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert words in (said := capsys.readouterr().err) and said.count("\n") == 1


def test_broken_files_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = gzip.compress(GOOD.encode() * 1000)
    for name, content in {
        "cut.jsonl.gz": whole[: len(whole) // 2],
        "plain.jsonl.gz": b"{}",
        "text.parquet": b"no",
        "empty.jsonl": b"",
    }.items():
        (tmp_path / name).write_bytes(content)
        assert main(["task=gsm8k", f"input={tmp_path / name}"]) == 2
        assert str(tmp_path / name) in (said := capsys.readouterr().err) and said.count("\n") == 1
    file = write(tmp_path / "r.jsonl", ROWS)
    assert main(["task=gsm8k", f"input={file}", f"output={tmp_path}/no/folder.jsonl"]) == 2
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text", [b"\n" * (5 << 20), b" " * (5 << 20), b'{"answer": "1", "response": "%s"}\n' % (b" " * 100_000) * 50]
)
def test_a_gzip_bomb_is_refused_in_one_line(
    text: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blank lines, one long line, and rows: none is unpacked beyond the bounds, here a sixteenth of the real ones."""
    assert jsonl.LONGEST_LINE == jsonl.MOST_UNPACKED == 64 << 20
    monkeypatch.setattr(jsonl, "LONGEST_LINE", 4 << 20)
    monkeypatch.setattr(jsonl, "MOST_UNPACKED", 4 << 20)
    file = tmp_path / "bomb.jsonl.gz"
    file.write_bytes(gzip.compress(text, compresslevel=9))
    assert main(["task=gsm8k", f"input={file}"]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith(f"refused: {file}:") and said.err.count("\n") == 1
    assert "MiB" in said.err


def test_the_command_ends_with_its_exit_code(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "synth_scaling.grade", "task=math"]
    rows = [{"answer": "x+1", "response": r"\boxed{1+x}"}]
    file = write(tmp_path / "r.jsonl", rows)
    good = subprocess.run([*command, f"input={file}"], capture_output=True, text=True)
    assert (good.returncode, good.stderr) == (0, "") and good.stdout.startswith("accuracy 100.00 % (1 of 1)")
    bad = subprocess.run([*command, "input=nothing.jsonl"], capture_output=True, text=True)
    assert (bad.returncode, bad.stdout) == (2, "") and bad.stderr == "refused: nothing.jsonl: no such file\n"


def test_parquet_is_read_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"answer": ["1", "2"], "response": ["#### 1", "#### 3"]}), tmp_path / "r.parquet")
    assert main(["task=gsm8k", f"input={tmp_path / 'r.parquet'}"]) == 0
    assert capsys.readouterr().out.startswith("accuracy 50.00 % (1 of 2)")
