"""The wheel, unpacked in an empty folder, composes the sweeps that come with it."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_wheel_works_outside_the_checkout(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist")]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    assert (tmp_path / "site/analysis/data/results.py").exists()
    # -P keeps the checkout off the path; the unpacked wheel stands before an editable install of it.
    command = [sys.executable, "-P", "-m", "synth_scaling", "--config-name", "demo_maze", "--cfg", "job"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    shown = subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True).stdout
    assert "sweep: demo_maze" in shown and "n_validation: 300" in shown
    where = "import synth_scaling.config.search_path as c; print(c.configs('conf'))"
    actual = subprocess.run(
        [sys.executable, "-P", "-c", where], cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
    )
    assert actual.stdout.strip() == str(tmp_path / "site/synth_scaling/conf")
