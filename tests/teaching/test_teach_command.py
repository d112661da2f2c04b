"""The command against a stand-in endpoint: its file, its words, its exit codes, and what a second call asks."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from synth_scaling import teach
from synth_scaling.data.teacher_file import Fields, read_teacher_data
from synth_scaling.tasks.word_sums import WordSums, WordSumsOptions
from tests.support.stand_in import Body, Endpoint, Reply, Serve, completion, error

KEY = "sk-of-the-test"


def reply(body: Body) -> Reply:
    """A new sum for each seed problem, and its solution."""
    text = body["messages"][-1]["content"]
    if "New problem:" in text:
        a, b = re.findall(r"[0-9]{2}", text)[:2]
        return completion(f"New problem: I walk {a} km up and {b} km down again. How far do I walk?")
    a, b = re.findall(r"[0-9]{2}", text)
    return completion(f"{a} + {b} = {int(a) + int(b)}\n#### {int(a) + int(b)}")


def call(monkeypatch: pytest.MonkeyPatch, endpoint: Endpoint, *overrides: str) -> int:
    """The exit code of the command, run in this process."""
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    settings = ["task=word_sums", f"engine.base_url={endpoint.url}", "engine.model=m", "seed_problems=30", *overrides]
    monkeypatch.setattr(sys, "argv", ["teach", *settings])
    with pytest.raises(SystemExit) as ended:
        teach.main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_rows_are_written_read_again_and_requested_once(
    serve: Serve, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    endpoint = serve(reply)
    assert call(monkeypatch, endpoint, "problems=10", "samples=2", "agree=2", "output=t.jsonl") == 0
    rows = [json.loads(line) for line in (folder / "t.jsonl").read_text().splitlines()]
    assert len(rows) == 10 and len(endpoint.bodies) == 30
    assert {key: type(value) for key, value in rows[0].items()} == {
        "question": str,
        "solution": str,
        "answer": str,
        "seed_problem": str,
        "model": str,
        "samples": int,
        "agreed": int,
    }
    report = capfd.readouterr().out
    assert "t.jsonl: 10 of 10 problems written, from 10 attempts" in report
    assert "asked 30 requests, 0 failed; the journal holds 30 answers: 300 + 150 tokens" in report
    # What was written is teacher data.
    data = read_teacher_data(folder / "t.jsonl", Fields(), WordSums(WordSumsOptions()))
    assert len(data.taught) == 10 and data.graded_wrong == data.contaminated == 0
    # The same call again asks nothing; a larger one asks for what is missing, and keeps what there is.
    before = (folder / "t.jsonl").read_bytes()
    assert call(monkeypatch, endpoint, "problems=10", "samples=2", "agree=2", "output=t.jsonl") == 0
    assert len(endpoint.bodies) == 30 and (folder / "t.jsonl").read_bytes() == before
    assert call(monkeypatch, endpoint, "problems=12", "samples=2", "agree=2", "output=t.jsonl") == 0
    assert len(endpoint.bodies) == 36 and (folder / "t.jsonl").read_bytes().startswith(before)
    assert set(endpoint.keys) == {f"Bearer {KEY}"}
    assert all(KEY not in path.read_text() for path in folder.iterdir())


def test_the_end_of_the_budget_is_reported_and_the_rows_so_far_are_written(
    serve: Serve, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    endpoint = serve(reply)
    prices = ["engine.usd_per_million_input=1000", "engine.usd_per_million_output=2000"]
    settings = ["problems=20", "output=t.jsonl", "engine.max_tokens=50", *prices]
    assert call(monkeypatch, endpoint, *settings, "budget.usd=1.5") == 3
    rows = (folder / "t.jsonl").read_text().splitlines()
    report = capfd.readouterr().out
    spent = 0.02 * len(endpoint.bodies)  # 10 and 5 tokens
    assert 0 < len(rows) < 20 and spent <= 1.5
    assert "stopped: budget.usd=1.5: the next request could pass it" in report and f", {spent:.4f} US" in report
    assert call(monkeypatch, endpoint, *settings) == 0 and len(endpoint.bodies) == 40


def test_too_few_attempts_are_reported(
    serve: Serve, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    endpoint = serve(lambda body: completion("I would rather not."))
    assert call(monkeypatch, endpoint, "problems=2", "attempts=5", "output=t.jsonl") == 3
    report = capfd.readouterr().out
    assert "0 of 2 problems written, from 5 attempts" in report and "dropped 5: no_problem" in report
    assert "stopped: attempts=5 are used up" in report and (folder / "t.jsonl").read_text() == ""


def test_attempts_that_all_failed_are_no_reason_for_more_of_them(
    serve: Serve, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    endpoint = serve(lambda body: error(500, "out of order"))
    words = ["problems=2", "attempts=3", "engine.retries=0", "engine.concurrency=1", "output=t.jsonl"]
    assert call(monkeypatch, endpoint, *words) == 1
    out, err = capfd.readouterr()
    last = f"engine.base_url={endpoint.url}: InternalServerError: "
    assert f"stopped: every attempt failed, the last with {last}" in out and "used up" not in out
    assert err.count(f"a request failed: {last}") == 1 and "out of order" in err


def test_a_dead_server_is_one_line_and_no_attempt(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    nobody = Endpoint(reply, "http://127.0.0.1:9/v1")
    assert call(monkeypatch, nobody, "problems=3", "output=t.jsonl") == 1
    report = capfd.readouterr().out
    assert "stopped: engine.base_url=http://127.0.0.1:9/v1: connection refused\n" in report
    assert "asked 0 requests, 0 failed" in report and "request_failed" not in report


def test_an_endpoint_that_refuses_is_reported(
    serve: Serve, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    endpoint = serve(lambda body: error(401, f"wrong key {KEY}") if len(endpoint.bodies) > 4 else reply(body))
    assert call(monkeypatch, endpoint, "problems=9", "engine.concurrency=1", "output=t.jsonl") == 1
    report = capfd.readouterr().out
    assert f"stopped: engine.base_url={endpoint.url}: AuthenticationError: " in report and KEY not in report
    assert len((folder / "t.jsonl").read_text().splitlines()) == 2 and len(endpoint.bodies) == 5


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (["problems=0"], "problems=0: allowed are values of at least 1"),
        (["seed_problems=0"], "seed_problems=0: allowed are values of at least 1"),
        (
            ["task=maze"],
            "task=maze: has no answers in words; allowed are word_sums, word_stories, gsm8k, math, gsm_symbolic",
        ),
        (["output=damaged.jsonl"], "damaged.journal.jsonl:1: not a line of a journal; remove the line to ask again"),
    ],
    ids=str,
)
def test_a_refusal_is_one_line_and_asks_nothing(
    serve: Serve,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    overrides: list[str],
    line: str,
) -> None:
    (folder / "damaged.journal.jsonl").write_text("damaged\n")
    endpoint = serve(reply)
    assert call(monkeypatch, endpoint, "output=t.jsonl", *overrides) == 2
    assert capfd.readouterr().err == f"configuration refused: {line}\n"
    assert endpoint.bodies == [] and not (folder / "t.jsonl").exists()
