"""The reference page of every configuration key, from the options dataclasses and the files of conf/.

python -m docs.generate.configuration     # prints the page
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from docs.generate.fields import Field, fields_of, summary
from synth_scaling.config.schema import Config
from synth_scaling.credit.options import CREDIT
from synth_scaling.data.options import DataOptions, JSONLDataOptions
from synth_scaling.methods import METHODS
from synth_scaling.models.options import PretrainedOptions, TinyOptions
from synth_scaling.sampling.options import EngineOptions
from synth_scaling.sweep.launchers.ray import RayLauncherConf
from synth_scaling.sweep.launchers.slurm import SlurmLauncherConf
from synth_scaling.sweep.sweeper import GridSweeperConf
from synth_scaling.tasks import TASKS
from synth_scaling.teaching.client import OpenAIOptions
from synth_scaling.teaching.options import TeachConfig
from synth_scaling.teaching.recipe import TeacherOptions
from synth_scaling.training.options import TrainerOptions

CONF = Path(__file__).parents[2] / "conf"

HEAD = """# Configuration keys

**Reference.** Every key of a run and of `synth-scaling teach`. This page is generated from the options dataclasses and
from `conf/`, so it always agrees with the code.

A key is set on the command line as `KEY=VALUE`, or in a sweep file. A *group* is chosen by name (`method=step_dpo`) and
brings its keys along. Types are Python's; `null` is None; a list is written `[1,4,16]`. An unknown key, a value of
another type, and a combination that cannot work are refused in one line before anything is computed.
`--cfg job` prints the configuration that a command would use.
"""


def page() -> str:
    """The whole page as Markdown."""
    parts = [HEAD]
    for title, text, tables in sections():
        parts += [f"## {title}\n", f"{text}\n"]
        for heading, group, prefix, options in tables:
            if heading:
                parts.append(f"### {heading}\n")
            if doc := described(options):
                parts.append(f"{doc}\n")
            parts.append(table(prefix, options))
            if presets := "".join(presets_of(group, options)):
                parts.append(f"Presets, and what they change:\n\n{presets}")
    return "\n".join(parts)


Table = tuple[str, str, str, type]  # heading, group of conf/ whose presets are listed, prefix of the keys, options


def sections() -> Iterator[tuple[str, str, list[Table]]]:
    """(title, introduction, tables) of each section."""
    yield "Run", "The keys of a run that belong to no group.", [("", "", "", Config)]
    tasks: list[Table] = [(f"task={name}", "", "task", options) for name, (_, options) in TASKS.items()]
    yield "`task`", "Where problems, the teacher's solutions and the grader come from.", tasks
    models: list[Table] = [
        ("model=tiny", "", "model", TinyOptions),
        ("model=pretrained", "model", "model", PretrainedOptions),
    ]
    yield "`model`", "The base model.", models
    methods: list[Table] = [(f"method={name}", "", "method", method.options) for name, method in METHODS.items()]
    yield "`method`", "How responses become training rows, and how the policy is trained on them.", methods
    data: list[Table] = [("data=default", "", "data", DataOptions), ("data=jsonl", "", "data", JSONLDataOptions)]
    yield "`data`", "The amounts of data that a study varies, and where D_syn comes from.", data
    yield from ((f"`{name}`", text, [("", "", name, of(name))]) for name, text in RUN_PARTS)
    credit: list[Table] = [(f"credit={name}", "", "credit", options) for name, options in CREDIT.items()]
    yield "`credit`", "How step values are estimated: [Credit](../explanation/credit.md).", credit
    yield "`engine`", "vLLM, which samples.", [("", "engine", "engine", EngineOptions)]
    yield "`trainer`", "What all trainings share.", [("", "trainer", "trainer", TrainerOptions)]
    yield (
        "Sweeps",
        "Set in a sweep file or on the command line.",
        [
            ("hydra/sweeper=grid", "", "hydra.sweeper", GridSweeperConf),
            ("hydra/launcher=slurm", "", "hydra.launcher", SlurmLauncherConf),
            ("hydra/launcher=ray", "", "hydra.launcher", RayLauncherConf),
        ],
    )
    yield (
        "Teacher data",
        "The keys of `synth-scaling teach`; `task` is as above.",
        [
            ("teach", "", "", TeachConfig),
            ("teacher=NAME", "", "teacher", TeacherOptions),
            ("engine=openai", "", "engine", OpenAIOptions),
        ],
    )


RUN_PARTS = (
    ("rollout_policy", "pi_sft, which samples the responses."),
    ("evaluation", "How the trained policy is tested."),
    ("rounds", "Rounds of sampling and training."),
    ("tracking", "Weights & Biases."),
)


def of(name: str) -> type:
    """The dataclass of the part `name` of a run's configuration."""
    factory = next(entry for entry in dataclasses.fields(Config) if entry.name == name).default_factory
    assert isinstance(factory, type), name
    return factory


def rows_of(prefix: str, options: type) -> Iterator[tuple[str, Field]]:
    """(key, field) of all keys below `prefix`, nested dataclasses included.

    Left out are parts of a run that have a section of their own, and the `name` that the choice of a group sets.
    """
    for field in fields_of(options):
        key = f"{prefix}.{field.name}" if prefix else field.name
        group = not prefix and (CONF / field.name).is_dir()
        if group or (not prefix and field.name in dict(RUN_PARTS)) or (field.name == "name" and prefix != "tracking"):
            continue
        if dataclasses.is_dataclass(field.default):
            yield from rows_of(key, type(field.default))
        else:
            yield key, field


def table(prefix: str, options: type) -> str:
    """The keys of `options` as a Markdown table."""
    lines = ["| key | type | default | unit | meaning |", "| --- | --- | --- | --- | --- |"]
    for key, field in rows_of(prefix, options):
        cells = [f"`{key}`", f"`{field.type}`", shown(field.default), field.unit, field.meaning]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join([*lines, ""])


def shown(value: Any) -> str:
    """A default as it would stand on the command line."""
    if value is dataclasses.MISSING or value == "???":
        return "required"
    text = value if isinstance(value, str) else json.dumps(value)
    return f"`{json.dumps(text) if not text or text != text.strip() else text}`"


def described(options: type) -> str:
    """The first paragraph of the docstring, without the name of the file of conf/ that it opens with."""
    text = re.sub(r"^conf/\S+yaml[.:]\s*", "", summary(options))
    return text[:1].upper() + text[1:]


def presets_of(group: str, options: type) -> Iterator[str]:
    """A list item for each file of conf/GROUP that changes a default of `options`."""
    names = {field.name for field in fields_of(options)}
    for file in sorted((CONF / group).glob("*.yaml")) if group else []:
        changed = OmegaConf.to_container(OmegaConf.load(file))
        assert isinstance(changed, dict), file
        inherited = changed.pop("defaults")
        changed.pop("name", None)
        if not changed or not set(changed) <= names:
            continue
        base = next((f" (`{name}`, and)" for name in inherited if (CONF / group / f"{name}.yaml").exists()), "")
        values = ", ".join(f"`{key}={text}`" for key, text in flat(changed))
        yield f"- `{group}={file.stem}`{base}: {values}. {note(file)}\n"


def flat(values: dict[Any, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", json.dumps(value).strip('"')


def note(file: Path) -> str:
    """The comment at the head of a file, without the lines that are commands (indented further)."""
    head = itertools.takewhile(lambda line: line.startswith("#"), file.read_text().splitlines())
    return " ".join(line[2:].strip() for line in head if not line.startswith("#   "))


if __name__ == "__main__":
    print(page())
