"""Whole files, appended lines, and lenient reading of advisory files."""

from __future__ import annotations

import json
import logging
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth_scaling.system import files
from synth_scaling.system.files import append_line, read_advisory, read_advisory_lines, write_text


def test_lines_are_appended_and_a_torn_one_is_ended_first(tmp_path: Path) -> None:
    path = tmp_path / "made.jsonl"
    append_line(path, '{"a": 1}')
    with open(path, "ab") as file:
        file.write(b'{"b": ')
    append_line(path, '{"c": 3}')
    assert path.read_text() == '{"a": 1}\n{"b": \n{"c": 3}\n'
    assert read_advisory_lines(path, dict) == [{"a": 1}, {"c": 3}]


def test_an_append_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    """A file size limit stands for a full disk: the write is cut short, then refused."""
    path = tmp_path / "made.jsonl"
    append_line(path, '{"a": 1}')
    code = (
        "import resource, signal, sys; from pathlib import Path; from synth_scaling.system.files import append_line\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))\n"
        "append_line(Path(sys.argv[1]), 'x' * 4000)"
    )
    result = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True)
    assert result.returncode == 1 and "OSError" in result.stderr
    assert path.read_text() == '{"a": 1}\n'
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 64


def test_lines_of_several_processes_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "made.jsonl"
    code = (
        "import sys; from pathlib import Path; from synth_scaling.system.files import append_line\n"
        "for i in range(200): append_line(Path(sys.argv[1]), '{\"who\": \"' + sys.argv[2] * 3000 + '\"}')"
    )
    children = [subprocess.Popen([sys.executable, "-c", code, str(path), who]) for who in "abc"]
    assert [child.wait() for child in children] == [0, 0, 0]
    lines = read_advisory_lines(path, dict)
    assert len(lines) == 600 and {line["who"] for line in lines} == {who * 3000 for who in "abc"}


@given(st.binary(max_size=200))
def test_any_bytes_are_read_without_an_error(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("advisory") / "file"
    path.write_bytes(data)
    value = read_advisory(path, dict)
    assert value is None or isinstance(value, dict)
    path.write_bytes(b'{"first": 1}\n' + data + b'\n{"last": 1}\n')
    lines = read_advisory_lines(path, dict)
    assert lines[0] == {"first": 1} and lines[-1] == {"last": 1}


def test_an_unreadable_file_is_reported_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    messages: list[str] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(record.getMessage())

    monkeypatch.setattr(files, "_reported", set())
    monkeypatch.setattr(files, "log", logging.Logger("advisory files"))
    files.log.addHandler(Collect())
    path = tmp_path / "failure.json"
    path.write_text("")
    assert read_advisory(path, dict) is None and read_advisory(path, dict) is None
    assert messages == [f"{path} cannot be read and is ignored"]
    assert read_advisory(tmp_path / "missing", dict) is None and read_advisory_lines(tmp_path / "missing", dict) == []


def test_growing_files_and_excessive_nesting(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n' + "[" * 100_000 + "\n" + '{"step": 2}')
    assert read_advisory_lines(path, dict) == [{"step": 1}]


def test_a_text_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "row.json"
    write_text(path, json.dumps({"a": 1}))
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "\ud800")
    assert path.read_text() == '{"a": 1}' and os.listdir(tmp_path) == ["row.json"]
