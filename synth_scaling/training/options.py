"""Options that all training stages share, apart from the trainers: reading a configuration imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from synth_scaling.core.hashing import ADDED, UNKEYED
from synth_scaling.core.validation import ConfigError, above_zero, at_least, between, one_of


@dataclass
class LoRAOptions:
    """trainer.lora.*: low-rank adapters (arXiv 2106.09685) instead of full fine-tuning; merged when saved."""

    rank: int = 0  # of the adapter; 0: all weights are trained
    alpha: float = 16.0  # the adapter's product is scaled by alpha / rank
    dropout: float = 0.0  # of the adapter's input in NLL training; TRL switches it off for pairs
    # names of layers, such as q_proj; empty: every linear layer but the output
    target_modules: list[str] = field(default_factory=list)


@dataclass
class TrainerOptions:
    """conf/trainer/*.yaml: options that all training stages share. Epochs and learning rates belong to the methods."""

    batch_size: int = 32  # [sequences per step] for pairs, pairs per step
    weight_decay: float = 0.1  # of AdamW
    schedule: str = "cosine"  # of the learning rate, by transformers' name
    warmup_share: float = 0.0  # share of the steps in which the learning rate rises
    max_grad_norm: float = 1.0  # gradients are clipped to this norm
    dtype: str = "float32"  # "float32", "bfloat16", or "auto": bfloat16 where CUDA has it, else float32
    gradient_accumulation: int = 1  # micro-batches that batch_size is split into
    gradient_checkpointing: bool = False  # activations are recomputed in the backward pass, which saves memory
    logging_steps: int = 10  # [steps] between points of the curve
    # adapters instead of full fine-tuning; never of a base that is pretrained here
    lora: LoRAOptions = field(metadata=ADDED, default_factory=LoRAOptions)
    length_grouped: bool = field(metadata=ADDED, default=False)  # rows of like length share batches
    packing: bool = field(metadata=ADDED, default=False)  # NLL: rows of a batch share sequences; the loss is the same
    num_processes: int = field(metadata=ADDED, default=1)  # [processes] one per GPU, which share batch_size
    # "none", or "fsdp": weights, gradients and optimizer state are sharded
    sharding: str = field(metadata=ADDED, default="none")
    # "auto": transformers' choice, sdpa where the model has it; "sdpa"; or "eager", faster in bfloat16 on CPUs
    attention: str = field(metadata=ADDED, default="auto")
    compile: bool = field(metadata=ADDED, default=False)  # torch compiles the decoder layers; needs a C++ compiler
    # NLL: logits only at positions that predict a trained token of some row; for pairs TRL does so on GPUs by itself
    trained_logits: bool = field(metadata=ADDED, default=False)
    # pairs: both sides share one sequence, which reads their prompt once; the loss is the same
    shared_prompts: bool = field(metadata=ADDED, default=False)
    # [minutes] between checkpoints that a training resumes from; 0: none
    checkpoint_minutes: float = field(metadata=UNKEYED, default=5.0)
    max_loss: float = field(metadata=UNKEYED, default=1e4)  # a logged loss above it ends the training as diverged


def pretraining_options(trainer: TrainerOptions) -> TrainerOptions:
    """The options of a base that is pretrained here: one process, all weights, and the bits of the shipped bases."""
    return replace(
        trainer,
        lora=LoRAOptions(),
        num_processes=1,
        sharding="none",
        attention="auto",
        compile=False,
        trained_logits=False,
        shared_prompts=False,
    )


def used_options(trainer: TrainerOptions, pairs: bool) -> TrainerOptions:
    """The options that a training on pairs, or on anything else, depends on: others are at their default."""
    return trainer if pairs else replace(trainer, shared_prompts=False)


def check_trainer(trainer: TrainerOptions) -> None:
    """Refuse options that are invalid, alone or together. Raises ConfigError."""
    size, parts, processes = trainer.batch_size, trainer.gradient_accumulation, trainer.num_processes
    for key in ("batch_size", "gradient_accumulation", "logging_steps", "num_processes"):
        at_least(f"trainer.{key}", getattr(trainer, key), 1)
    above_zero("trainer.max_loss", trainer.max_loss)
    if size % parts:
        raise ConfigError(f"trainer.gradient_accumulation={parts}: allowed are divisors of trainer.batch_size={size}")
    if size % (processes * parts):
        raise ConfigError(
            f"trainer.num_processes={processes}: times trainer.gradient_accumulation={parts}, "
            f"allowed are divisors of trainer.batch_size={size}"
        )
    one_of("trainer.sharding", trainer.sharding, ("none", "fsdp"))
    if trainer.sharding != "none" and processes == 1:
        raise ConfigError(f"trainer.sharding={trainer.sharding}: needs trainer.num_processes above 1")
    if trainer.sharding != "none" and trainer.gradient_checkpointing and trainer.lora.rank and trainer.lora.dropout:
        # accelerate recomputes activations without the random state: another mask than in the first pass
        raise ConfigError(
            f"trainer.lora.dropout={trainer.lora.dropout}: allowed is 0 with trainer.gradient_checkpointing and "
            f"trainer.sharding={trainer.sharding}"
        )
    one_of("trainer.attention", trainer.attention, ("auto", "sdpa", "eager"))
    for key in ("compile", "shared_prompts"):
        if getattr(trainer, key) and processes > 1:
            raise ConfigError(f"trainer.{key}=True: allowed is False with trainer.num_processes={processes}")
    one_of("trainer.dtype", trainer.dtype, ("float32", "bfloat16", "auto"))
    one_of("trainer.schedule", trainer.schedule, ("cosine", "linear", "constant", "constant_with_warmup"))
    for key in ("weight_decay", "max_grad_norm", "checkpoint_minutes"):
        at_least(f"trainer.{key}", getattr(trainer, key), 0)
    between("trainer.warmup_share", trainer.warmup_share, 0, 0.99, "0 to 0.99")
    at_least("trainer.lora.rank", trainer.lora.rank, 0)
    above_zero("trainer.lora.alpha", trainer.lora.alpha)
    between("trainer.lora.dropout", trainer.lora.dropout, 0, 0.99, "0 to 0.99")
