"""Dataset folders: train.jsonl and train.parquet with the same rows, a card, and an entry for LLaMA-Factory."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from synth_scaling.core.records import NLLRow, Response, read_table
from synth_scaling.core.stage import round_of, stage_family
from synth_scaling.data.options import teacher_of
from synth_scaling.exporting.card import fenced, front_matter, made_by, provenance
from synth_scaling.exporting.folder import MARKER
from synth_scaling.exporting.run import FinishedRun
from synth_scaling.exporting.tables import (
    FORMAT,
    PREFERENCE,
    SFT,
    WEIGHTED,
    RowTables,
    rollout_table,
    row_tables,
    value_table,
)
from synth_scaling.methods import METHODS
from synth_scaling.methods.method import ROWS as ROW_OF
from synth_scaling.models.tokenizer import load_tokenizer
from synth_scaling.system.jsonl import write_rows
from synth_scaling.tasks import make_task
from synth_scaling.training.launch import ROWS

Fill = Callable[[Path], None]

READERS: dict[str, tuple[str, str, dict[str, Any]]] = {
    SFT: (
        "trl sft --dataset_name FOLDER --model_name_or_path MODEL",
        "--dataset FOLDER --input_key prompt --output_key completion",
        {"columns": {"prompt": "prompt", "response": "completion"}},
    ),
    PREFERENCE: (
        "trl dpo --dataset_name FOLDER --model_name_or_path MODEL",
        "--dataset FOLDER --prompt_key prompt --chosen_key chosen --rejected_key rejected",
        {"ranking": True, "columns": {"prompt": "prompt", "chosen": "chosen", "rejected": "rejected"}},
    ),
    "unpaired": (
        "trl kto --dataset_name FOLDER --model_name_or_path MODEL",
        "--dataset FOLDER --input_key prompt --output_key completion --label_key label",
        {"columns": {"prompt": "prompt", "response": "completion", "kto_tag": "label"}},
    ),
}


def rows_of(run: FinishedRun) -> tuple[Fill, str]:
    """The files of a run's training rows, and a line on them. Raises ValueError if they are not stored."""
    folder = run.policy
    kind = ROW_OF[METHODS[run.config.method.name].objective]
    rows: list[Any] = read_table(folder / ROWS, kind)
    tables = row_tables(rows, kind, load_tokenizer(folder))
    trl, openrlhf, llama_factory = READERS[FORMAT[kind]]

    def fill(target: Path) -> None:
        write(target, tables.text, run, "rows", {"tokens.parquet": tables.tokens})
        entry = {"train": {"file_name": "train.jsonl", "formatting": "alpaca", **llama_factory}}
        (target / "dataset_info.json").write_text(json.dumps(entry, indent=1) + "\n")
        configs = {
            "configs": [
                {"config_name": "default", "data_files": "train.parquet"},
                {"config_name": "tokens", "data_files": "tokens.parquet"},
            ]
        }
        card = [
            front_matter({"pretty_name": f"Training rows of {run.title}", **configs}),
            "# Training rows of a synth-scaling run",
            "",
            f"{len(rows)} rows of method `{run.config.method.name}`: {', '.join(tables.text.column_names)}.",
            "`train.jsonl` and `train.parquet` hold the same rows as text, `tokens.parquet` the trained token ids.",
            "",
            "## Reading it",
            "",
            "| program | |",
            "| --- | --- |",
            f"| TRL | `{trl}` |",
            f"| OpenRLHF | `{openrlhf}`, without `--apply_chat_template` |",
            "| LLaMA-Factory | `dataset_dir: FOLDER`, `dataset: train`, `template: empty` |",
            "",
            "TRL reads it in the tests of synth-scaling; the other two rows follow the sources of these programs."
            " OpenRLHF strips line ends and appends a space and the end token.",
            "",
            "A prompt is the whole text that the model saw, template and shared prefix included.",
            "",
            *_caveats(tables),
            made_by(run),
        ]
        (target / "README.md").write_text("\n".join(card), encoding="utf-8")

    line = f"{len(rows)} rows ({FORMAT[kind]}); {tables.ended} of {tables.sides} completions end, "
    line += f"{tables.same_ids} of these have the trained token ids again when their text is tokenized"
    return fill, line


def _caveats(tables: RowTables) -> list[str]:
    """Lines on the ways in which training on the text differs from the run's own training."""
    lines = ["## What the text does not say", ""]
    cut = tables.sides - tables.ended
    lines.append(
        f"- {cut} of {tables.sides} completions do not end (`*_ends` is false): the run trained on no end token there,"
        " and trainers on text append one."
    )
    lines.append(
        f"- {tables.same_ids} of the {tables.ended} completions that end give exactly the trained token ids when"
        " prompt, completion and end token are tokenized together."
    )
    if tables.weighted:
        words = WEIGHTED.get(tables.kind, "tokens have weights (`weights` of the table `tokens`)")
        lines.append(f"- In this method {words}; a trainer that ignores that optimises another objective.")
    if tables.kind is NLLRow:
        lines.append("- TRL's SFTTrainer reads the configuration `tokens` as it is, with `completion_only_loss=True`.")
    elif FORMAT[tables.kind] == PREFERENCE:
        lines.append(
            "- For the exact ids, override `_prepare_dataset` of TRL's DPOTrainer to return the table `tokens`."
        )
    return [*lines, ""]


def values_of(run: FinishedRun) -> tuple[Fill, str]:
    """The files of a run's step values, and a line on them. Raises ValueError if it has none or they are not stored."""
    table = value_table(run.outcome())
    search = run.config.credit.name
    partial = search != "exhaustive"

    def fill(target: Path) -> None:
        write(target, table, run, "values")
        card = [
            front_matter({"pretty_name": f"Step values of {run.title}", **_one_table()}),
            "# Step values of a synth-scaling run",
            "",
            f"{table.num_rows} responses with their steps. `Q` holds Q_0 to Q_L (Q_0 = V(x), the mean reward of the"
            " problem's responses; Q_L the reward), `A` the advantages A_i = Q_i - Q_{i-1}, and `first_error` the step,"
            " counted from 1, at which Q is first at its lowest (null for a correct response).",
            "",
            f"The values were estimated by `credit={search}`."
            + (
                " It estimates only the prefixes that locate first errors: `first_error` is an estimate, Q and A of"
                " incorrect responses are not."
                if partial
                else ""
            ),
            "",
            made_by(run),
        ]
        (target / "README.md").write_text("\n".join(card), encoding="utf-8")

    return fill, f"step values of {table.num_rows} responses"


def rollouts_of(run: FinishedRun) -> tuple[Fill, str]:
    """The files of a run's rollouts, and a line on them. Raises ValueError if it has none or they are not stored.

    Of a run with several rounds they are those of the last one.
    """
    number = run.config.rounds.count
    names = [name for name in run.row["hashes"] if stage_family(name) == "rollouts" and round_of(name) == number]
    if not names:
        raise ValueError(f"{run.folder.path}: method={run.row['method']} samples no rollouts")
    by_problem: dict[str, list[Response]] = {}
    for name in names:
        for response in read_table(run.stage(name) / "responses.parquet", Response):
            by_problem.setdefault(response.problem, []).append(response)
    n = run.config.data.rollouts
    rollouts = [response for responses in by_problem.values() for response in responses[:n]]
    problems = teacher_of(run.config.data, make_task(run.config.task)).problems(
        "train", run.config.data.problems, run.config.seed
    )
    questions = {problem.id: problem.prompt for problem in problems}
    table = rollout_table(rollouts, questions, load_tokenizer(run.policy))

    def fill(target: Path) -> None:
        write(target, table, run, "rollouts")
        again = f"synth-scaling run task={run.row['task']} data.problems={run.row['problems']} seed={run.row['seed']}"
        card = [
            front_matter({"pretty_name": f"Rollouts of {run.title}", **_one_table()}),
            "# Graded responses of a synth-scaling run",
            "",
            f"{table.num_rows} responses to {len(by_problem)} training problems. `correct` is our grade; a response"
            " that was cut at the length limit is not `finished`.",
            "",
            "Another run takes them in place of its own rollouts:",
            "",
            fenced(f"{again} ... data.rollouts_path=FOLDER/train.jsonl"),
            made_by(run),
        ]
        (target / "README.md").write_text("\n".join(card), encoding="utf-8")

    return fill, f"{table.num_rows} responses to {len(by_problem)} problems"


def _one_table() -> dict[str, Any]:
    return {"configs": [{"config_name": "default", "data_files": "train.parquet"}]}


def write(target: Path, table: pa.Table, run: FinishedRun, what: str, more: dict[str, pa.Table] | None = None) -> None:
    """Write a table as train.jsonl and train.parquet, more tables by file name, and export.json."""
    write_rows(target / "train.jsonl", table.to_pylist())
    for name, one in {"train.parquet": table, **(more or {})}.items():
        pq.write_table(one, target / name)
    (target / MARKER).write_text(json.dumps({"export": what, **provenance(run)}, indent=1) + "\n")
