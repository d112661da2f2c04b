"""Hydra's search path: the user's `--config-dir`, then the sweeps that come with the package."""

from __future__ import annotations

from pathlib import Path

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin

from synth_scaling.config.search_path import configs
from synth_scaling.core.validation import ConfigError


class SweepFiles(SearchPathPlugin):
    """Searches `folder`, the user's, before the package's sweeps; so a user's sweep wins over one of the same name."""

    folder: Path | None = None

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        if self.folder is not None:  # Hydra itself would search it last
            search_path.append("command-line", f"file://{self.folder.absolute()}")
        search_path.append("synth_scaling", f"file://{configs('sweeps')}")


def register_sweep_files(folder: Path | None = None) -> None:
    """Add the package's sweeps, and those in `folder`, to the search path of this process."""
    SweepFiles.folder = folder
    Plugins.instance().register(SweepFiles)


def check_config_dir(folder: Path) -> None:
    """Refuse a file that Hydra would ignore, because the package has one of the same name. Raises ConfigError."""
    package = configs("conf")
    for file in package.rglob("*.yaml"):
        theirs = folder / file.relative_to(package)
        if theirs.exists() and not theirs.samefile(file):
            raise ConfigError(f"--config-dir={folder}: {theirs} has the name of the package's; give it another name")
