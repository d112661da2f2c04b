"""Exports of real runs: read by TRL's own loaders, trained on with our losses, and imported again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from datasets import Dataset, load_dataset
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig
from trl import DatasetMixtureConfig, DPOConfig, DPOTrainer, SFTConfig, SFTTrainer, get_dataset
from trl.scripts.utils import DatasetConfig

from synth_scaling import export
from synth_scaling.config.naming import run_folder
from synth_scaling.core.records import NLLRow, PreferenceRow, Response, read_table
from synth_scaling.experiment.run import run_once
from synth_scaling.exporting.folder import check_target, write_folder
from synth_scaling.exporting.run import FinishedRun, read_run
from synth_scaling.sampling.engine import Engine
from synth_scaling.training.launch import Preference, train
from synth_scaling.training.options import TrainerOptions
from synth_scaling.training.trainer import Training, arguments
from tests.support.small_runs import M, N, configuration

BETA = 0.5


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exported")


@pytest.fixture(scope="module")
def runs(home: Path, engine: Engine) -> dict[str, FinishedRun]:
    """A run of each of three methods, which share a store."""
    result = {}
    for method in ("rft", "dpo", "step_dpo"):
        config = configuration(home, f"method={method}")
        run_once(config)
        result[method] = read_run(run_folder(config).path)
    return result


@pytest.fixture(scope="module")
def folders(runs: dict[str, FinishedRun], home: Path) -> dict[str, Path]:
    """Their rows, exported by the command."""
    result = {}
    for method, run in runs.items():
        result[method] = home / f"{method}_rows"
        assert export.main(["rows", str(run.folder.path), str(result[method])]) == 0
    return result


def loaded(folder: Path, name: str = "default") -> Dataset:
    """The dataset as TRL's commands load it."""
    mixture = DatasetMixtureConfig(datasets=[DatasetConfig(path=str(folder), name=name)])
    data = get_dataset(mixture)["train"]
    assert isinstance(data, Dataset)
    return data


# -- rows ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "columns"),
    [("rft", ["prompt", "completion"]), ("dpo", ["prompt", "chosen", "rejected"])],
)
def test_trl_loads_the_rows_with_the_columns_it_names(
    folders: dict[str, Path], runs: dict[str, FinishedRun], method: str, columns: list[str]
) -> None:
    data = loaded(folders[method])
    assert data.column_names[: len(columns)] == columns and len(data) == runs[method].row["training_rows"]
    lines = [json.loads(line) for line in (folders[method] / "train.jsonl").read_text().splitlines()]
    assert lines == data.to_list()
    # LLaMA-Factory's description of the same file names columns that are there.
    (entry,) = json.loads((folders[method] / "dataset_info.json").read_text()).values()
    assert set(entry["columns"].values()) <= set(lines[0]) and (folders[method] / entry["file_name"]).is_file()
    assert entry.get("ranking", False) == ("rejected" in columns)


def test_the_card_says_what_made_the_rows(folders: dict[str, Path], runs: dict[str, FinishedRun]) -> None:
    card, run = (folders["step_dpo"] / "README.md").read_text(), runs["step_dpo"]
    for words in (run.name, run.row["hashes"]["policy"], "method `step_dpo`", f"{run.row['training_rows']} rows"):
        assert words in card
    record = json.loads((folders["step_dpo"] / "export.json").read_text())
    assert record["export"] == "rows" and record["hashes"] == run.row["hashes"]
    assert record["config"]["method"]["name"] == "step_dpo" and record["commit"] == run.commit


def dpo_curve(data: Dataset, start: Path, folder: Path, kind: type[DPOTrainer] = DPOTrainer) -> list[float]:
    """The loss of three full-batch steps of TRL's DPOTrainer on a dataset."""
    given = arguments(training_of(start, len(data)), folder)
    config = DPOConfig(**given | {"remove_unused_columns": True}, beta=BETA, loss_type=["sigmoid"], max_length=None)
    model = AutoModelForCausalLM.from_pretrained(start)
    tokenizer = AutoTokenizer.from_pretrained(start)
    trainer = kind(model, args=config, train_dataset=data, processing_class=tokenizer)
    trainer.train()
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


def training_of(start: Path, rows: int) -> Training:
    """Three epochs, each one batch of all rows."""
    options = TrainerOptions(batch_size=rows, logging_steps=1)
    return Training(start, 3, 1e-3, 0, options)


def our_curve(rows: list[PreferenceRow], start: Path, folder: Path) -> list[float]:
    points: list[Any] = []
    folder.mkdir()
    train(rows, training_of(start, len(rows)), folder, Preference(BETA, 0.0), points.append)
    return [point["loss"] for point in points]


def test_dpo_steps_on_the_exported_text_have_our_losses(
    folders: dict[str, Path], runs: dict[str, FinishedRun], tmp_path: Path
) -> None:
    """Of the pairs both sides of which end: TRL appends an end token to every text."""
    run, start = runs["dpo"], runs["dpo"].stage("pi_sft")
    rows = [
        r for r in read_table(run.stage("policy") / "rows.parquet", PreferenceRow) if r.chosen_ends and r.rejected_ends
    ]
    data = loaded(folders["dpo"]).filter(lambda row: row["chosen_ends"] and row["rejected_ends"])
    ours, theirs = our_curve(rows, start, tmp_path / "ours"), dpo_curve(data, start, tmp_path / "theirs")
    assert len(rows) == len(data) > 10 and ours[0] == pytest.approx(0.6931, abs=1e-4)
    assert theirs == pytest.approx(ours, abs=2e-6) and ours[2] < ours[0] - 1e-3


class _Ids(DPOTrainer):
    """TRL's DPOTrainer on token ids, as the card says."""

    def _prepare_dataset(self, dataset: Any, *args: Any, **kwargs: Any) -> Any:
        return dataset


def test_dpo_steps_on_the_exported_ids_have_our_losses_where_texts_do_not_end(
    folders: dict[str, Path], runs: dict[str, FinishedRun], tmp_path: Path
) -> None:
    run, start = runs["step_dpo"], runs["step_dpo"].stage("pi_sft")
    rows = read_table(run.stage("policy") / "rows.parquet", PreferenceRow)
    assert any(not (row.chosen_ends and row.rejected_ends) for row in rows)
    ours = our_curve(rows, start, tmp_path / "ours")
    ids = dpo_curve(loaded(folders["step_dpo"], "tokens"), start, tmp_path / "ids", _Ids)
    assert ids == pytest.approx(ours, abs=2e-6) and ours[2] < ours[0] - 1e-3
    # On the text, where an end token is appended to every side, the same pairs are another objective.
    text = dpo_curve(loaded(folders["step_dpo"]), start, tmp_path / "text")
    assert abs(text[2] - ours[2]) > 1e-4


def test_an_sft_step_on_the_exported_rows_has_our_loss(
    folders: dict[str, Path], runs: dict[str, FinishedRun], tmp_path: Path
) -> None:
    run, start = runs["rft"], runs["rft"].stage("base")
    rows = read_table(run.stage("policy") / "rows.parquet", NLLRow)
    points: list[Any] = []
    (tmp_path / "ours").mkdir()
    train(rows, training_of(start, len(rows)), tmp_path / "ours", None, points.append)
    for name in ("default", "tokens"):
        given = arguments(training_of(start, len(rows)), tmp_path / name) | {"remove_unused_columns": True}
        config = SFTConfig(**given, completion_only_loss=True, max_length=None)
        trainer = SFTTrainer(
            AutoModelForCausalLM.from_pretrained(start),
            args=config,
            train_dataset=loaded(folders["rft"], name),
            processing_class=AutoTokenizer.from_pretrained(start),
        )
        trainer.train()
        losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
        assert losses == pytest.approx([point["loss"] for point in points], abs=1e-5)


# -- values and rollouts ---------------------------------------------------------------------------------------------


def test_step_values_have_one_q_more_than_steps(runs: dict[str, FinishedRun], home: Path) -> None:
    run = runs["step_dpo"]
    assert export.main(["values", str(run.folder.path), str(home / "values")]) == 0
    rows = load_dataset(str(home / "values"))["train"].to_list()
    incorrect = [row for row in rows if not row["correct"]]
    assert len(incorrect) == run.row["negatives_used"]
    for row in rows:
        assert "".join(row["steps"]) == row["response"] and len(row["Q"]) == len(row["steps"]) + 1
        assert row["A"] == pytest.approx([b - a for a, b in zip(row["Q"], row["Q"][1:], strict=False)])
        assert row["Q"][-1] == row["correct"] and (row["first_error"] is None) == row["correct"]
    for row in incorrect:  # the lowest value for the first time
        assert row["first_error"] == row["Q"][1:].index(min(row["Q"][1:])) + 1
    counts: dict[int, int] = {}
    for row in incorrect:
        counts[row["first_error"]] = counts.get(row["first_error"], 0) + 1
    assert sorted(counts.items()) == [tuple(pair) for pair in run.row["credit"]["pits"]]


def test_rollouts_go_out_and_come_in_unchanged(runs: dict[str, FinishedRun], home: Path) -> None:
    """A run on the exported rollouts of another trains on the same rows: it finds that run's policy in the store."""
    run, target = runs["dpo"], home / "rollouts"
    assert export.main(["rollouts", str(run.folder.path), str(target)]) == 0
    again = run_once(configuration(home, "method=dpo", f"data.rollouts_path={target / 'train.jsonl'}"))
    assert again["run"] != run.row["run"] and again["hashes"]["rollouts"] != run.row["hashes"]["rollouts"]
    assert again["hashes"]["policy"] == run.row["hashes"]["policy"] and again["error"] == run.row["error"]
    assert again["facts"]["rollouts"]["labels"] == N * M and again["facts"]["rollouts"]["labels_differ"] == 0
    stored = [
        read_table(run.store / "responses" / row["hashes"]["rollouts"] / "responses.parquet", Response)
        for row in (run.row, again)
    ]
    assert stored[0] == stored[1]


# -- policy ----------------------------------------------------------------------------------------------------------


def test_the_policy_is_a_plain_model_folder_that_answers_as_in_the_evaluation(
    runs: dict[str, FinishedRun], home: Path
) -> None:
    run, target = runs["rft"], home / "policy"
    assert export.main(["policy", str(run.folder.path), str(target)]) == 0
    assert not {"stage.json", "rows.parquet", "curve.jsonl"} & {path.name for path in target.iterdir()}
    model, tokenizer = AutoModelForCausalLM.from_pretrained(target), AutoTokenizer.from_pretrained(target)
    assert GenerationConfig.from_pretrained(target).do_sample is False
    evaluated = read_table(run.stage("evaluation") / "responses.parquet", Response)
    outcome = run.outcome()
    for problem, response in list(zip(outcome.problems, evaluated, strict=True))[:8]:
        prompt = tokenizer(problem.prompt, return_tensors="pt")
        generated = model.generate(**prompt)[0, prompt["input_ids"].shape[1] :].tolist()
        expected = [*response.tokens, *([tokenizer.eos_token_id] if response.finished else [])]
        assert generated[: len(expected)] == expected
    card = (target / "README.md").read_text()
    assert run.name in card and f"incorrect in {run.row['wrong']} cases" in card


# -- folders ---------------------------------------------------------------------------------------------------------


def test_an_export_is_replaced_only_on_request_and_only_if_it_is_one(
    runs: dict[str, FinishedRun], folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = str(runs["rft"].folder.path)
    target = tmp_path / "rows"
    assert export.main(["rows", run, str(target)]) == 0
    before = (target / "train.parquet").read_bytes()
    capsys.readouterr()
    assert export.main(["rows", run, str(target)]) == 2
    assert capsys.readouterr().err == f"refused: {target}: exists; --overwrite replaces an earlier export\n"
    assert export.main(["rows", run, str(target), "--overwrite"]) == 0
    assert (target / "train.parquet").read_bytes() == before
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("all of it")
    assert export.main(["rows", run, str(mine), "--overwrite"]) == 2
    assert "is no earlier export" in capsys.readouterr().err and (mine / "thesis.txt").read_text() == "all of it"
    assert {path.name for path in tmp_path.iterdir()} == {"rows", "mine"}


def test_an_export_that_fails_leaves_nothing_and_keeps_the_earlier_one(tmp_path: Path) -> None:
    target = tmp_path / "out"

    def fill(folder: Path) -> None:
        (folder / "export.json").write_text("{}")

    def fail(folder: Path) -> None:
        (folder / "half").write_text("…")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        write_folder(target, fail, overwrite=False)
    assert not list(tmp_path.iterdir())
    write_folder(target, fill, overwrite=False)
    with pytest.raises(ValueError, match="no"):
        write_folder(target, fail, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["out"] and [p.name for p in target.iterdir()] == [
        "export.json"
    ]
    link = tmp_path / "link"
    link.symlink_to(target)
    with pytest.raises(ValueError, match="is no earlier export"):
        check_target(link, overwrite=True)


@pytest.mark.parametrize(
    ("what", "method", "words"),
    [
        ("values", "dpo", "the method of this run uses no step values"),
        ("rows", "none", "no finished run"),
    ],
)
def test_what_a_run_does_not_have_is_refused_in_one_line(
    runs: dict[str, FinishedRun], tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str, method: str, words: str
) -> None:
    folder = runs[method].folder.path if method in runs else tmp_path
    assert export.main([what, str(folder), str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("refused: ") and words in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_stage_that_is_not_in_the_store_is_named(
    runs: dict[str, FinishedRun], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "store").mkdir()
    words = ["rows", str(runs["rft"].folder.path), str(tmp_path / "out"), "--store", str(tmp_path / "store")]
    assert export.main(words) == 2
    assert f"stage policy of the run (policy/{runs['rft'].row['hashes']['policy']}) is not in the store" in (
        capsys.readouterr().err
    )


def test_tables_of_tokens_have_a_row_for_each_text(folders: dict[str, Path]) -> None:
    for folder in folders.values():
        assert pq.read_table(folder / "tokens.parquet").num_rows == pq.read_table(folder / "train.parquet").num_rows
