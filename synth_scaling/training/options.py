"""What all training stages share. Apart from the trainers, so that reading a configuration imports no torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class TrainerOptions:
    """conf/trainer/*.yaml: what all training stages share. Epochs and learning rates belong to the methods."""

    batch_size: int = 32  # sequences a step; for pairs, pairs a step
    weight_decay: float = 0.1
    schedule: str = "cosine"
    warmup_share: float = 0.0
    max_grad_norm: float = 1.0
    dtype: str = "float32"
    gradient_accumulation: int = 1  # micro-batches that batch_size is split into
    gradient_checkpointing: bool = False
    logging_steps: int = 10
