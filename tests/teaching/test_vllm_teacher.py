"""The command against a real vLLM server with SmolLM2 on loopback: killed in the middle, and gone on with."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent

# SmolLM2 does not write good problems: any text serves as one, and its last number as the answer.
PROMPTS = """
defaults:
  - schema
  - _self_
name: loose
problem: "{{ seed.question }}\\n\\nWrite one question like this with other numbers. Write only the question."
solve: "{{ question }} Add the numbers."
"""
ROWS = 2


pytestmark = pytest.mark.slow


def still_runs(process: subprocess.Popen) -> bool:
    """Looks again in a moment."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=0.1)
    return process.returncode is None


@pytest.fixture(scope="module")
def server(smollm2: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of what `vllm serve` starts; that command of the CPU build cannot, as it asks for its GPU name."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    module = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(smollm2), "--port", str(port)]
    served = ["--host", "127.0.0.1", "--served-model-name", "smollm2", "--max-model-len", "512", "--max-num-seqs", "8"]
    quick = ["--enforce-eager", "--dtype", "float32", "--distributed-executor-backend", "uni"]
    environment = os.environ | {
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "OMP_NUM_THREADS": "1",
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # the model in the engine's process: one slow import less
        "VLLM_NO_USAGE_STATS": "1",
        "PYTHONUNBUFFERED": "1",
    }
    log = tmp_path_factory.mktemp("server") / "log.txt"
    with open(log, "w") as file:
        process = subprocess.Popen([*module, *served, *quick], env=environment, stdout=file, stderr=subprocess.STDOUT)
    while "Application startup complete" not in log.read_text():
        assert still_runs(process), log.read_text()[-3000:]
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait()


def command(server: str, folder: Path) -> list[str]:
    (folder / "conf/teacher").mkdir(parents=True)
    (folder / "conf/teacher/loose.yaml").write_text(PROMPTS)
    settings = {
        "teacher": "loose",
        "task": "word_sums",
        "task.last_number": "true",
        "engine.base_url": f"{server}/v1",
        "engine.model": "smollm2",
        "engine.temperature": 0,
        "engine.max_tokens": 40,
        "engine.concurrency": 3,
        "problems": ROWS,
        "attempts": 30,
        "seed_problems": 30,
        "output": folder / "t.jsonl",
    }
    overrides = [f"{key}={value}" for key, value in settings.items()]
    return [sys.executable, "-m", "synth_scaling.teach", "--config-dir", str(folder / "conf"), *overrides]


def run(words: list[str]) -> str:
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def answers(folder: Path) -> dict[str, Any]:
    """The journal's answers by request; none is there twice. What a killed try may have cost is no answer."""
    path = folder / "t.journal.jsonl"
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    records = [record for record in map(json.loads, lines) if "lost" not in record]
    assert len({record["key"] for record in records}) == len(records)
    return {record["key"]: record["answer"] for record in records}


def served(server: str) -> int:
    """Requests that the server has brought to an end, by its own count."""
    with urllib.request.urlopen(f"{server}/metrics") as page:
        counts = re.findall(r'^vllm:request_success_total\{.*"(?:stop|length)".*\} (.*)$', page.read().decode(), re.M)
    return int(sum(map(float, counts)))


def test_a_killed_command_resumes_and_repeats_no_request(server: str, tmp_path: Path) -> None:
    whole, halved = tmp_path / "whole", tmp_path / "halved"
    report = run(command(server, whole))
    everything = answers(whole)
    assert f"{ROWS} of {ROWS} problems written" in report and served(server) == len(everything) >= 2 * ROWS
    rows = [json.loads(line) for line in (whole / "t.jsonl").read_text().splitlines()]
    assert len(rows) == ROWS and {row["model"] for row in rows} == {"smollm2"}

    words = command(server, halved)
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while len(answers(halved)) < len(everything) // 2:
        assert still_runs(process), "it has to be killed before its end"
    process.kill()
    process.wait()
    retained = answers(halved)
    assert 0 < len(retained) < len(everything) and not (halved / "t.jsonl").exists()

    report = run(words)
    asked = int(re.findall(r"asked (\d+) requests, 0 failed", report)[0])
    assert answers(halved).items() >= retained.items()
    assert asked == len(answers(halved)) - len(retained)
    assert answers(halved) == everything
    assert (halved / "t.jsonl").read_bytes() == (whole / "t.jsonl").read_bytes()
    # By the server's count: each once more, and again only what was under way when the command was killed.
    assert 2 * len(everything) <= served(server) <= 2 * len(everything) + 3
