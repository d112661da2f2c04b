"""Locations of the configuration files, and Hydra's search path."""

from __future__ import annotations

from pathlib import Path


def configs(name: str) -> Path:
    """The folder `conf` or `sweeps`: of the checkout, or inside the installed package."""
    checkout = Path(__file__).parents[2] / name
    return checkout if (checkout.parent / "pyproject.toml").exists() else Path(__file__).parents[1] / name


def sweep_names() -> list[str]:
    """Names of the sweeps that come with the package, sorted."""
    return sorted(path.stem for path in configs("sweeps").glob("*.yaml"))


def choices(group: str) -> list[str]:
    """Names of the configuration files of one group, such as `method`, sorted."""
    return sorted(path.stem for path in (configs("conf") / group).glob("*.yaml"))
