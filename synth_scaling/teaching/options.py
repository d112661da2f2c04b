"""The typed configuration of the teach command, and its checks."""

from __future__ import annotations

import math
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf

from synth_scaling.core.validation import ConfigError, at_least, between, filled, one_of
from synth_scaling.system.jsonl import WRITTEN
from synth_scaling.tasks import TASKS
from synth_scaling.teaching.budget import BudgetOptions
from synth_scaling.teaching.client import OpenAIOptions
from synth_scaling.teaching.recipe import Seed, TeacherOptions, rendered


@dataclass
class TeachConfig:
    """conf/teach.yaml."""

    task: Any = None  # a group, chosen by task=NAME; gives the seed problems and the grader
    teacher: TeacherOptions = field(default_factory=TeacherOptions)  # a group, chosen by teacher=NAME: the prompts
    engine: OpenAIOptions = field(default_factory=OpenAIOptions)  # the endpoint
    budget: BudgetOptions = field(default_factory=BudgetOptions)  # limits on tokens and money
    problems: int = 1000  # [rows] wanted
    attempts: int | None = None  # [problems] new ones requested at most; null: four times `problems`
    seed_problems: int = 1000  # [problems] of the task's train split, each used equally often
    samples: int = 1  # [solutions per problem] requested
    agree: int = 1  # [solutions per problem] that must have the same answer
    seed: int = 0  # of the order of the seed problems
    output: str = "outputs/teacher.jsonl"  # the file; its journal is written beside it

    @property
    def most_attempts(self) -> int:
        return self.attempts or 4 * self.problems

    @property
    def journal(self) -> Path:
        return Path(self.output).with_suffix(".journal.jsonl")


def register_teach_schemas() -> None:
    """Register the types with Hydra, except the tasks' (:func:`synth_scaling.config.schema.register_schemas`)."""
    store = ConfigStore.instance()
    store.store(name="teach_schema", node=TeachConfig)
    store.store(group="teacher", name="schema", node=TeacherOptions)
    store.store(group="engine", name="openai_schema", node=OpenAIOptions)


def typed_teach(config: DictConfig) -> TeachConfig:
    """The composed configuration as dataclasses, checked. Raises ConfigError."""
    plain = OmegaConf.to_object(config)
    assert isinstance(plain, TeachConfig), type(plain)
    check_teach(plain)
    return plain


def check_teach(c: TeachConfig) -> None:
    """Refuse values that the types allow and the command does not. Raises ConfigError."""
    if type(c.task) is not TASKS.get(c.task.name, (None, None))[1]:
        raise ConfigError(f"task.name={c.task.name}: choose a task by task=NAME; allowed are {', '.join(TASKS)}")
    _check_amounts(c)
    _check_request(c.engine)
    _check_engine(c.engine, c.budget)
    _check_prompts(c.teacher)
    _check_output(c)


def _check_amounts(c: TeachConfig) -> None:
    for key in ("problems", "seed_problems", "samples"):
        at_least(key, getattr(c, key), 1)
    if c.attempts is not None:
        at_least("attempts", c.attempts, c.problems)
    between("agree", c.agree, 1, c.samples, f"1 to samples={c.samples}")
    between("seed", c.seed, 0, 2**32 - 1, "0 to 2^32 - 1")
    if Path(c.output).suffix != ".jsonl":
        raise ConfigError(f"output={c.output}: allowed are names that end in .jsonl")
    if c.budget.tokens is not None:
        at_least("budget.tokens", c.budget.tokens, 1)
    if c.budget.usd is not None:
        between("budget.usd", c.budget.usd, _TINY, _HUGE, "values above 0, and null")


def _check_request(engine: OpenAIOptions) -> None:
    filled("engine.model", engine.model)
    one_of("engine.name", engine.name, ("openai",))
    if not engine.base_url.startswith(("http://", "https://")):
        raise ConfigError(f"engine.base_url={engine.base_url}: allowed are http:// and https:// addresses")
    if engine.temperature is not None:
        between("engine.temperature", engine.temperature, 0, 2, "0 to 2, and null")
    if engine.top_p is not None:
        between("engine.top_p", engine.top_p, _TINY, 1, "above 0, up to 1, and null")
    one_of("engine.max_tokens_key", engine.max_tokens_key, _MAX_TOKENS)
    for key, least in (("max_tokens", 1), ("concurrency", 1), ("retries", 0), ("give_up_after", 1)):
        at_least(f"engine.{key}", getattr(engine, key), least)
    between("engine.timeout", engine.timeout, _TINY, _HUGE, "seconds above 0")
    for key in ("usd_per_million_input", "usd_per_million_output"):
        if (price := getattr(engine, key)) is not None:
            between(f"engine.{key}", price, 0, _HUGE, "values of at least 0, and null")


_TINY, _HUGE = math.ulp(0.0), sys.float_info.max  # the smallest and the largest positive float
_MAX_TOKENS = ("max_tokens", "max_completion_tokens")
_ENGINE_KEYS = {"model", "messages", "temperature", "top_p", "seed", "n", "stream", *_MAX_TOKENS}


def _check_engine(engine: OpenAIOptions, budget: BudgetOptions) -> None:
    for key in ("usd_per_million_input", "usd_per_million_output"):
        if budget.usd is not None and getattr(engine, key) is None:
            raise ConfigError(f"engine.{key}=null: budget.usd={budget.usd} needs the endpoint's price")
    for key in sorted(_ENGINE_KEYS & set(engine.extra)):
        raise ConfigError(f"engine.extra.{key}={engine.extra[key]}: allowed are fields that engine has no key for")
    if engine.base_url.startswith("https://") and not os.environ.get(engine.api_key_env):
        raise ConfigError(f"engine.api_key_env={engine.api_key_env}: allowed are environment variables with a key")


def _check_prompts(teacher: TeacherOptions) -> None:
    seed = Seed("seed/0", "how many?", "one and one\n#### 2", "2")
    for key, known in (("problem", {"seed": seed}), ("solve", {"question": "how many?"})):
        try:
            text = rendered(getattr(teacher, key), **known)
        except ValueError as error:
            raise ConfigError(f"teacher.{key}: {error}; allowed is a Jinja template with {', '.join(known)}") from None
        if "how many?" not in text:
            raise ConfigError(f"teacher.{key}: allowed are templates that hold {', '.join(known)}")


def _check_output(c: TeachConfig) -> None:
    output = Path(c.output)
    if not output.name.endswith(WRITTEN):
        raise ConfigError(f"output={output}: allowed are names that end in {', '.join(WRITTEN)}")
    if output.exists() and not c.journal.exists():
        raise ConfigError(f"output={output}: exists, and was not written here; allowed is a new file")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        probe = output.with_name(f".writable-{os.getpid()}")
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ConfigError(f"output={output}: allowed is a file that can be written ({error.strerror})") from None
