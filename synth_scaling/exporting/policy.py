"""Policies as plain Hugging Face model folders: weights, tokenizer, generation settings of the evaluation, a card."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from synth_scaling.exporting.card import fenced, front_matter, made_by, provenance
from synth_scaling.exporting.folder import MARKER
from synth_scaling.exporting.run import FinishedRun
from synth_scaling.models.options import PretrainedOptions
from synth_scaling.models.tokenizer import load_tokenizer
from synth_scaling.tasks import make_task
from synth_scaling.training.launch import ROWS

OURS = frozenset({"stage.json", "curve.jsonl", ROWS})  # files of a policy's stage that belong to no model
GENERATION = "generation_config.json"


def policy_of(run: FinishedRun) -> tuple[Callable[[Path], None], str]:
    """The files of a run's policy, and a line on them. Raises ValueError if it is not stored."""
    folder = run.policy
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in OURS)
    tokenizer, most = load_tokenizer(folder), make_task(run.config.task).max_response_tokens
    stored = json.loads((folder / GENERATION).read_text()) if (folder / GENERATION).is_file() else {}
    generation = {
        **stored,
        "do_sample": False,  # the evaluation is greedy
        "max_new_tokens": most + 1,  # and the end token
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    for sampled in ("temperature", "top_p", "top_k"):
        generation.pop(sampled, None)

    def fill(target: Path) -> None:
        for path in files:
            copy = target / path.relative_to(folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        (target / GENERATION).write_text(json.dumps(generation, indent=1) + "\n")
        card = [
            front_matter({"library_name": "transformers", "pipeline_tag": "text-generation"}),
            "# A policy trained by synth-scaling",
            "",
            f"Method `{run.config.method.name}` on task `{run.row['task']}`. Greedy responses to {run.row['tested']}"
            f" {run.config.evaluation.split} problems were incorrect in {run.row['wrong']} cases,"
            f" {100 * run.row['error']:.1f} % (95 % interval {100 * run.row['error_low']:.1f}"
            f" to {100 * run.row['error_high']:.1f} %).",
            "",
            "`generation_config.json` has the settings of that evaluation: greedy, up to the task's longest response.",
            "",
            *_prompting(run),
            made_by(run),
        ]
        (target / "README.md").write_text("\n".join(card), encoding="utf-8")
        (target / MARKER).write_text(json.dumps({"export": "policy", **provenance(run)}, indent=1) + "\n")

    size = sum(path.stat().st_size for path in files)
    return fill, f"the policy, {size / 1e6:.0f} MB"


def _prompting(run: FinishedRun) -> list[str]:
    """How a question is put to the model."""
    model = run.config.model
    if not isinstance(model, PretrainedOptions):
        return ["A prompt is the problem's text alone; the tokenizer knows the words of the task and no others.", ""]
    lines = ["A question is put to the model as", "", fenced(model.prompt)]
    if model.chat is not None:
        which = "the tokenizer's chat template" if model.chat == "tokenizer" else "a chat template of the run's"
        lines.append(f"as the user's message in {which}" + (", with the system message" if model.system else "") + ".")
        lines.append("")
        if model.system:
            lines.append(fenced(model.system))
    return lines
