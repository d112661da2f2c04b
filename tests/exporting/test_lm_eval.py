"""The evaluation through lm-evaluation-harness: its own filters and scores on our task file, against our grades."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lm_eval import simple_evaluate
from lm_eval.api.model import LM
from lm_eval.loggers import EvaluationTracker
from lm_eval.tasks import TaskManager

from synth_scaling import crosscheck
from synth_scaling.config.run_folder import RunFolder
from synth_scaling.core.records import Response, write_table
from synth_scaling.core.stage import Cost
from synth_scaling.experiment.store import Store
from synth_scaling.exporting.folder import write_folder
from synth_scaling.exporting.lm_eval import evaluation_of
from synth_scaling.exporting.lm_eval_samples import as_compared, compare
from synth_scaling.exporting.run import FinishedRun
from synth_scaling.models.codec import Codec
from synth_scaling.models.smollm2 import convert_tokenizer
from synth_scaling.tasks import grade_all, make_task
from tests.support.composing import config, with_words

# Our response with {} for the gold answer, whether it ended, the harness's text if it is another one, and why the
# grades differ under the filters strict-match and flexible-extract.
CASES: list[tuple[str, bool, str | None, str, str]] = [
    ("2 + 3 = 5\n#### {}", True, None, "agree", "agree"),
    ("I do not know.", True, None, "agree", "agree"),
    ("#### {}9", True, None, "agree", "agree"),
    ("The answer is {}.", True, None, "extraction", "agree"),  # only `####` is a mark under strict-match
    ("They have {}", True, None, "agree", "extraction"),  # ours wants a mark, their last number none
    ("#### {}.0", True, None, "comparison", "comparison"),
    ("#### {}", False, None, "length", "length"),
    ("#### {}", True, "#### {}9", "text", "text"),
    ("#### {}9", True, "#### {}", "text", "text"),
    ("#### {} of the 100 eggs", True, None, "extraction", "agree"),  # a text with two numbers is none to us
]


class Recorded(LM):
    """A model that gives a known text to each prompt."""

    def __init__(self, texts: dict[str, str]) -> None:
        super().__init__()
        self.texts = texts
        self.settings: list[Any] = []

    def generate_until(self, requests: Any, disable_tqdm: bool = False) -> list[str]:
        self.settings += [request.args[1] for request in requests]
        return [self.texts[request.args[0]] for request in requests]

    def loglikelihood(self, requests: Any, disable_tqdm: bool = False) -> Any:
        raise NotImplementedError

    def loglikelihood_rolling(self, requests: Any, disable_tqdm: bool = False) -> Any:
        raise NotImplementedError


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    """A run on sums in words whose evaluation has the responses of CASES, graded by the task."""
    home = tmp_path_factory.mktemp("evaluated")
    settings = with_words("task=word_sums", f"evaluation.problems={len(CASES)}", f"store={home}")
    task, store = make_task(settings.task), Store(home)
    problems = task.problems("test", len(CASES), 0)

    def policy(folder: Path) -> tuple[Cost, dict[str, Any]]:
        convert_tokenizer(folder)
        return Cost(), {}

    model = store.stage("policy", {"of": "test"}, policy)
    codec = Codec(model.path)
    texts = [text.format(problem.answer) for (text, *_), problem in zip(CASES, problems, strict=True)]
    correct = grade_all(task, list(zip(problems, texts, strict=True))).rewards

    def evaluation(folder: Path) -> tuple[Cost, dict[str, Any]]:
        rows = [
            Response(problem.id, 0, codec.encode(text), ended, int(ended and right))
            for problem, text, (_, ended, *_), right in zip(problems, texts, CASES, correct, strict=True)
        ]
        write_table(folder / "responses.parquet", rows, Response)
        return Cost(), {}

    responses = store.stage("responses", {"of": "test"}, evaluation)
    names = ("run", "sweep", "method", "label", "error", "error_low", "error_high")
    amounts = ("seed", "problems", "rollouts", "positives_used", "negatives_used", "training_rows", "tested", "wrong")
    row = dict.fromkeys(names, "x") | dict.fromkeys(amounts, 0) | {"task": "word_sums", "versions": {}}
    row["hashes"] = {"policy": model.hash, "evaluation": responses.hash}
    return FinishedRun(RunFolder(home), row, settings, home)


@pytest.fixture(scope="module")
def samples(run: FinishedRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The samples file that the harness writes for the exported task."""
    home = tmp_path_factory.mktemp("harness")
    fill, line = evaluation_of(run, home / "task")
    write_folder(home / "task", fill, overwrite=False)
    assert line == f"{len(CASES)} problems as task synth_scaling_word_sums of lm-evaluation-harness"
    docs = [json.loads(line) for line in (home / "task" / "problems.jsonl").read_text().splitlines()]
    texts = [other or text for text, _, other, *_ in CASES]
    model = Recorded({doc["prompt"]: text.format(doc["answer"]) for doc, text in zip(docs, texts, strict=True)})
    tracker = EvaluationTracker(output_path=str(home / "out"))
    result = simple_evaluate(
        model,
        tasks=["synth_scaling_word_sums"],
        task_manager=TaskManager(include_path=str(home / "task"), include_defaults=False),
        evaluation_tracker=tracker,
        bootstrap_iters=0,
    )
    assert result is not None
    tracker.save_results_aggregated(results=dict(result), samples=result["samples"])
    tracker.save_results_samples("synth_scaling_word_sums", result["samples"]["synth_scaling_word_sums"])
    (settings,) = {json.dumps(setting, sort_keys=True) for setting in model.settings}
    most = make_task(run.config.task).max_response_tokens
    assert json.loads(settings) == {"until": ["<|im_end|>"], "do_sample": False, "max_gen_toks": most}
    (file,) = (home / "out").rglob("samples_*.jsonl")
    return file


def test_every_difference_has_its_reason(samples: Path) -> None:
    compared = compare(samples)
    assert {name: [row.reason for row in rows] for name, rows in compared.items()} == {
        "strict-match": [case[3] for case in CASES],
        "flexible-extract": [case[4] for case in CASES],
    }
    for rows in compared.values():
        assert [row.same_text for row in rows] == [case[2] is None for case in CASES]
        assert all((row.ours == row.theirs) == (row.reason == "agree") for row in rows)


def test_the_command_prints_both_accuracies_and_every_difference(
    samples: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert crosscheck.main([str(samples)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{len(CASES) - 2} of {len(CASES)} responses have the same text"
    strict = next(line for line in lines if line.startswith("strict-match "))
    rows = compare(samples)["strict-match"]
    shares = [f"{10 * sum(grades):.1f}%" for grades in ([row.ours for row in rows], [row.theirs for row in rows])]
    assert strict.split()[1:3] == shares
    assert [int(word) for word in strict.split()[3:7]] == [
        sum((row.ours, row.theirs) == pair for row in rows)
        for pair in ((True, True), (False, False), (True, False), (False, True))
    ]
    assert sum(line.startswith("strict-match: ") for line in lines) == sum(case[3] != "agree" for case in CASES)
    assert "extraction: the two read different answers from the same text" in lines


def test_a_difference_that_no_rule_explains_is_an_error(samples: Path, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in samples.read_text().splitlines()]
    assert rows[0]["exact_match"] == 1.0 and rows[0]["doc"]["correct"]
    file = tmp_path / "samples.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in [{**rows[0], "exact_match": 0.0}, *rows[1:]]))
    assert crosscheck.main([str(file)]) == 1


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("[1]", "expected a JSON object"),
        ("{}", "filter: no such field"),
        ('{"filter": "f", "doc": {}}', r"doc\.problem: no such field"),
    ],
)
def test_a_file_that_is_none_of_the_harness_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, words: str
) -> None:
    file = tmp_path / "samples.jsonl"
    file.write_text(line + "\n")
    with pytest.raises(ValueError, match=rf"samples\.jsonl:1: {words}"):
        compare(file)
    assert crosscheck.main([str(file)]) == 2 and capsys.readouterr().err.startswith(f"refused: {file}:1: ")


def test_a_task_without_numbers_is_refused(run: FinishedRun) -> None:
    maze = replace(run, config=config(), row=run.row | {"task": "maze"})
    with pytest.raises(ValueError, match="task=maze: allowed are tasks in words whose answers are numbers"):
        evaluation_of(maze, Path("x"))


def test_answers_are_compared_as_the_harness_compares_them() -> None:
    assert [as_compared(text) for text in ("$1,250.", "work #### 7", "A.", "12.0")] == ["1250", "7", "a", "12.0"]
