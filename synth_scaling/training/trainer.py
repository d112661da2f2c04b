"""Training arguments, training curve and final checkpoint, shared by both objectives."""

from __future__ import annotations

import json
import logging
import math
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from peft import get_peft_model
from transformers import AutoModelForCausalLM, PreTrainedModel, Trainer, TrainerCallback, TrainingArguments

from synth_scaling.core.progress import EVERY
from synth_scaling.models.tokenizer import load_tokenizer
from synth_scaling.system.failures import reason
from synth_scaling.training.checkpoints import Checkpoints, UnreadableCheckpoint
from synth_scaling.training.lora import adapter, merged
from synth_scaling.training.options import TrainerOptions
from synth_scaling.training.speed import attention_of, compile_layers

log = logging.getLogger("synth_scaling")

Curve = Callable[[Mapping[str, float]], None]  # called with each logged point of a training curve
RESUME = "resume"  # sub-folder of a stage's folder that outlives an incomplete stage


@dataclass(frozen=True)
class Training:
    """Arguments of one training: start checkpoint, epochs, learning rate, and the seed of the data order.

    `resume` is a folder that outlives the process. If it contains a checkpoint of this training, the training resumes
    from it and ends with the same weights, bit for bit, as without interruption.
    """

    start: Path
    epochs: float
    learning_rate: float
    seed: int
    options: TrainerOptions
    threads: int = 1
    resume: Path | None = None


def load_model(training: Training) -> PreTrainedModel:
    """The start checkpoint, ready to train. torch's generator, which initialises an adapter, is seeded.

    With bfloat16, trained weights stay float32: at a learning rate of 1e-6 an update is below bfloat16's resolution and
    would be lost. Forward and backward passes run in bfloat16 (autocast), and the saved weights are bfloat16. With an
    adapter, which is float32 as well, the frozen weights are bfloat16.
    """
    o = training.options
    if _read_once(o):  # the Trainer sets these only after the weights are read
        os.environ.update({"ACCELERATE_USE_FSDP": "true", "FSDP_CPU_RAM_EFFICIENT_LOADING": "true"})
        assert torch.distributed.is_initialized(), "TrainingArguments, which come first, initialise it"
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    torch.set_num_threads(training.threads)
    transformers.set_seed(training.seed)
    dtype = getattr(torch, o.dtype) if o.lora.rank else torch.float32
    model = AutoModelForCausalLM.from_pretrained(
        training.start,
        dtype=dtype,
        use_safetensors=True,
        trust_remote_code=False,
        local_files_only=True,
        **attention_of(o),
    )
    if o.compile:
        compile_layers(model)
    return model


def arguments(training: Training, folder: Path) -> dict[str, Any]:
    """Keyword arguments of TrainingArguments (and of TRL's subclasses of it)."""
    o = training.options
    checkpointing = o.gradient_checkpointing and o.sharding == "none"  # FSDP has its own
    return dict(
        output_dir=str(folder / "trainer"),
        num_train_epochs=training.epochs,
        per_device_train_batch_size=o.batch_size // (o.gradient_accumulation * o.num_processes),
        gradient_accumulation_steps=o.gradient_accumulation,
        learning_rate=training.learning_rate,
        weight_decay=o.weight_decay,
        lr_scheduler_type=o.schedule,
        warmup_steps=o.warmup_share,  # a value below 1 is a share of all steps
        max_grad_norm=o.max_grad_norm,
        bf16=o.dtype == "bfloat16",
        gradient_checkpointing=checkpointing,
        gradient_checkpointing_kwargs={"use_reentrant": False} if checkpointing else None,
        train_sampling_strategy="group_by_length" if o.length_grouped else "random",
        logging_steps=o.logging_steps,
        logging_nan_inf_filter=False,
        save_strategy="no",
        report_to="none",
        disable_tqdm=not sys.stderr.isatty(),
        seed=training.seed,
        data_seed=training.seed,
        remove_unused_columns=False,
        use_cpu=not torch.cuda.is_available(),
        **_distributed(o),
    )


def _distributed(o: TrainerOptions) -> dict[str, Any]:
    """Arguments of a training in several processes, which torchrun's environment numbers."""
    if o.num_processes == 1:
        return {}
    backend = {"ddp_backend": "nccl" if torch.cuda.is_available() else "gloo"}
    if o.sharding == "none":
        return {**backend, "ddp_find_unused_parameters": False}
    sharding: dict[str, Any] = {
        "version": 2,
        "auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
        "activation_checkpointing": o.gradient_checkpointing,
        "cpu_ram_efficient_loading": _read_once(o),
        "state_dict_type": "SHARDED_STATE_DICT",  # checkpoints are sharded; `_whole` gathers the final one
    }
    return {**backend, "fsdp": True, "fsdp_config": sharding}


def _read_once(o: TrainerOptions) -> bool:
    """Whether one process reads the weights and broadcasts them, so that host memory holds a single copy.

    Not without an adapter: TRL then loads DPO's reference in the same way, and never broadcasts it.
    """
    return o.sharding == "fsdp" and o.lora.rank > 0


class CurveRecorder(TrainerCallback):
    """Writes each logged point to `curve.jsonl`, passes it to `curve`, and stops a training that diverges."""

    def __init__(self, training: Training, folder: Path, curve: Curve) -> None:
        self.most = training.options.max_loss
        self.file = folder / "curve.jsonl"
        self.curve = curve
        self.spoke = time.monotonic()

    def on_train_begin(self, args: TrainingArguments, state: Any, control: Any, **_: Any) -> None:
        """Start the curve anew, with the points of a resumed checkpoint."""
        if state.is_world_process_zero:
            self.file.unlink(missing_ok=True)
        for logs in state.log_history:
            if point := self._point(logs, logs["step"], state):
                self.curve(point)

    def on_log(self, args: TrainingArguments, state: Any, control: Any, logs: dict | None = None, **_: Any) -> None:
        point = self._point(logs or {}, state.global_step, state)
        if not point:
            return
        loss, norm = point["loss"], point.get("grad_norm", 0.0)
        if not math.isfinite(loss) or not math.isfinite(norm):
            name, value = ("gradient's norm", norm) if math.isfinite(loss) else ("loss", loss)
            raise FloatingPointError(f"training diverged: the {name} is {value} at step {state.global_step}")
        if loss > self.most:
            raise FloatingPointError(
                f"training diverged: the loss is {loss:.6g} at step {state.global_step}, "
                f"above trainer.max_loss={self.most:g}"
            )
        self.curve(point)
        if time.monotonic() - self.spoke > EVERY and not sys.stderr.isatty():  # a terminal has a progress bar
            self.spoke = time.monotonic()
            log.info("  step %d of %d, loss %.3f", state.global_step, state.max_steps, point["loss"])

    def _point(self, logs: Mapping[str, Any], step: int, state: Any) -> dict[str, float]:
        """The point of a training curve in the Trainer's `logs`, appended to the file; empty if there is none."""
        point = {k: float(v) for k, v in logs.items() if k != "step" and not k.startswith(("train_", "total_"))}
        if "loss" not in point:
            return {}
        point["step"] = float(step)
        if state.is_world_process_zero:
            with open(self.file, "a") as file:
                file.write(json.dumps(point, sort_keys=True) + "\n")
        return point


def run(trainer: Trainer, training: Training, folder: Path) -> None:
    """Train, from the last checkpoint in `training.resume` if there is one, and write the result to `folder`.

    Raises FloatingPointError if the training diverges, Interrupted after the step in which a termination signal
    arrived, UnreadableCheckpoint if the last checkpoint cannot be loaded.
    """
    trainer.remove_callback(transformers.PrinterCallback)
    checkpoints = Checkpoints(trainer, training.resume, training.options.checkpoint_minutes)
    trainer.add_callback(checkpoints)
    source = None if checkpoints.source is None else str(checkpoints.source)
    if source is not None and trainer.is_world_process_zero():
        log.info("  training resumes from %s", checkpoints.source)
    try:
        mean_loss = trainer.train(resume_from_checkpoint=source).training_loss
    except Exception as error:
        if checkpoints.source is None or not checkpoints.loading or reason(error).kind not in ("error", "missing_data"):
            raise
        raise UnreadableCheckpoint(checkpoints.source, reason(error).line) from error
    if not math.isfinite(mean_loss):  # covers the steps between logged ones
        raise FloatingPointError(f"training diverged: the mean loss is {mean_loss}")
    model = _whole(trainer, training)
    if trainer.is_world_process_zero():
        merged(model).to(getattr(torch, training.options.dtype)).save_pretrained(folder)
        load_tokenizer(training.start).save_pretrained(folder)
        shutil.rmtree(folder / "trainer", ignore_errors=True)
    trainer.accelerator.wait_for_everyone()  # they read the checkpoint next


def _whole(trainer: Trainer, training: Training) -> Any:
    """The trained model with all its weights; None in other processes than the main one if it was sharded."""
    if not trainer.is_fsdp_enabled:
        return trainer.model
    state = trainer.accelerator.get_state_dict(trainer.model)  # every process takes part
    if not trainer.is_world_process_zero():
        return None
    model: Any = load_model(training)
    if (lora := adapter(training.options.lora)) is not None:
        model = get_peft_model(model, lora)
    model.load_state_dict(state)
    return model
