"""Training a model that is cut up among processes (FSDP2)."""

from __future__ import annotations

from accelerate import DistributedType, PartialState
from transformers import Trainer


class ShardedTrainer(Trainer):
    """transformers' Trainer; if its model is whole, nothing but that."""

    def create_accelerator_and_postprocess(self) -> None:
        """Raises RuntimeError if the model is to be cut up and would not be.

        On CPUs accelerate would leave it whole without a word; it cuts up where it believes to be on any accelerator.
        """
        if self.args.fsdp and self.args.device.type == "cpu":
            PartialState._shared_state["distributed_type"] = DistributedType.MULTI_XPU
        super().create_accelerator_and_postprocess()
        if self.args.fsdp and not self.is_fsdp_enabled:
            raise RuntimeError("trainer.sharding=fsdp, but accelerate would leave the model whole")
