"""The command and signals or kills: what is finished is saved, and what may have been billed counts."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth_scaling.system.files import append_line
from synth_scaling.teaching import in_flight, journal
from synth_scaling.teaching.journal import Journal
from synth_scaling.teaching.records import Answer, Request, Usage
from tests.support.stand_in import Body, Endpoint, Reply, Serve
from tests.teaching import test_teach_command

ROOT = Path(__file__).parent.parent.parent
MOST = Usage(100, 20)


class Stalling:
    """An endpoint that answers the first requests and holds the others until `go` is set."""

    def __init__(self, serve: Serve, answers: int, holds: int) -> None:
        self.go, self.held = threading.Event(), threading.Semaphore(0)
        self.answers, self.holds = answers, holds
        self.endpoint: Endpoint = serve(self.reply)

    def reply(self, body: Body) -> Reply:
        if len(self.endpoint.bodies) > self.answers:
            self.held.release()
            self.go.wait()
        return test_teach_command.reply(body)

    def wait_until_held(self, process: subprocess.Popen) -> None:
        for _ in range(self.holds):
            assert self.held.acquire(timeout=300), process.communicate(timeout=1)


def command(endpoint: Endpoint, folder: Path, largest_file: int = resource.RLIM_INFINITY) -> subprocess.Popen:
    settings = ["task=word_sums", f"engine.base_url={endpoint.url}", "engine.model=m", "engine.concurrency=2"]
    words = [*settings, "seed_problems=30", "problems=6", f"output={folder}/t.jsonl"]
    return subprocess.Popen(
        [sys.executable, "-m", "synth_scaling.teach", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, resource.RLIM_INFINITY)),
    )


def answered(folder: Path) -> list[str]:
    lines = map(json.loads, (folder / "t.journal.jsonl").read_text().splitlines())
    return [line["key"] for line in lines if "answer" in line]


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, 75), (signal.SIGINT, 130), (signal.SIGKILL, -9)],
    ids=str,
)
@pytest.mark.slow
def test_a_signal_saves_what_is_finished_and_the_next_run_counts_what_was_in_flight(
    serve: Serve, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    stalling = Stalling(serve, answers=5, holds=2)
    process = command(stalling.endpoint, tmp_path)
    stalling.wait_until_held(process)
    process.send_signal(number)
    out, err = process.communicate(timeout=300)
    assert process.returncode == code, err
    if number != signal.SIGKILL:
        (line,) = err.splitlines()  # and no traceback
        assert line.startswith(f"interrupted by {number.name}; {tmp_path}/t.journal.jsonl holds every answer")
        assert line.endswith("; 2 requests in flight may have been billed")
        assert len((tmp_path / "t.jsonl").read_text().splitlines()) == 2
    assert len(answered(tmp_path)) == 5

    stalling.go.set()
    process = command(stalling.endpoint, tmp_path)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert "2 requests may have been in flight when an earlier run was killed" in err
    spent = re.search(r"the journal holds 12 answers: (\d+) \+ (\d+) tokens", out)
    lost = re.search(r"of these, (\d+) tokens are the maximum of 2 requests without a readable answer", out)
    assert spent and lost
    assert int(spent[1]) + int(spent[2]) == 12 * 15 + int(lost[1])
    assert len(answered(tmp_path)) == len(set(answered(tmp_path))) == 12
    assert len(stalling.endpoint.bodies) == 12 + 2  # what was in flight is sent again, and nothing else
    assert not list(tmp_path.glob("*in_flight*"))
    assert len((tmp_path / "t.jsonl").read_text().splitlines()) == 6


@pytest.mark.slow
def test_an_interrupted_command_leaves_a_file_with_more_rows_alone(serve: Serve, tmp_path: Path) -> None:
    stalling = Stalling(serve, answers=3, holds=2)
    (tmp_path / "t.journal.jsonl").touch()
    (tmp_path / "t.jsonl").write_text("{}\n" * 5)
    process = command(stalling.endpoint, tmp_path)
    stalling.wait_until_held(process)
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=300) and process.returncode == 75
    assert (tmp_path / "t.jsonl").read_text() == "{}\n" * 5
    stalling.go.set()


@pytest.mark.slow
def test_a_disk_that_is_full_ends_the_command_with_one_line(serve: Serve, tmp_path: Path) -> None:
    endpoint = serve(test_teach_command.reply)
    process = command(endpoint, tmp_path, largest_file=3000)  # bytes of the journal
    _, err = process.communicate(timeout=300)
    assert process.returncode == 1
    (line,) = err.splitlines()  # and no traceback
    assert line.startswith(f"{tmp_path}/t.journal.jsonl: File too large; ") and "may have been billed" in line
    n_answered = len(answered(tmp_path))
    assert 0 < n_answered < len(endpoint.bodies)
    process = command(endpoint, tmp_path)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0 and "may have been in flight" in err
    assert len(answered(tmp_path)) == len(set(answered(tmp_path))) == 12


# --- the write-ahead file, killed between any two bytes


class Killed(BaseException):
    """The end of the process."""


REQUESTS = [Request({"messages": [{"role": "user", "content": f"{i}"}]}) for i in range(3)]
OUTCOMES = ("answer", "lost", "refused")


@given(
    outcomes=st.lists(st.tuples(st.integers(0, 2), st.sampled_from(OUTCOMES)), max_size=6),
    writes=st.integers(0, 20),
    share=st.floats(0, 1),
)
def test_a_kill_at_any_byte_forgets_nothing_that_was_billed(
    tmp_path_factory: pytest.TempPathFactory, outcomes: list[tuple[int, str]], writes: int, share: float
) -> None:
    path = tmp_path_factory.mktemp("journal") / "j.jsonl"
    left = writes
    billed: list[Usage] = []  # by the endpoint, from the moment at which a request is sent

    def append(target: Path, line: str) -> None:
        nonlocal left
        if left == 0:
            with open(target, "a") as file:
                file.write(line[: int(share * len(line))])
            raise Killed
        left -= 1
        append_line(target, line)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal, "append_line", append)
        patch.setattr(in_flight, "append_line", append)
        retained = Journal(path)
        try:
            for number, outcome in outcomes:
                request = REQUESTS[number]
                if retained.get(request):
                    continue
                attempt = retained.start(request, MOST)
                if outcome != "refused":
                    billed.append(Usage(10, 5))
                if outcome == "answer":
                    retained.add(request, Answer("a", True, "m", Usage(10, 5)), attempt)
                else:
                    retained.end(attempt, MOST if outcome == "lost" else Usage())
        except Killed:
            pass
        retained._lock.release()
    with Journal(path) as again:
        counted, n_lost = again.usage, again.n_lost
        n_known = sum(again.get(request) is not None for request in REQUESTS)
        assert counted == sum([Usage(10, 5)] * n_known + [MOST] * n_lost, Usage())
        assert n_known + n_lost >= len(billed)  # nothing is forgotten
        assert n_known + n_lost <= len(billed) + 1  # and at most the last refusal counts as lost
        assert again.n_cut <= 1
    with Journal(path) as third:  # what was counted once stays, and is reported once
        assert (third.usage, third.n_lost, third.n_cut) == (counted, n_lost, 0)
    assert not list(path.parent.glob("*in_flight*"))
