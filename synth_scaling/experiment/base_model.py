"""The base model of a run, which every policy starts from: pretrained on the task's corpus, or an existing model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from synth_scaling.config.schema import Config
from synth_scaling.core.flops import matmul_parameters
from synth_scaling.core.hashing import key_of
from synth_scaling.core.records import Problem
from synth_scaling.core.stage import Cost, StageResult
from synth_scaling.core.validation import ConfigError
from synth_scaling.experiment.keys import training_key, versions
from synth_scaling.models.codec import Codec
from synth_scaling.models.options import ModelOptions, PretrainedOptions, TinyOptions, check_context
from synth_scaling.models.pretrained import content_digest, context_of, resolve
from synth_scaling.models.prompts import PromptFormat
from synth_scaling.models.smollm2 import WHEEL, convert, file_digest
from synth_scaling.models.tiny_llama import TinyLlama
from synth_scaling.system.usage import Made
from synth_scaling.tasks import Task, embedded
from synth_scaling.training.options import pretraining_options


def is_stored(model: ModelOptions) -> bool:
    """Whether the base is a stage of the store; other pretrained models are used in place."""
    return not isinstance(model, PretrainedOptions) or model.path == WHEEL


def base_key(config: Config) -> dict[str, Any]:
    """The key of a base that the store holds."""
    if not isinstance(config.model, TinyOptions):
        return {"wheel": WHEEL, "file": file_digest(), **versions("transformers", "gguf", "tokenizers")}
    trainer = pretraining_options(config.trainer)
    return {
        "task": key_of(config.task),
        "model": key_of(config.model),
        "trainer": key_of(trainer),
        **training_key(config),
    }


def compute_base(config: Config, task: Task, folder: Path, curve: Callable[[Mapping[str, float]], None]) -> Made:
    """Write the base that :func:`base_key` names to `folder`: pretrain it, or convert the wheel's file."""
    m = config.model
    if not isinstance(m, TinyOptions):
        convert(folder)
        return Cost(), {"parameters": matmul_parameters(folder), "context": context_of(folder)}
    from synth_scaling.training.pretrain import pretrain  # imports torch, needed only if something is trained

    cost = pretrain(
        embedded(task),
        TinyLlama(m.width, m.layers, m.heads, m.feedforward),
        folder,
        documents=m.pretrain_documents,
        batch_size=m.pretrain_batch_size,
        learning_rate=m.pretrain_learning_rate,
        prompts=m.pretrain_prompts,
        trainer=pretraining_options(config.trainer),
        seed=m.seed,
        threads=config.threads,
        curve=curve,
    )
    return cost, {"parameters": matmul_parameters(folder)}


def base_in_place(model: ModelOptions) -> StageResult:
    """An existing model as the result of a stage; its hash is that of its files' content."""
    assert isinstance(model, PretrainedOptions)
    folder = resolve(model.path, model.revision)
    facts = {"parameters": matmul_parameters(folder), "context": context_of(folder)}
    return StageResult("base", content_digest(folder), folder, Cost(), 0.0, False, facts)


def open_codec(config: Config, task: Task, base: Path) -> tuple[Codec, int | None]:
    """The tokenizer and prompt format that all policies share, and the context in tokens that the engine must hold.

    The context is None if it is the model's. Raises ConfigError if the task's prompts and responses are too long.
    """
    m = config.model
    if not isinstance(m, PretrainedOptions):
        return Codec(base), None
    codec, template = prompt_codec(m, task, base)
    context = check_context(task, context_of(base), template, f"model.path={m.path}")
    if (most := config.engine.max_model_len) is not None:
        check_context(task, most, template, f"engine.max_model_len={most}")
    return codec, context


def prompt_codec(model: PretrainedOptions, task: Task, base: Path) -> tuple[Codec, int]:
    """The tokenizer in `base` with the model's prompt format, and the tokens of a prompt without its question.

    Raises ConfigError for a chat template that cannot be used.
    """
    codec = Codec(base, PromptFormat(model.prompt, model.chat, model.system))
    try:
        template = len(codec.encode_prompt(Problem("", "", "", 0)))
    except Exception as error:  # a chat template may raise anything
        raise ConfigError(f"model.chat={model.chat}: the template cannot be used ({error})") from None
    codec.longest_prompt = template + task.max_prompt_tokens
    return codec, template
