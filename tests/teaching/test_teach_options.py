"""Refusals of the teach command before its first request, in one line each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from synth_scaling.config.hydra_errors import one_line
from synth_scaling.config.schema import register_schemas
from synth_scaling.core.validation import ConfigError
from synth_scaling.teaching.entry import recipe_of
from synth_scaling.teaching.options import TeachConfig, register_teach_schemas, typed_teach

ROOT = Path(__file__).parent.parent.parent
LOCAL = ["task=word_sums", "engine.model=m", "engine.base_url=http://127.0.0.1:9/v1"]


@pytest.fixture(autouse=True)
def _hydra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    register_schemas()
    register_teach_schemas()
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        yield


def config(*overrides: str) -> TeachConfig:
    return typed_teach(compose("teach", [*LOCAL, *overrides]))


def test_the_defaults_are_the_papers_recipe() -> None:
    c = config()
    assert (c.samples, c.agree, c.teacher.name, c.most_attempts) == (1, 1, "word_problems", 4000)
    assert str(c.journal) == "outputs/teacher.journal.jsonl"


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ("problems=0", "allowed are values of at least 1"),
        ("attempts=5 problems=6", "allowed are values of at least 6"),
        ("seed_problems=0", "allowed are values of at least 1"),
        ("samples=0", "allowed are values of at least 1"),
        ("agree=3 samples=2", "allowed are 1 to samples=2"),
        ("seed=-1", "allowed are 0 to 2^32 - 1"),
        ("output=teacher.csv", "allowed are names that end in .jsonl"),
        ("output=file/deep.jsonl", "allowed is a file that can be written"),
        ("output=there.jsonl", "allowed is a new file"),
        ("engine.base_url=localhost:8000", "allowed are http:// and https:// addresses"),
        ("engine.model=", "allowed is a text that is not empty"),
        ("engine.temperature=2.5", "allowed are 0 to 2, and null"),
        ("engine.temperature=nan", "allowed are 0 to 2, and null"),
        ("engine.top_p=0.0", "allowed are above 0, up to 1, and null"),
        ("engine.max_tokens=0", "allowed are values of at least 1"),
        ("engine.max_tokens_key=limit", "allowed are max_tokens, max_completion_tokens"),
        ("engine.concurrency=0", "allowed are values of at least 1"),
        ("engine.retries=-1", "allowed are values of at least 0"),
        ("engine.timeout=0.0", "allowed are seconds above 0"),
        ("engine.give_up_after=0", "allowed are values of at least 1"),
        ("engine.usd_per_million_input=-1.0", "allowed are values of at least 0, and null"),
        ("engine.name=ours", "allowed are openai"),
        ("engine.api_key_env=NO_SUCH_KEY engine.base_url=https://x/v1", "allowed are environment variables with a key"),
        ("budget.tokens=0", "allowed are values of at least 1"),
        ("budget.usd=0.0", "allowed are values above 0, and null"),
        ("+engine.extra.n=2", "allowed are fields that engine has no key for"),
        ("task.name=gsm8k", "choose a task by task=NAME"),
        ("engine.usd_per_million_input=null budget.usd=1.0", "needs the endpoint's price"),
    ],
)  # fmt: skip
def test_an_invalid_value_is_refused_with_key_value_and_allowed_values(overrides: str, words: str) -> None:
    Path("file").touch()
    Path("there.jsonl").touch()
    with pytest.raises(ConfigError) as error:
        config(*overrides.split())
    assert str(error.value).startswith(f"{overrides.split()[0].lstrip('+')}: ") and words in str(error.value)


@pytest.mark.parametrize("template", ["{{ answer }}", "{{ question", "no word of it"])
def test_a_template_that_cannot_serve_is_refused(template: str) -> None:
    with pytest.raises(ConfigError, match=r"^teacher\.solve: .*question"):
        config(f"teacher.solve='{template}'")


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["engine.modell=x"], ["engine.modell", "no such key"]),
        (["problems=many"], ["problems", "many"]),
        (["engine=vllm"], ["engine: allowed are", "engine=openai for synth_scaling.teach"]),
        (["teacher=ours"], ["ours", "word_problems", "competition"]),
    ],
    ids=" ".join,
)  # fmt: skip
def test_hydras_refusals_are_one_line_too(overrides: list[str], words: list[str]) -> None:
    with pytest.raises((HydraException, OmegaConfBaseException)) as error:
        config(*overrides)
    line = one_line(error.value)
    assert "\n" not in line and [word for word in words if word not in line] == []


@pytest.mark.parametrize(
    ("override", "line"),
    [
        (
            "task=maze",
            "task=maze: has no answers in words; allowed are word_sums, word_stories, gsm8k, math, gsm_symbolic",
        ),
        ("task=gsm8k", "task.path=null: task=gsm8k needs its files"),
    ],
)
def test_a_task_that_cannot_serve_is_refused(override: str, line: str) -> None:
    with pytest.raises(ValueError) as error:
        recipe_of(config(override))
    assert str(error.value).startswith(line) and "\n" not in str(error.value)
