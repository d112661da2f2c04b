"""Training speed: the framework's trainers against bare torch loops over the same batches in the same order.

    python -m benchmarks.training [--quick] [--threads 1]

Timed on the framework's side: inside `trainer.train()` from the first step to the last (no loading, tokenizing,
saving); its seconds before the first step are shown apart. On the bare side: collating each batch, the steps, and the
schedule. Both sides start from the same weights and take turns. Beside the
wall clock stand the seconds of this process alone, which other work on the machine disturbs less.
"""

from __future__ import annotations

import argparse
import logging
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TQDM_DISABLE", "1")

import numpy as np
import torch
import torch.nn.functional as F
from datasets import Dataset
from transformers import PreTrainedModel, PrinterCallback, Trainer, TrainerCallback, get_scheduler
from trl import SFTConfig, SFTTrainer

from synth_scaling.core.records import NLLRow, PreferenceRow
from synth_scaling.models.tiny_llama import TinyLlama, create_tiny_llama
from synth_scaling.tasks.maze import Maze, MazeOptions
from synth_scaling.training import nll, preference
from synth_scaling.training.options import TrainerOptions
from synth_scaling.training.trainer import Training, arguments, load_model

EOS = 1
LEARNING_RATE = 5e-4


@dataclass(frozen=True)
class Case:
    """A model and rows to train it on: `length` None for maze solutions, else random texts of that many tokens."""

    name: str
    shape: TinyLlama
    batch_size: int
    length: int | None
    steps: int
    target: float


# The tokens a step are about the same, so the larger model's step is longer and the overhead's share smaller.
CASES = (
    Case("maze model, maze rows", TinyLlama(64, 4, 2, 128), 32, None, 120, 0.80),
    Case("6 M parameters, 64 tokens", TinyLlama(256, 8, 8, 688), 8, 64, 6, 0.95),
)


@dataclass(frozen=True)
class Seconds:
    wall: float
    cpu: float  # of this process, all threads
    start: float = 0.0  # from the call to the first step; not part of `wall`


class Stopwatch:
    def __init__(self) -> None:
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def read(self) -> Seconds:
        return Seconds(time.perf_counter() - self.wall, time.process_time() - self.cpu)


# -- the two sides of NLL training ---------------------------------------------------------------------------------


class Timer(TrainerCallback):
    """Times a trainer from the first step to the last, and from the call of train() to the first step."""

    def __init__(self) -> None:
        self.called = time.perf_counter()

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self.start, self.watch = time.perf_counter() - self.called, Stopwatch()

    def on_train_end(self, *_: Any, **__: Any) -> None:
        self.taken = replace(self.watch.read(), start=self.start)


def train_timed(trainer: Trainer, train: Callable[[], Any]) -> Seconds:
    trainer.remove_callback(PrinterCallback)
    timer = Timer()
    trainer.add_callback(timer)
    train()
    return timer.taken


def seconds_of(module: Any, train: Callable[[], Any]) -> Seconds:
    """Run `train`, whose training is done by `module.run`: the seconds of its steps alone."""
    taken: list[Seconds] = []

    def timed(trainer: Trainer, training: Training, folder: Path) -> None:
        resumable = replace(training, resume=folder / "resume")  # as a stage's: a checkpoint every five minutes
        taken.append(train_timed(trainer, lambda: run(trainer, resumable, folder)))

    run, module.run = module.run, timed
    try:
        train()
    finally:
        module.run = run
    return taken[0]


def framework_nll(rows: Sequence[NLLRow], training: Training) -> Seconds:
    with tempfile.TemporaryDirectory() as folder:
        return seconds_of(nll, lambda: nll.train_nll(rows, training, Path(folder)))


def bare_nll(batches: Sequence[list[dict[str, list]]], training: Training) -> Seconds:
    """The least that computes the same: the same batches, loss, clipping, AdamW, schedule."""
    model = load_model(training)
    step, collate = bare_stepper(model, training, len(batches)), nll.PadRight(0)
    watch = Stopwatch()
    for examples in batches:
        batch = collate(examples)
        logits = model(input_ids=batch["input_ids"], use_cache=False).logits
        step(nll.weighted_nll(logits, batch["labels"], batch["weights"]))
    return watch.read()


def bare_stepper(model: PreTrainedModel, training: Training, steps: int) -> Callable[[torch.Tensor], None]:
    model.train()
    decayed = [p for p in model.parameters() if p.ndim > 1]
    plain = [p for p in model.parameters() if p.ndim <= 1]
    groups = [
        {"params": decayed, "weight_decay": training.options.weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=training.learning_rate, fused=True)  # fused: as the Trainer's
    schedule = get_scheduler("cosine", optimizer, 0, steps)

    def step(loss: torch.Tensor) -> None:
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), training.options.max_grad_norm)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()

    return step


def trl_sft(rows: Sequence[NLLRow], training: Training) -> Seconds:
    """TRL's SFTTrainer on the same rows; it has no weights a token."""
    examples = [nll.example(row, EOS) for row in rows]
    data = Dataset.from_list([{"input_ids": e["input_ids"], "labels": e["labels"]} for e in examples])
    with tempfile.TemporaryDirectory() as folder:
        trainer = SFTTrainer(
            load_model(training),
            args=SFTConfig(
                **arguments(training, Path(folder)), max_length=None, dataset_kwargs={"skip_prepare_dataset": True}
            ),
            train_dataset=data,
            processing_class=nll.load_tokenizer(training.start),
        )
        return train_timed(trainer, trainer.train)


# -- the two sides of DPO ------------------------------------------------------------------------------------------


def framework_dpo(pairs: Sequence[PreferenceRow], training: Training) -> Seconds:
    with tempfile.TemporaryDirectory() as folder:
        return seconds_of(
            preference, lambda: preference.train_preference(pairs, training, Path(folder), beta=0.5, nll=1.0)
        )


def bare_dpo(pairs: Sequence[PreferenceRow], training: Training) -> Seconds:
    """DPO with an NLL term from plain forward passes, the reference's log-probabilities computed beforehand."""
    model, size = load_model(training), training.options.batch_size
    batches = [bare_pairs(pairs[i : i + size]) for i in range(0, len(pairs), size)]
    with torch.no_grad():
        references = [log_probs(model, *batch).sum(dim=1) for batch in batches]
    step = bare_stepper(model, training, len(batches))
    watch = Stopwatch()
    for (ids, mask), reference in zip(batches, references, strict=True):
        policy = log_probs(model, ids, mask)
        chosen, rejected = (policy.sum(dim=1) - reference).chunk(2)
        chosen_nll = -policy.chunk(2)[0].sum() / mask.chunk(2)[0][:, 1:].sum()
        step(-F.logsigmoid(0.5 * (chosen - rejected)).mean() + chosen_nll)
    return watch.read()


def bare_pairs(pairs: Sequence[PreferenceRow]) -> tuple[torch.Tensor, torch.Tensor]:
    """(2 B, T) ids and mask of the sides' own tokens, the chosen ones first."""
    sides = [(p.prompt, (*p.chosen, *[EOS] * p.chosen_ends)) for p in pairs]
    sides += [(p.prompt, (*p.rejected, *[EOS] * p.rejected_ends)) for p in pairs]
    length = max(len(prompt) + len(side) for prompt, side in sides)
    ids, mask = torch.zeros(len(sides), length, dtype=torch.long), torch.zeros(len(sides), length)
    for i, (prompt, side) in enumerate(sides):
        ids[i, : len(prompt) + len(side)] = torch.tensor([*prompt, *side])
        mask[i, len(prompt) : len(prompt) + len(side)] = 1
    return ids, mask


def log_probs(model: PreTrainedModel, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """(B, T - 1) log-probabilities, 0 outside the mask."""
    logits = model(input_ids=ids, use_cache=False).logits[:, :-1].float()
    values = -F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none").view(len(ids), -1)
    return values * mask[:, 1:]


# -- the measurement -----------------------------------------------------------------------------------------------


def make_rows(case: Case, maze: Maze, rng: np.random.Generator) -> list[NLLRow]:
    n = case.batch_size * case.steps
    if case.length is not None:
        texts = rng.integers(2, len(maze.vocabulary), size=(n, case.length - 1))
        return [NLLRow(tuple(text[:8].tolist()), tuple(text[8:].tolist()), True) for text in texts]
    token = {name: i + 2 for i, name in enumerate(maze.vocabulary)}
    rows = []
    for problem in maze.problems("train", n, 0):
        start, goal, _ = problem.prompt.split()
        walk = [token[step] for step in maze.steps(maze.teacher(problem, rng))]
        rows.append(NLLRow((token[f" {start}"], token[f" {goal}"], token[" :"]), tuple(walk), True))
    return rows


def make_pairs(rows: Sequence[NLLRow]) -> list[PreferenceRow]:
    """A wrong token after the first half of a row against the rest of it: step pairs."""
    pairs = []
    for row in rows:
        cut = len(row.completion) // 2
        prompt = row.prompt + row.completion[:cut]
        pairs.append(PreferenceRow(prompt, row.completion[cut:], True, (2 + cut,), False))
    return pairs


def trained_order(rows: Sequence[NLLRow], training: Training) -> list[list[dict[str, list]]]:
    """The examples of each batch in the order in which the framework's trainer takes them."""
    batches: list[list[dict[str, list]]] = []

    class Listening(nll.PadRight):
        def __call__(self, examples: list[dict[str, list]]) -> dict[str, torch.Tensor]:
            batches.append(examples)
            return super().__call__(examples)

    collator, nll.PadRight = nll.PadRight, Listening  # type: ignore[misc]
    try:
        framework_nll(rows, training)
    finally:
        nll.PadRight = collator  # type: ignore[misc]
    return batches


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer steps: a check that it runs, not a measurement")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.getLogger("transformers").setLevel(logging.ERROR)
    repetitions, share = (3, 0.25) if options.quick else (5, 1.0)
    print(f"{options.threads} thread(s), medians of {repetitions} repetitions by turns, torch {torch.__version__}")
    print(
        f"{'':28}{'framework':>11}{'bare':>11} {'':>9}"
        f"{'ratio':>7} {'quartiles':>13}{'CPU ratio':>11}{'target':>8}{'start':>10}"
    )
    maze = Maze(MazeOptions())
    for case in CASES:
        case = replace(case, steps=max(2, round(case.steps * share)))
        rows = make_rows(case, maze, np.random.default_rng(0))
        with tempfile.TemporaryDirectory() as start:
            create_tiny_llama(Path(start), maze, case.shape, seed=0)
            settings = TrainerOptions(batch_size=case.batch_size)
            measure(case, rows, Training(Path(start), 1, LEARNING_RATE, 0, settings, options.threads), repetitions)


def measure(case: Case, rows: Sequence[NLLRow], training: Training, repetitions: int) -> None:
    batches = trained_order(rows, training)  # warms up, too
    bare_nll(batches, training)
    tokens = sum(len(e["input_ids"]) for batch in batches for e in batch)
    sides = {"framework": lambda: framework_nll(rows, training), "bare": lambda: bare_nll(batches, training)}
    small = case.length is None
    if small:
        sides["trl"] = lambda: trl_sft(rows, training)
    taken = by_turns(sides, repetitions)
    show(case.name, "tokens/s", tokens, taken["framework"], taken["bare"], f"{case.target:.2f}")
    if small:
        show("  TRL's SFTTrainer", "tokens/s", tokens, taken["trl"], taken["bare"], "-")
        pairs = make_pairs(rows)[: len(rows) // 3]
        sides = {"framework": lambda: framework_dpo(pairs, training), "bare": lambda: bare_dpo(pairs, training)}
        taken = by_turns(sides, repetitions)
        steps = len(pairs) // case.batch_size
        show("  step_dpo with NLL term", "steps/s", steps, taken["framework"], taken["bare"], "-")


def by_turns(sides: dict[str, Callable[[], Seconds]], repetitions: int) -> dict[str, list[Seconds]]:
    """Seconds of every side: one of each, and again, so that a slow minute of the machine falls on all."""
    taken: dict[str, list[Seconds]] = {name: [] for name in sides}
    for _ in range(repetitions):
        for name, side in sides.items():
            taken[name].append(side())
    return taken


def show(name: str, unit: str, amount: int, ours: Sequence[Seconds], theirs: Sequence[Seconds], target: str) -> None:
    """Rates, and the median of the ratios of neighbouring measurements."""
    ratios = [b.wall / a.wall for a, b in zip(ours, theirs, strict=True)]
    low, high = np.quantile(ratios, [0.25, 0.75])
    cpu = median([b.cpu / a.cpu for a, b in zip(ours, theirs, strict=True)])
    rates = [amount / median([seconds.wall for seconds in side]) for side in (ours, theirs)]
    spread = f"{low:.2f} to {high:.2f}"
    start = median([seconds.start for seconds in ours])
    print(
        f"{name:28}{rates[0]:11,.1f}{rates[1]:11,.1f} {unit:>9}"
        f"{median(ratios):7.2f} {spread:>13}{cpu:11.2f}{target:>8}{start:8.2f} s",
        flush=True,
    )


if __name__ == "__main__":
    main()
