"""Training a model that is cut up among processes (FSDP2), and its checkpoints: each process writes and reads its part.

transformers would write them by torch.distributed.checkpoint, whose index is a pickle. Here a part is the process'
shards of the trained weights (frozen ones are read from the start again) in safetensors, and of the optimiser's state,
with the schedule, in a torch file that is loaded with weights_only=True. A part fits no other number of processes:
`checkpoints.latest` passes those over.
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
    """transformers' Trainer; if its model is whole, nothing but that."""

    model: Any
    optimizer: Any
    lr_scheduler: Any

    def create_accelerator_and_postprocess(self) -> None:
        """Raises RuntimeError if the model is to be cut up and would not be.

        On CPUs accelerate would leave it whole without a word; it cuts up where it believes to be on any accelerator.
        """
        if self.args.fsdp and self.args.device.type == "cpu":
            PartialState._shared_state["distributed_type"] = DistributedType.MULTI_XPU
        super().create_accelerator_and_postprocess()
        if self.args.fsdp and not self.is_fsdp_enabled:
            raise RuntimeError("trainer.sharding=fsdp, but accelerate would leave the model whole")

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        """The weights as well: with FSDP the Trainer writes them nowhere else."""
        if not self.is_fsdp_enabled:
            return super()._save_optimizer_and_scheduler(output_dir)
        folder = Path(output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        optimiser: dict[str, Any] = self.optimizer.state_dict()
        moments = {i: {k: _part(v) for k, v in state.items()} for i, state in optimiser["state"].items()}
        kept = {"optimiser": optimiser | {"state": moments}, "schedule": self.lr_scheduler.state_dict()}
        save_file({name: _part(weight) for name, weight in self._trained().items()}, self._own(folder, "safetensors"))
        torch.save(kept, self._own(folder, "pt"))

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        """Raises KeyError if a trained weight is not in the checkpoint."""
        if not self.is_fsdp_enabled:
            return super()._load_from_checkpoint(resume_from_checkpoint, model)
        parts = load_file(self._own(Path(resume_from_checkpoint), "safetensors"))
        for name, weight in self._trained().items():
            _part(weight).copy_(parts[name])

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        """Raises ValueError if the optimiser's groups are not those of the checkpoint."""
        if checkpoint is None or not self.is_fsdp_enabled:
            return super()._load_optimizer_and_scheduler(checkpoint)
        kept = torch.load(self._own(Path(checkpoint), "pt"), map_location="cpu", weights_only=True)
        weights = [weight for group in self.optimizer.param_groups for weight in group["params"]]
        for i, state in kept["optimiser"]["state"].items():
            state.update({k: _cut_as(weights[i], v) for k, v in state.items() if v.dim() > 0})  # not the count of steps
        self.optimizer.load_state_dict(kept["optimiser"])
        self.lr_scheduler.load_state_dict(kept["schedule"])

    def _trained(self) -> dict[str, torch.Tensor]:
        return {name: weight for name, weight in self.model.named_parameters() if weight.requires_grad}

    def _own(self, folder: Path, suffix: str) -> Path:
        return folder / f"part-{self.args.process_index}.{suffix}"


def _part(tensor: torch.Tensor) -> torch.Tensor:
    """What this process holds of it; written to, it is changed."""
    tensor = tensor.detach()
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def _cut_as(weight: torch.Tensor, part: torch.Tensor) -> torch.Tensor:
    """This process' part of a tensor that is cut up as `weight` is."""
    whole = torch.empty_like(weight.detach(), dtype=part.dtype)
    _part(whole).copy_(part)
    return whole
