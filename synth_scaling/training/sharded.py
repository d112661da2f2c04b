"""Training of a model that is sharded over processes (FSDP2), with checkpoints of one part per process.

transformers would write checkpoints with torch.distributed.checkpoint, whose index is a pickle. Here a part holds the
process' shards of the trained weights in safetensors (frozen ones are read from the start checkpoint), and the shards
of the optimiser's state with the schedule in a torch file, loaded with weights_only=True. Parts fit the same number of
processes only: `checkpoints.latest` ignores others.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from accelerate import DistributedType, PartialState
from safetensors.torch import load_file, save_file
from torch.distributed.tensor import DTensor
from transformers import Trainer


class ShardedTrainer(Trainer):
    """transformers' Trainer with such checkpoints; unchanged for a model that is not sharded."""

    model: Any
    optimizer: Any
    lr_scheduler: Any

    def create_accelerator_and_postprocess(self) -> None:
        """As the Trainer's. Raises RuntimeError if accelerate would not shard a model that is to be sharded.

        On CPUs accelerate silently leaves the model whole; it shards if it is set to any accelerator.
        """
        if self.args.fsdp and self.args.device.type == "cpu":
            PartialState._shared_state["distributed_type"] = DistributedType.MULTI_XPU
        super().create_accelerator_and_postprocess()
        if self.args.fsdp and not self.is_fsdp_enabled:
            raise RuntimeError("trainer.sharding=fsdp, but accelerate would leave the model whole")

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        """Write the weights as well, which the Trainer does not with FSDP."""
        if not self.is_fsdp_enabled:
            return super()._save_optimizer_and_scheduler(output_dir)
        folder = Path(output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        optimiser: dict[str, Any] = self.optimizer.state_dict()
        moments = {i: {k: _part(v) for k, v in state.items()} for i, state in optimiser["state"].items()}
        state = {"optimiser": optimiser | {"state": moments}, "schedule": self.lr_scheduler.state_dict()}
        save_file(
            {name: _part(weight) for name, weight in self._trained().items()}, self._part_file(folder, "safetensors")
        )
        torch.save(state, self._part_file(folder, "pt"))

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        """Raises KeyError if a trained weight is not in the checkpoint."""
        if not self.is_fsdp_enabled:
            return super()._load_from_checkpoint(resume_from_checkpoint, model)
        parts = load_file(self._part_file(Path(resume_from_checkpoint), "safetensors"))
        for name, weight in self._trained().items():
            _part(weight).copy_(parts[name])

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        """Raises ValueError if the optimiser's groups are not those of the checkpoint."""
        if checkpoint is None or not self.is_fsdp_enabled:
            return super()._load_optimizer_and_scheduler(checkpoint)
        stored = torch.load(self._part_file(Path(checkpoint), "pt"), map_location="cpu", weights_only=True)
        weights = [weight for group in self.optimizer.param_groups for weight in group["params"]]
        for i, state in stored["optimiser"]["state"].items():
            state.update({k: _sharded_as(weights[i], v) for k, v in state.items() if v.dim() > 0})  # not the step count
        self.optimizer.load_state_dict(stored["optimiser"])
        self.lr_scheduler.load_state_dict(stored["schedule"])

    def _trained(self) -> dict[str, torch.Tensor]:
        return {name: weight for name, weight in self.model.named_parameters() if weight.requires_grad}

    def _part_file(self, folder: Path, suffix: str) -> Path:
        return folder / f"part-{self.args.process_index}.{suffix}"


def _part(tensor: torch.Tensor) -> torch.Tensor:
    """This process' shard of a tensor, as a view; a tensor that is not sharded itself."""
    tensor = tensor.detach()
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def _sharded_as(weight: torch.Tensor, part: torch.Tensor) -> torch.Tensor:
    """A tensor sharded like `weight`, with `part` as this process' shard."""
    whole = torch.empty_like(weight.detach(), dtype=part.dtype)
    _part(whole).copy_(part)
    return whole
