"""Tables of the packages from top to bottom, with what each imports, for the architecture page.

python -m docs.generate.layers     # prints both tables
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]


def table(root: str) -> str:
    """One row per package of `root` (synth_scaling or analysis), in the order that `make lint` enforces."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract.get("containers") == [root])
    lines = ["| package | lines | imports from | holds |", "| --- | --- | --- | --- |"]
    for name in (name.strip() for layer in layers for name in layer.split(":")):
        files = sorted((ROOT / root / name).rglob("*.py")) or [ROOT / root / f"{name}.py"]
        count = sum(len(file.read_text().splitlines()) for file in files)
        imported = sorted({package for file in files for package in imports(file, root)} - {name})
        shown = ", ".join(f"`{package}`" for package in imported)
        lines.append(f"| `{name}` | {count:,} | {shown} | {purpose(files[0])} |")
    return "\n".join(lines)


def imports(file: Path, root: str) -> Iterator[str]:
    """The packages and modules directly below `root` that a file imports, at any place in it."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == root:
            below = node.module.split(".")[1:2] or [alias.name for alias in node.names]
            yield from below
        elif isinstance(node, ast.Import):
            yield from (a.name.split(".")[1] for a in node.names if a.name.startswith(f"{root}."))


def purpose(file: Path) -> str:
    """The first sentence of a module's docstring."""
    text = " ".join((ast.get_docstring(ast.parse(file.read_text())) or "").split("\n\n")[0].split())
    return text.split(". ")[0].rstrip(".").replace("|", "\\|")


if __name__ == "__main__":
    print(table("synth_scaling"), table("analysis"), sep="\n\n")
