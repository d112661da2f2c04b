"""W&B without a key, without a network, with one that is lost, and with a service that dies: no run minds."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest

from synth_scaling.config.naming import run_hash
from synth_scaling.core.validation import ConfigError
from synth_scaling.tracking import wandb_run
from synth_scaling.tracking.tracker import NoTracker, WandbTracker, start_tracker
from synth_scaling.tracking.wandb_service import close_service
from tests.support.wandb_runs import configuration, offline, offline_runs


@pytest.fixture(autouse=True)
def worker(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """A process that has not met W&B yet."""
    close_service()
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"no_answer": None, "announced": False, "open": set()}.items():
        monkeypatch.setattr(wandb_run._Worker, name, value)
    caplog.set_level(logging.INFO, "synth_scaling")
    yield
    close_service()


def tracked(folder: Path, seed: int) -> None:
    """A whole run, as far as its tracker sees it."""
    begun(folder, seed).finish({"error": 0.5, "seed": seed})


def begun(folder: Path, seed: int) -> NoTracker:
    """A run in `folder`/runs/`seed` that is being trained."""
    config = configuration(seed=seed, sweep="mine", tracking__mode="auto")
    place = folder / "runs" / str(seed)
    place.mkdir(parents=True)
    tracker = start_tracker(config, run_hash(config), place)
    with tracker.computing("policy", "f" * 16):
        tracker.curve("policy", {"step": 1, "loss": 0.5})
    return tracker


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.getMessage().startswith("W&B")]


def test_without_a_key_a_worker_reports_once_how_to_upload(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for seed in range(3):
        tracked(tmp_path, seed)
    runs = offline_runs(tmp_path)
    assert sorted(actual.summary["seed"] for actual in runs) == [0, 1, 2]
    assert len({actual.run.run_id for actual in runs}) == 3 and {actual.run.run_group for actual in runs} == {"mine"}
    (line,) = said(caplog)
    words, pattern = line.split(": wandb sync ")
    assert words == "W&B: recorded offline (no WANDB_API_KEY), to upload"
    actual = {file.name for file in Path("/").glob(pattern[1:])}
    assert actual == {run.files.parent.name for run in runs}


def test_without_a_network_all_runs_are_recorded_offline(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")  # where nothing listens
    monkeypatch.setenv("WANDB_INIT_TIMEOUT", "1")
    tracked(tmp_path, 0)
    tracked(tmp_path, 1)
    assert [actual.exit_codes for actual in offline_runs(tmp_path)] == [[0], [0]]
    (line,) = said(caplog)
    assert line.startswith("W&B: recorded offline (no answer: ")


def test_a_service_that_dies_is_reported_once_and_the_next_run_is_complete(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tracker = begun(tmp_path, 0)
    for child in psutil.Process().children(recursive=True):
        if child.name().startswith("wandb-"):
            child.kill()
            child.wait()
    for step in range(2, 5):
        tracker.curve("policy", {"step": step, "loss": 0.5})
    tracker.table("answers", ["a"], [[1]])
    tracker.finish({"error": 0.5})
    tracked(tmp_path, 1)
    again = [line for line in said(caplog) if "offline (" in line and "recorded again" in line]
    assert len(again) == 1 and again[0].startswith("W&B: sft N=200 seed=0 is recorded again, offline (")
    whole = offline(tmp_path / "runs" / "0")
    assert whole.summary["error"] == 0.5 and whole.exit_codes == [0]
    assert [point["policy/step"] for point in whole.history if "policy/step" in point] == [1, 2, 3, 4]
    assert offline(tmp_path / "runs" / "1").summary["seed"] == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WANDB_API_KEY", " spaced "),
        ("WANDB_BASE_URL", "garbage"),
        ("WANDB_RUN_ID", "a/b"),
        ("WANDB_INIT_TIMEOUT", "soon"),
    ],
)
def test_variables_that_wandb_refuses_leave_an_offline_run(
    name: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(name, value)
    tracked(tmp_path, 3)
    (actual,) = offline_runs(tmp_path)
    assert actual.summary["seed"] == 3 and actual.exit_codes == [0]
    assert len(said(caplog)) == 1 and said(caplog)[0].startswith("W&B: recorded offline (")
    assert os.environ[name] == value


@pytest.mark.parametrize("stuck", [False, True])
def test_a_process_ends_though_its_service_does_not(tmp_path: Path, stuck: bool) -> None:
    """W&B's own end of a process waits for the service, which may be waiting for a server."""
    code = f"""
import psutil, wandb
from synth_scaling.tracking import wandb_service
wandb_service.PATIENCE = 1
wandb.init(mode="offline", settings=wandb.Settings(silent=True)).finish()
wandb_service.close_service_at_exit()
(service,) = [child for child in psutil.Process().children() if child.name().startswith("wandb-core")]
{stuck} and service.suspend()
print(service.pid)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert not psutil.pid_exists(int(done.stdout))


def test_a_folder_that_cannot_be_written_stops_no_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = configuration(tracking__mode="auto")
    tracker = WandbTracker(config, run_hash(config), tmp_path / "file")
    (tmp_path / "file").write_text("not a folder")
    with tracker.computing("policy", "f" * 16):
        tracker.curve("policy", {"step": 1, "loss": 0.5})
    tracker.finish({"error": 0.5})
    assert len([line for line in said(caplog) if "not tracked any further" in line]) <= 1


def test_a_mode_that_is_none_is_refused_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "onlin")
    with pytest.raises(ConfigError, match="WANDB_MODE=onlin: allowed are online, offline, disabled"):
        begun(tmp_path, 0)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadingHTTPServer]:
    """A stand-in that takes runs, as W&B's own server does; a test may close it."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            data = {}
            if self.path == "/graphql" and "mutation UpsertBucket" in (asked := json.loads(body))["query"]:
                project = {"id": "p", "name": "synth-scaling", "entity": {"id": "e", "name": "entity"}}
                bucket = {"id": "b", "name": asked["variables"]["name"], "displayName": "d", "project": project}
                data = {"upsertBucket": {"bucket": bucket, "inserted": True}}
            answer = json.dumps({"data": data}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{listening.server_port}")
    yield listening
    listening.shutdown()
    listening.server_close()
    thread.join()


def test_a_network_that_is_lost_holds_a_run_up_for_a_bounded_time(
    server: ThreadingHTTPServer, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wandb_run, "UPLOAD_SECONDS", 2)
    tracker = begun(tmp_path, 0)
    server.shutdown()
    server.server_close()
    for step in range(2, 5):
        tracker.curve("policy", {"step": step, "loss": 0.5})
    tracker.finish({"error": 0.5, "seed": 0})
    (line,) = said(caplog)
    words, folder = line.split(": wandb sync ")
    assert words == "W&B: sft N=200 seed=0 could not be uploaded in 2 s, it is on disk"
    (file,) = Path(folder).glob("run-*.wandb")
    assert file.stat().st_size > 0

    tracked(tmp_path, 1)  # this one does not try
    (actual,) = offline_runs(tmp_path)
    assert actual.summary["seed"] == 1 and actual.exit_codes == [0]
    assert said(caplog)[1].startswith("W&B: recorded offline (sft N=200 seed=0 could not be uploaded in 2 s)")
