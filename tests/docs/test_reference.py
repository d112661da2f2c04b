"""The generated reference is complete, and what the documents name exists."""

from __future__ import annotations

import ast
import dataclasses
import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from docs.generate import configuration, layers
from docs.generate.fields import fields_of
from synth_scaling.cli import ANALYSIS, VERBS
from synth_scaling.config.search_path import sweep_names
from synth_scaling.methods import METHODS
from synth_scaling.tasks import TASKS

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "benchmarks" / "README.md",
    *(path for path in sorted((ROOT / "docs").rglob("*.md")) if path.name != "LOG.md"),  # history names what is gone
]


@dataclass
class Parent:
    size: int = 3  # [cm] of each side
    names: list[str] = field(default_factory=lambda: ["a"])  # of the parts


@dataclass
class Child(Parent):
    size: int = 4
    # a ratio; the comment stands above
    # and has two lines
    share: float | None = None


def test_fields_have_type_default_unit_and_meaning_from_the_source() -> None:
    rows = [dataclasses.astuple(row) for row in fields_of(Child)]
    assert rows == [
        ("size", "int", 4, "cm", "of each side"),
        ("names", "list[str]", ["a"], "", "of the parts"),
        ("share", "float | None", None, "", "a ratio; the comment stands above and has two lines"),
    ]


def every_key() -> list[tuple[str, str]]:
    tables = [table for _, _, tables in configuration.sections() for table in tables]
    return [
        (f"{options.__name__}.{key}", row.meaning)
        for _, _, prefix, options in tables
        for key, row in configuration.rows_of(prefix, options)
    ]


@pytest.mark.parametrize(("key", "meaning"), dict(every_key()).items())
def test_every_key_has_a_meaning(key: str, meaning: str) -> None:
    assert meaning, f"{key}: write the comment `# [unit] meaning` behind its field"


def test_the_page_of_keys_has_every_task_method_and_preset() -> None:
    page = configuration.page()
    for group, names in (("task", TASKS), ("method", METHODS)):
        assert [name for name in names if f"### {group}={name}\n" not in page] == []
    assert "`trainer=fsdp_7b`: `batch_size=128`" in page


def test_the_table_of_packages_shows_the_imports_of_each() -> None:
    rows = {line.split("`")[1]: line for line in layers.table("synth_scaling").splitlines()[2:]}
    assert rows["credit"].split(" | ")[2] == "`core`"
    assert rows["core"].split(" | ")[2] == ""


def test_every_field_of_a_result_row_is_documented() -> None:
    source = ast.parse((ROOT / "synth_scaling/experiment/row.py").read_text())
    function = next(node for node in source.body if isinstance(node, ast.FunctionDef) and node.name == "result_row")
    row = next(node.value for node in ast.walk(function) if isinstance(node, ast.Return))
    assert isinstance(row, ast.Dict)
    fields = [ast.literal_eval(key) for key in row.keys if key is not None]
    page = (ROOT / "docs/reference/files.md").read_text()
    assert [name for name in fields if f"`{name}`" not in page] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_document_names_files_modules_commands_and_sweeps_that_exist(document: Path) -> None:
    text = document.read_text()
    paths = re.findall(
        r"\b(?:synth_scaling|analysis|tests|conf|sweeps|benchmarks|docs)/[\w./-]*\w\.(?:py|yaml|md)\b", text
    )
    assert [path for path in paths if not (ROOT / path).exists() and "parity" not in path] == []
    modules = re.findall(r"python -m ((?:synth_scaling|analysis|benchmarks|docs)[\w.]*)", text)
    places = [ROOT / module.replace(".", "/") for module in modules]
    assert [place for place in places if not place.is_dir() and not place.with_suffix(".py").exists()] == []
    verbs = re.findall(r"(?:^|`)synth-scaling ([a-z][\w-]*)(?=[ `\n])", text, re.MULTILINE)
    assert sorted({*verbs} - {*VERBS, *ANALYSIS}) == []
    sweeps = re.findall(r"--config-name (\w+)", text)
    assert sorted({*sweeps} - {*sweep_names(), "mine", "parity", "NAME", "SWEEP"}) == []
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
    generated = {"configuration.md", "commands.md"}
    assert [to for to in links if not (document.parent / to).exists() and Path(to).name not in generated] == []
