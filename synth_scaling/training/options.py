"""What all training stages share. Apart from the trainers, so that reading a configuration imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, field

from synth_scaling.core.hashing import ADDED, UNKEYED


@dataclass
class LoRAOptions:
    """trainer.lora.*: low-rank adapters (arXiv 2106.09685) instead of full fine-tuning; merged when saved."""

    rank: int = 0  # 0: all weights are trained
    alpha: float = 16.0  # the adapter's product is scaled by alpha / rank
    dropout: float = 0.0  # of the adapter's input in NLL training; TRL switches it off for pairs
    target_modules: list[str] = field(default_factory=list)  # q_proj, say; none: every linear layer but the output


@dataclass
class TrainerOptions:
    """conf/trainer/*.yaml: what all training stages share. Epochs and learning rates belong to the methods."""

    batch_size: int = 32  # sequences a step; for pairs, pairs a step
    weight_decay: float = 0.1
    schedule: str = "cosine"
    warmup_share: float = 0.0
    max_grad_norm: float = 1.0
    dtype: str = "float32"  # or "bfloat16", or "auto": bfloat16 where CUDA has it
    gradient_accumulation: int = 1  # micro-batches that batch_size is split into
    gradient_checkpointing: bool = False
    logging_steps: int = 10
    lora: LoRAOptions = field(metadata=ADDED, default_factory=LoRAOptions)  # never of a base that is pretrained here
    length_grouped: bool = field(metadata=ADDED, default=False)  # rows of like length share batches
    packing: bool = field(metadata=ADDED, default=False)  # NLL: rows of a batch share sequences; the same loss
    num_processes: int = field(metadata=ADDED, default=1)  # one a GPU; batch_size is shared out among them
    sharding: str = field(metadata=ADDED, default="none")  # or "fsdp": weights, gradients and optimiser are cut up, too
    checkpoint_minutes: float = field(metadata=UNKEYED, default=5.0)  # between those a training goes on from; 0: none
    max_loss: float = field(metadata=UNKEYED, default=1e4)  # a logged loss above it ends the training: it diverged
