"""Hydra's part of `synth-scaling teach`: from the words of the command to a file of teacher data."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import hydra
import numpy as np
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException
from tqdm import tqdm

from synth_scaling.config.hydra_errors import refuse
from synth_scaling.config.schema import register_schemas
from synth_scaling.config.search_path import configs
from synth_scaling.core.terminal import printable, say
from synth_scaling.core.validation import ConfigError
from synth_scaling.data.contamination import TestSet
from synth_scaling.data.teacher_file import held_out_questions
from synth_scaling.system import signals
from synth_scaling.system.jsonl import write_rows
from synth_scaling.tasks import TASKS, make_task
from synth_scaling.tasks.questions import QuestionTask
from synth_scaling.teaching.budget import Budget
from synth_scaling.teaching.client import Client, prices_of
from synth_scaling.teaching.collection import Collection, Recipe, collect
from synth_scaling.teaching.journal import Journal
from synth_scaling.teaching.options import TeachConfig, register_teach_schemas, typed_teach
from synth_scaling.teaching.recipe import REASONS, Row, Seed


def job(config: DictConfig) -> None:
    """Write the rows of one configuration. Ends the process with the exit code."""
    try:
        teach_config = typed_teach(config)
        recipe = recipe_of(teach_config)
        journal = Journal(teach_config.journal)
    except (ValueError, OmegaConfBaseException) as error:
        refuse(error)
    except OSError as error:
        refuse(ConfigError(f"output={teach_config.output}: {teach_config.journal}: {error.strerror}"))
    output = Path(teach_config.output)
    with journal:
        if journal.n_cut:
            say(
                f"{journal.path}: {journal.n_cut} requests may have been in flight when an earlier run was killed: "
                f"billed, their answers lost; their maximum of {journal.cut.total} tokens counts against the budget",
                file=sys.stderr,
            )
        try:
            collection, client = asyncio.run(taught(teach_config, recipe, journal))
            if not client.aborted or len(collection.rows) > n_lines(output):
                write(output, collection.rows)
        except OSError as error:  # a full disk
            say(f"{journal.path}: {error.strerror or error}; {resumption(journal)}", file=sys.stderr)
            sys.exit(1)
        if client.aborted:
            say(f"interrupted by {client.aborted}; {resumption(journal)}", file=sys.stderr)
            sys.exit(130 if client.aborted == signal.SIGINT.name else signals.EXIT_CODE)
        report(teach_config, collection, client)
    if len(collection.rows) == teach_config.problems:
        sys.exit(0)
    nothing = collection.dropped["request_failed"] == len(collection.outcomes)
    by_limit = client.stopped.startswith("budget.") if client.stopped else not nothing
    sys.exit(3 if by_limit else 1)


def recipe_of(c: TeachConfig) -> Recipe:
    """Seed problems and filters of the task. Raises ConfigError if it has fewer problems than requested."""
    task = make_task(c.task)
    if not isinstance(task, QuestionTask):
        words = [name for name, (kind, _) in TASKS.items() if issubclass(kind, QuestionTask)]
        raise ConfigError(f"task={task.name}: has no answers in words; allowed are {', '.join(words)}")
    try:
        problems = task.problems("train", c.seed_problems, c.seed)
    except ValueError as error:
        raise ConfigError(f"seed_problems={c.seed_problems}: {error}") from None
    rng = np.random.default_rng(c.seed)
    seeds = [Seed(problem.id, problem.prompt, task.teacher(problem, rng), problem.answer) for problem in problems]
    return Recipe(c.engine, c.teacher, task, seeds, c.samples, c.agree, TestSet(held_out_questions(task)))


async def taught(c: TeachConfig, recipe: Recipe, journal: Journal) -> tuple[Collection, Client]:
    """Request what the journal does not hold, with a progress bar on standard error."""
    budget = Budget(c.budget, prices_of(c.engine), journal.usage)
    with tqdm(total=c.problems, unit="problem", dynamic_ncols=True, disable=None) as bar:  # off without a terminal

        def show(rows: int | None = None) -> None:
            bar.n = bar.n if rows is None else rows
            bar.set_postfix(requests=client.asked, tokens=budget.spent.total, usd=f"{budget.usd:.2f}")

        def warn(line: str) -> None:
            bar.write(printable(line), file=sys.stderr)

        async with Client(c.engine, journal, budget, on_answer=show, on_failure=warn) as client:
            with aborted_by_signals(client):
                return await collect(recipe, client, c.problems, c.most_attempts, on_row=show), client


@contextmanager
def aborted_by_signals(client: Client) -> Iterator[None]:
    """A termination signal or Ctrl-C aborts the client; those that follow have no effect: the end takes moments."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop, numbers = asyncio.get_running_loop(), (*signals.SIGNALS, signal.SIGINT)
    before = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        loop.add_signal_handler(number, client.abort, number.name)
    try:
        yield
    finally:
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)  # between handlers a signal would end the process
        for number in numbers:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_IGN if client.aborted else before[number])
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def resumption(journal: Journal) -> str:
    """The state of an interrupted command, in words."""
    words = f"{journal.path} holds every answer, the same command resumes"
    n = journal.n_in_flight
    return f"{words}; {n} requests in flight may have been billed" if n else words


def write(output: Path, rows: list[Row]) -> None:
    """Write the rows as JSON Lines; the file appears whole or not at all. Raises OSError."""
    try:
        write_rows(output, map(dataclasses.asdict, rows))
    except ValueError as error:
        raise OSError(str(error)) from error


def n_lines(output: Path) -> int:
    """The lines of a file, which an interrupted command may not reach again; 0 if there is none."""
    return output.read_bytes().count(b"\n") if output.exists() else 0


def report(c: TeachConfig, collection: Collection, client: Client) -> None:
    """Print how many rows were written and dropped, and the cost."""
    rows, spent, journal = len(collection.rows), client.budget.spent, client.journal
    say(f"{c.output}: {rows} of {c.problems} problems written, from {len(collection.outcomes)} attempts")
    for reason, words in REASONS.items():
        if collection.dropped[reason]:
            say(f"dropped {collection.dropped[reason]}: {reason} ({words})")
    say(
        f"asked {client.asked} requests, {client.failed} failed; the journal holds {len(journal)} answers: "
        f"{spent.input} + {spent.output} tokens, {client.budget.usd:.4f} US dollars"
    )
    if journal.n_lost:
        say(
            f"of these, {journal.lost.total} tokens are the maximum of {journal.n_lost} requests without a readable "
            "answer, which may have been billed"
        )
    if client.stopped:
        say(f"stopped: {client.stopped}")
    elif rows < c.problems and collection.dropped["request_failed"] == len(collection.outcomes):
        say(f"stopped: every attempt failed, the last with {client.last_failure}")
    elif rows < c.problems:
        say(f"stopped: attempts={c.most_attempts} are used up; more of them may give more rows")


def launch(words: Sequence[str]) -> None:
    """Compose the configuration that `words` describe, and write the rows. Ends the process with the exit code."""
    sys.argv = [sys.argv[0], *words]
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # Hydra raises instead of printing: refuse() prints
    try:
        register_schemas()
        register_teach_schemas()
        hydra.main(version_base="1.3", config_path=str(configs("conf")), config_name="teach")(job)()
    except (ConfigError, HydraException, OmegaConfBaseException) as error:
        refuse(error)
