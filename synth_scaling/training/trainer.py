"""What the two objectives share: the settings, the training curve, and the checkpoint that is written."""

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

from synth_scaling.models.tokenizer import load_tokenizer
from synth_scaling.training.checkpoints import Checkpoints
from synth_scaling.training.lora import adapter, merged
from synth_scaling.training.options import TrainerOptions

log = logging.getLogger("synth_scaling")

Curve = Callable[[Mapping[str, float]], None]  # called with each logged point of a training curve
RESUME = "resume"  # the part of a stage's folder that is kept until the stage is complete


@dataclass(frozen=True)
class Training:
    """One training: where it starts, how long and how fast, and the seed of its data order.

    `resume` is a folder that survives the process. If an earlier process left a checkpoint of this training in it, the
    training goes on from there and ends with the weights, bit for bit, of one that was never interrupted.
    """

    start: Path
    epochs: float
    learning_rate: float
    seed: int
    options: TrainerOptions
    threads: int = 1
    resume: Path | None = None


def load_model(training: Training) -> PreTrainedModel:
    """The start checkpoint, ready to train. torch's generator, which an adapter draws from, begins at the seed.

    In bfloat16 the weights that are trained stay float32: at a learning rate of 1e-6 a step is far below what bfloat16
    tells apart, and nothing would change. The passes through them are in bfloat16 all the same (autocast), and so is
    what is saved. With an adapter (float32, too) the frozen weights are bfloat16 itself.
    """
    o = training.options
    if _read_once(o):  # the Trainer says so only after the weights are read
        os.environ.update({"ACCELERATE_USE_FSDP": "true", "FSDP_CPU_RAM_EFFICIENT_LOADING": "true"})
        assert torch.distributed.is_initialized(), "made by TrainingArguments, which come first"
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    torch.set_num_threads(training.threads)
    transformers.set_seed(training.seed)
    dtype = getattr(torch, o.dtype) if o.lora.rank else torch.float32
    return AutoModelForCausalLM.from_pretrained(
        training.start, dtype=dtype, use_safetensors=True, trust_remote_code=False, local_files_only=True
    )


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
        warmup_steps=o.warmup_share,  # below 1: a share of all steps
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
    """Processes are told apart by torchrun's environment; what each holds is said here."""
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
        "state_dict_type": "SHARDED_STATE_DICT",  # no whole one on the way; the last is put together below
    }
    return {**backend, "fsdp": True, "fsdp_config": sharding}


def _read_once(o: TrainerOptions) -> bool:
    """Whether one process reads the weights and hands them out, so that memory need not hold them once a process.

    Not without an adapter: TRL reads DPO's reference then, which would be read so, too, and is never handed out.
    """
    return o.sharding == "fsdp" and o.lora.rank > 0


class CurveRecorder(TrainerCallback):
    """Writes each logged point to `curve.jsonl` and hands it on; a training that diverged is ended."""

    def __init__(self, training: Training, folder: Path, curve: Curve) -> None:
        self.most = training.options.max_loss
        self.file = folder / "curve.jsonl"
        self.curve = curve
        self.spoke = time.monotonic()

    def on_train_begin(self, args: TrainingArguments, state: Any, control: Any, **_: Any) -> None:
        """A training that goes on has the points of its earlier part in its checkpoint."""
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
        if time.monotonic() - self.spoke > 20 and not sys.stderr.isatty():  # on a terminal there is a bar
            self.spoke = time.monotonic()
            log.info("  step %d of %d, loss %.3f", state.global_step, state.max_steps, point["loss"])

    def _point(self, logs: Mapping[str, Any], step: int, state: Any) -> dict[str, float]:
        """The point that is in what the Trainer logged, now in the file; empty if there is none."""
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

    Raises FloatingPointError if the training diverges, Interrupted at the end of a step if the process was told to
    stop.
    """
    trainer.remove_callback(transformers.PrinterCallback)
    checkpoints = Checkpoints(trainer, training.resume, training.options.checkpoint_minutes)
    trainer.add_callback(checkpoints)
    source = None if checkpoints.source is None else str(checkpoints.source)
    if source is not None and trainer.is_world_process_zero():
        log.info("  training goes on from %s", checkpoints.source)
    mean_loss = trainer.train(resume_from_checkpoint=source).training_loss
    if not math.isfinite(mean_loss):  # also of steps between the logged ones
        raise FloatingPointError(f"training diverged: the mean loss is {mean_loss}")
    model = _whole(trainer, training)
    if trainer.is_world_process_zero():
        merged(model).to(getattr(torch, training.options.dtype)).save_pretrained(folder)
        load_tokenizer(training.start).save_pretrained(folder)
        shutil.rmtree(folder / "trainer", ignore_errors=True)
    trainer.accelerator.wait_for_everyone()  # the checkpoint is looked at next


def _whole(trainer: Trainer, training: Training) -> Any:
    """The trained model with all its weights in this process; of a sharded one, in the main process alone."""
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
