"""A store with several owners, crashes, stops and damage in any order: no complete result is lost or read incorrectly.

A stopped owner is a thread that waits in the middle of its computation; it loses its lease when its marker goes. A
killed owner is what it leaves: the marker of a dead process and a partial folder.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from synth_scaling.core.hashing import content_hash
from synth_scaling.core.stage import Cost, StageResult
from synth_scaling.experiment.store import Store, damage, is_complete, tidy
from synth_scaling.system.leases import Busy

KEYS = st.integers(0, 2)
NOTHING = Path("/nonexistent")


def text(key: int) -> str:
    return f"the result of {key}\n" * 50


@cache
def dead_marker() -> str:
    """The marker of a process that was killed."""
    code = (
        "import os, sys; from pathlib import Path; from synth_scaling.system.leases import lease\n"
        "with lease(Path(sys.argv[1]), wait=False): os.kill(os.getpid(), 9)"
    )
    with tempfile.TemporaryDirectory() as folder:
        marker = Path(folder) / "dead.lock"
        subprocess.run([sys.executable, "-c", code, str(marker)])
        return marker.read_text()


@dataclass
class Stopped:
    """An owner that waits in the middle of computing a stage."""

    reached: threading.Event = field(default_factory=threading.Event)
    resumed: threading.Event = field(default_factory=threading.Event)
    results: list[StageResult | BaseException] = field(default_factory=list)
    thread: threading.Thread | None = None


class StoreMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.stopped: dict[int, Stopped] = {}  # by the key whose lease they hold
        self.superseded: list[Stopped] = []
        self.complete: set[int] = set()

    def folder(self, key: int) -> Path:
        return self.root / "policy" / content_hash({"stage": "policy", "key": key})

    def stage(self, key: int, owner: Stopped | None = None) -> StageResult:
        def compute(folder: Path) -> tuple[Cost, dict[str, Any]]:
            (folder / "data").write_text(text(key)[:10])
            if owner is not None and not owner.reached.is_set():
                owner.reached.set()
                owner.resumed.wait(60)
            (folder / "data").write_text(text(key))
            return Cost(tokens_trained=key), {"key": key}

        result = Store(self.root, shipped=NOTHING, wait=False).stage("policy", {"key": key}, compute)
        assert (result.path / "data").read_text() == text(key) and result.facts == {"key": key}
        return result

    @rule(key=KEYS)
    def use(self, key: int) -> None:
        try:
            result = self.stage(key)
        except Busy:
            assert key in self.stopped and key not in self.complete
            return
        assert result.made_here != (key in self.complete)
        self.complete.add(key)

    @rule(key=KEYS)
    def stop(self, key: int) -> None:
        """An owner begins to compute the stage and is stopped."""
        if key in self.complete or key in self.stopped:
            return
        owner = Stopped()

        def work() -> None:
            try:
                owner.results.append(self.stage(key, owner))
            except BaseException as error:
                owner.results.append(error)

        owner.thread = threading.Thread(target=work)
        owner.thread.start()
        assert owner.reached.wait(60)
        self.stopped[key] = owner

    @precondition(lambda self: self.stopped)
    @rule(data=st.data())
    def expire(self, data: st.DataObject) -> None:
        """The silence of a stopped owner is over: another process may take its lease."""
        key = data.draw(st.sampled_from(sorted(self.stopped)))
        self.folder(key).with_suffix(".lock").unlink()
        self.superseded.append(self.stopped.pop(key))

    @precondition(lambda self: self.stopped)
    @rule(data=st.data())
    def resume(self, data: st.DataObject) -> None:
        """A stopped owner that still holds its lease completes the stage."""
        key = data.draw(st.sampled_from(sorted(self.stopped)))
        (result,) = self.finish(self.stopped.pop(key))
        assert isinstance(result, StageResult) and result.made_here, result
        self.complete.add(key)

    @precondition(lambda self: self.superseded)
    @rule()
    def resume_superseded(self) -> None:
        """It uses the result of its successor, computes the stage again, or finds it busy; it breaks nothing."""
        (result,) = self.finish(self.superseded.pop())
        if isinstance(result, StageResult):
            self.complete.add(int(result.facts["key"]))
        else:
            assert isinstance(result, Busy), result

    def finish(self, owner: Stopped) -> list[StageResult | BaseException]:
        owner.resumed.set()
        assert owner.thread is not None
        owner.thread.join(60)
        return owner.results

    @rule(key=KEYS, resume=st.booleans())
    def kill(self, key: int, resume: bool) -> None:
        """An owner was killed: its marker and its partial folder are left."""
        if key in self.complete or key in self.stopped:
            return
        partial = self.folder(key).with_name(f"{self.folder(key).name}.partial-0000")
        (partial / "resume" if resume else partial).mkdir(parents=True, exist_ok=True)
        (partial / "data").write_text("half")
        self.folder(key).with_suffix(".lock").write_text(dead_marker())

    @rule(key=KEYS, kind=st.sampled_from(["content", "size", "missing", "manifest", "no manifest", "link", "file"]))
    def spoil(self, key: int, kind: str) -> None:
        folder = self.folder(key)
        if key not in self.complete:
            return
        match kind:
            case "content":
                (folder / "data").write_text(text(key)[::-1])
            case "size":
                (folder / "data").write_text("")
            case "missing":
                (folder / "data").unlink()
            case "manifest":
                (folder / "stage.json").write_text('{"stage": "policy", "sizes": {"../../x": 1}}')
            case "no manifest":
                (folder / "stage.json").unlink()
            case "link":
                shutil.rmtree(folder)
                folder.symlink_to(self.root / "gone")
            case "file":
                shutil.rmtree(folder)
                folder.write_text("mine")
        self.complete.discard(key)

    @rule()
    def tidy(self) -> None:
        tidy(self.root)

    @invariant()
    def what_was_completed_is_there(self) -> None:
        for key in self.complete:
            folder = self.folder(key)
            assert is_complete(folder) and damage(folder) is None and (folder / "data").read_text() == text(key)

    def teardown(self) -> None:
        try:
            for key in sorted(self.stopped):
                self.finish(self.stopped.pop(key))
            while self.superseded:
                self.resume_superseded()
            for key in range(3):
                self.stage(key)
            tidy(self.root)
            assert {path.name for path in (self.root / "policy").iterdir()} == {self.folder(k).name for k in range(3)}
        finally:
            shutil.rmtree(self.root, ignore_errors=True)


TestStore = StoreMachine.TestCase
TestStore.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
