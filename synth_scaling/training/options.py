"""What all training stages share. Apart from the trainers, so that reading a configuration imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, field

from synth_scaling.core.hashing import ADDED, UNKEYED


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
    """conf/trainer/*.yaml: what all training stages share. Epochs and learning rates belong to the methods."""

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
    # [minutes] between checkpoints that a training resumes from; 0: none
    checkpoint_minutes: float = field(metadata=UNKEYED, default=5.0)
    max_loss: float = field(metadata=UNKEYED, default=1e4)  # a logged loss above it ends the training as diverged
