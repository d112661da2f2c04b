"""The typed configuration of the teach command, and its checks."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf

from synth_scaling.core.validation import ConfigError
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
    """Tell Hydra the types; those of the tasks come from :func:`synth_scaling.config.schema.register_schemas`."""
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
    """Every rule that the types do not say. Raises ConfigError naming key, value and what is allowed."""
    if type(c.task) is not TASKS.get(c.task.name, (None, None))[1]:
        raise ConfigError(f"task.name={c.task.name}: choose a task by task=NAME; allowed are {', '.join(TASKS)}")
    for key, value, right, allowed in _rules(c, c.engine, c.budget):
        if not right:
            raise ConfigError(f"{key}={value}: allowed are {allowed}")
    _check_engine(c.engine, c.budget)
    _check_prompts(c.teacher)
    _check_output(c)


def _rules(c: TeachConfig, e: OpenAIOptions, b: BudgetOptions) -> Iterator[tuple[str, Any, bool, str]]:
    """(key, value, whether it may be, what may be)."""
    yield "problems", c.problems, c.problems >= 1, "1 or more"
    yield "attempts", c.attempts, c.attempts is None or c.attempts >= c.problems, f"problems={c.problems} or more"
    yield "seed_problems", c.seed_problems, c.seed_problems >= 1, "1 or more"
    yield "samples", c.samples, c.samples >= 1, "1 or more"
    yield "agree", c.agree, 1 <= c.agree <= c.samples, f"1 to samples={c.samples}"
    yield "seed", c.seed, 0 <= c.seed < 2**32, "0 to 2^32 - 1"
    yield "output", c.output, Path(c.output).suffix == ".jsonl", "names that end in .jsonl"
    yield "engine.model", e.model, bool(e.model), "names of models at the endpoint"
    yield "engine.name", e.name, e.name == "openai", "openai"
    yield (
        "engine.base_url",
        e.base_url,
        e.base_url.startswith(("http://", "https://")),
        "http:// and https:// addresses",
    )
    yield "engine.temperature", e.temperature, e.temperature is None or 0 <= e.temperature <= 2, "0 to 2, and null"
    yield "engine.top_p", e.top_p, e.top_p is None or 0 < e.top_p <= 1, "above 0, up to 1, and null"
    yield "engine.max_tokens", e.max_tokens, e.max_tokens >= 1, "1 or more"
    yield "engine.max_tokens_key", e.max_tokens_key, e.max_tokens_key in _MAX_TOKENS, ", ".join(_MAX_TOKENS)
    yield "engine.concurrency", e.concurrency, e.concurrency >= 1, "1 or more"
    yield "engine.retries", e.retries, e.retries >= 0, "0 or more"
    yield "engine.timeout", e.timeout, 0 < e.timeout < math.inf, "seconds above 0"
    yield "engine.give_up_after", e.give_up_after, e.give_up_after >= 1, "1 or more"
    for key in ("usd_per_million_input", "usd_per_million_output"):
        price = getattr(e, key)
        yield f"engine.{key}", price, price is None or 0 <= price < math.inf, "0 or more, and null"
    yield "budget.tokens", b.tokens, b.tokens is None or b.tokens >= 1, "1 or more, and null"
    yield "budget.usd", b.usd, b.usd is None or 0 < b.usd < math.inf, "values above 0, and null"


_MAX_TOKENS = ("max_tokens", "max_completion_tokens")
_OWN_KEYS = {"model", "messages", "temperature", "top_p", "seed", "n", "stream", *_MAX_TOKENS}


def _check_engine(engine: OpenAIOptions, budget: BudgetOptions) -> None:
    for key in ("usd_per_million_input", "usd_per_million_output"):
        if budget.usd is not None and getattr(engine, key) is None:
            raise ConfigError(f"engine.{key}=null: budget.usd={budget.usd} needs the endpoint's price")
    for key in sorted(_OWN_KEYS & set(engine.extra)):
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
    if output.exists() and not c.journal.exists():
        raise ConfigError(f"output={output}: exists, and was not written here; allowed is a new file")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        probe = output.with_name(f".writable-{os.getpid()}")
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ConfigError(f"output={output}: allowed is a file that can be written ({error.strerror})") from None
