"""The test problems of a run as a task of lm-evaluation-harness, with our responses and grades to compare with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from synth_scaling.core.records import Response, read_table
from synth_scaling.core.stage import in_round
from synth_scaling.exporting.card import fenced, made_by, provenance
from synth_scaling.exporting.folder import MARKER
from synth_scaling.exporting.run import FinishedRun
from synth_scaling.exporting.tables import prompt_text
from synth_scaling.models.codec import Codec
from synth_scaling.models.options import PretrainedOptions
from synth_scaling.models.prompts import PromptFormat
from synth_scaling.system.jsonl import write_rows
from synth_scaling.tasks import make_task
from synth_scaling.tasks.questions import QuestionTask

PROBLEMS = "problems.jsonl"

# The filters and the comparison of lm-evaluation-harness' own task gsm8k (version 3).
FILTERS = [
    {
        "name": "strict-match",
        "filter": [{"function": "regex", "regex_pattern": r"#### (\-?[0-9\.\,]+)"}, {"function": "take_first"}],
    },
    {
        "name": "flexible-extract",
        "filter": [
            {"function": "regex", "group_select": -1, "regex_pattern": r"(-?[$0-9.,]{2,})|(-?[0-9]+)"},
            {"function": "take_first"},
        ],
    },
]
IGNORED = [",", r"\$", "(?s).*#### ", r"\.$"]


def evaluation_of(run: FinishedRun, target: Path) -> tuple[Callable[[Path], None], str]:
    """The files of the task, which will lie in `target`, and a line on them.

    Raises ValueError for a task whose answers are no numbers, and for a stage that is not stored.
    """
    task = make_task(run.config.task)
    if (
        not isinstance(task, QuestionTask)
        or task.wording.kind != "number"
        or not isinstance(run.config.model, PretrainedOptions)
    ):
        raise ValueError(f"task={run.row['task']}: allowed are tasks in words whose answers are numbers")
    evaluation, model, policy = run.config.evaluation, run.config.model, run.policy
    codec = Codec(policy, PromptFormat(model.prompt, model.chat, model.system))
    problems = task.problems(evaluation.split, evaluation.problems, 0)  # type: ignore[arg-type]
    responses = read_table(run.stage(in_round("evaluation", run.config.rounds.count)) / "responses.parquet", Response)
    docs = []
    begins = False  # with a token that the tokenizer puts before every text
    for problem, response in zip(problems, responses, strict=True):
        assert problem.id == response.problem, "the evaluation has the order of the problems"
        ids = codec.encode_prompt(problem)
        prompt = prompt_text(codec.tokenizer, ids)
        begins = begins or prompt != codec.decode(ids)
        docs.append(
            {
                "problem": problem.id,
                "question": problem.prompt,
                "prompt": prompt,
                "answer": problem.answer,
                "response": codec.decode(response.tokens),
                "correct": bool(response.reward),
                "finished": response.finished,
                "last_number": task.wording.last_number,
            }
        )
    name = f"synth_scaling_{run.row['task']}"
    described: dict[str, Any] = {
        "task": name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(target.absolute() / PROBLEMS)}},
        "test_split": "test",
        "output_type": "generate_until",
        "num_fewshot": 0,
        "doc_to_text": "{{prompt}}",
        "doc_to_target": "{{answer}}",
        "target_delimiter": "",
        "generation_kwargs": {
            "until": [codec.tokenizer.eos_token],
            "do_sample": False,
            "max_gen_toks": task.max_response_tokens,
        },
        "filter_list": FILTERS,
        "metric_list": [
            {
                "metric": "exact_match",
                "aggregation": "mean",
                "higher_is_better": True,
                "ignore_case": True,
                "ignore_punctuation": False,
                "regexes_to_ignore": IGNORED,
            }
        ],
        "metadata": {"version": 1.0},
    }
    bos = ",add_bos_token=True" if begins else ""
    harness = f"lm_eval --model hf --model_args pretrained=POLICY_FOLDER,dtype=float32{bos} --device cpu --batch_size 8"
    command = (
        f"{harness} \\\n    --include_path {target.absolute()} --tasks {name} --log_samples --output_path lm_eval_out\n"
        "synth-scaling crosscheck lm_eval_out/*/samples_*.jsonl"
    )

    def fill(folder: Path) -> None:
        write_rows(folder / PROBLEMS, docs)
        (folder / f"{name}.yaml").write_text(OmegaConf.to_yaml(OmegaConf.create(described)), encoding="utf-8")
        card = [
            "# Test problems of a synth-scaling run for lm-evaluation-harness",
            "",
            f"{len(docs)} problems with the prompts that the policy saw, and our responses and grades.",
            f"The filters are those of the harness's gsm8k. `{name}.yaml` names this folder: export again to move it.",
            "",
            fenced(command),
            made_by(run),
        ]
        (folder / "README.md").write_text("\n".join(card), encoding="utf-8")
        (folder / MARKER).write_text(json.dumps({"export": "evaluation", **provenance(run)}, indent=1) + "\n")

    return fill, f"{len(docs)} problems as task {name} of lm-evaluation-harness"
