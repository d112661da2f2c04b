"""The fields of an options dataclass with their type, default, unit and meaning, read from the source."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import io
import re
import textwrap
import tokenize
from dataclasses import dataclass
from functools import cache
from typing import Any


@dataclass(frozen=True)
class Field:
    """One row of a table of options."""

    name: str
    type: str
    default: Any  # MISSING if there is none
    unit: str  # empty for texts, switches and numbers without a unit
    meaning: str  # empty if neither the class nor its bases comment on the field


def fields_of(options: type) -> list[Field]:
    """The fields of a dataclass in their order, without `_target_`.

    The comment `# [unit] meaning` stands behind a field or on the lines right above it; `[unit]` is optional. A
    subclass that only changes a default inherits the comment of its base.
    """
    rows = []
    for entry in dataclasses.fields(options):
        if entry.name == "_target_":
            continue
        declared = [_declarations(base)[entry.name] for base in options.__mro__ if entry.name in _declarations(base)]
        comment = next((text for _, text in declared if text), "")
        unit, meaning = re.fullmatch(r"(?:\[([^]]*)\] ?)?(.*)", comment, re.DOTALL).groups()  # type: ignore[union-attr]
        rows.append(Field(entry.name, declared[0][0], _default(entry), unit or "", meaning))
    return rows


def summary(options: type) -> str:
    """The first paragraph of the docstring of a dataclass; empty if it has none."""
    text = options.__dict__.get("__doc__") or ""
    if text.startswith(f"{options.__name__}("):  # written by the dataclass decorator
        return ""
    return " ".join(inspect.cleandoc(text).split("\n\n")[0].split())


def _default(entry: dataclasses.Field) -> Any:
    if entry.default_factory is not dataclasses.MISSING:
        return entry.default_factory()
    return entry.default


@cache
def _declarations(cls: type) -> dict[str, tuple[str, str]]:
    """(annotation, comment) by name of the fields that the body of `cls` itself declares."""
    if "__dataclass_fields__" not in cls.__dict__:
        return {}
    source = textwrap.dedent(inspect.getsource(cls))
    comments = {
        token.start[0]: token
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    definition = ast.parse(source).body[0]
    assert isinstance(definition, ast.ClassDef), cls
    return {
        node.target.id: (ast.unparse(node.annotation), _comment(node, comments))
        for node in definition.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }


def _comment(node: ast.AnnAssign, comments: dict[int, tokenize.TokenInfo]) -> str:
    assert node.end_lineno is not None, "parsed from source"
    lines = [n for n in range(node.lineno, node.end_lineno + 1) if n in comments]
    if not lines:
        above = node.lineno - 1
        while above in comments and comments[above].line.lstrip().startswith("#"):
            lines.insert(0, above)
            above -= 1
    return " ".join(comments[n].string.lstrip("#").strip() for n in lines)
