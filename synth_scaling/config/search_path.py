"""Locations of the configuration files, and Hydra's search path."""

from __future__ import annotations

from pathlib import Path

from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin


def configs(name: str) -> Path:
    """The folder `conf` or `sweeps`: of the checkout, or inside the installed package."""
    checkout = Path(__file__).parents[2] / name
    return checkout if (checkout.parent / "pyproject.toml").exists() else Path(__file__).parents[1] / name


class Sweeps(SearchPathPlugin):
    """The sweeps that come with the package are found by name."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        search_path.append("synth_scaling", f"file://{configs('sweeps')}")
