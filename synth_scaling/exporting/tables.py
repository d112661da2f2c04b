"""Tables of training rows, step values and rollouts as text, and training rows as token ids.

The text columns are those that TRL, OpenRLHF and LLaMA-Factory read: prompt and completion; prompt, chosen and
rejected; prompt, completion and label. Trainers that read text append an end token to every completion. Ours do so only
where the columns `*_ends` say so, and weigh tokens in some methods: the token ids are exactly what was trained on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pyarrow as pa
from transformers import PreTrainedTokenizerBase

from synth_scaling import credit
from synth_scaling.core.records import (
    NLLRow,
    PolicyRow,
    PreferenceRow,
    Response,
    ResponseValues,
    StepPairRow,
    UnpairedRow,
)
from synth_scaling.models.tokenizer import decode

IDS, NUMBERS = pa.list_(pa.int64()), pa.list_(pa.float64())
SIDE = {"prompt": pa.string(), "completion": pa.string()}
PAIR = {"prompt": pa.string(), "chosen": pa.string(), "rejected": pa.string()}
TEXT: dict[type, dict[str, pa.DataType]] = {
    NLLRow: SIDE | {"completion_ends": pa.bool_()},
    PreferenceRow: PAIR | {"chosen_ends": pa.bool_(), "rejected_ends": pa.bool_()},
    UnpairedRow: SIDE | {"label": pa.bool_(), "completion_ends": pa.bool_()},
}
TEXT[PolicyRow], TEXT[StepPairRow] = TEXT[UnpairedRow], TEXT[PreferenceRow]
SIDE_IDS = {"prompt_ids": IDS, "completion_ids": IDS, "label": pa.bool_()}
PAIR_IDS = {"prompt_ids": IDS, "chosen_ids": IDS, "rejected_ids": IDS}
TOKENS: dict[type, dict[str, pa.DataType]] = {
    NLLRow: {"input_ids": IDS, "completion_mask": IDS, "weights": NUMBERS},
    PreferenceRow: PAIR_IDS,
    UnpairedRow: SIDE_IDS,
    PolicyRow: SIDE_IDS | {"coefficients": NUMBERS, "reference_log_probs": NUMBERS, "pass_rate": pa.float64()},
    StepPairRow: PAIR_IDS
    | {f"{side}_{name}": NUMBERS for side in ("chosen", "rejected") for name in ("weights", "reference_log_probs")},
}
SFT, PREFERENCE, UNPAIRED = "sft", "preference", "unpaired"
FORMAT = {NLLRow: SFT, PreferenceRow: PREFERENCE, StepPairRow: PREFERENCE, UnpairedRow: UNPAIRED, PolicyRow: UNPAIRED}
# kinds of rows whose objective is not the one that other trainers have for their format
WEIGHTED = {
    PolicyRow: "each token has a signed coefficient (`coefficients` of the table `tokens`)",
    StepPairRow: "each token has a weight (`*_weights` of the table `tokens`)",
}


@dataclass(frozen=True)
class RowTables:
    """The training rows of a run as text and as token ids, one row each.

    `same_ids` counts the completions (sides of pairs) that end and that tokenizing prompt + completion, with an end
    token appended, gives back with exactly the trained ids. `sides` are all completions, `ended` those that end.
    """

    kind: type
    text: pa.Table
    tokens: pa.Table
    sides: int
    ended: int
    same_ids: int
    weighted: bool


def row_tables(rows: Sequence[Any], kind: type, tokenizer: PreTrainedTokenizerBase) -> RowTables:
    """The tables of rows of the dataclass `kind`."""
    eos = tokenizer.eos_token_id
    text: list[dict[str, Any]] = []
    tokens: list[dict[str, Any]] = []
    sides = ended = same = 0
    for row in rows:
        prompt = prompt_text(tokenizer, row.prompt)
        line: dict[str, Any] = {"prompt": prompt}
        ids: dict[str, Any] = {"prompt_ids": list(row.prompt)}
        for name, side, ends in _sides(row):
            line |= {name: decode(tokenizer, side), f"{name}_ends": ends}
            trained = [*side, *([eos] if ends else [])]
            ids[f"{name}_ids"] = trained
            sides, ended = sides + 1, ended + ends
            if ends:
                whole = tokenizer(prompt + line[name] + tokenizer.eos_token)["input_ids"]
                same += list(whole) == [*row.prompt, *trained]
        match row:
            case NLLRow():
                completion = ids["completion_ids"]
                mask = [0] * len(row.prompt) + [1] * len(completion)
                weights = None if row.weights is None else list(row.weights)
                ids = {"input_ids": ids["prompt_ids"] + completion, "completion_mask": mask, "weights": weights}
            case UnpairedRow():
                line["label"] = ids["label"] = row.desirable
            case PolicyRow():
                line["label"] = ids["label"] = row.correct
                reference = None if row.reference is None else list(row.reference)
                ids |= {"coefficients": list(row.coefficients), "reference_log_probs": reference}
                ids["pass_rate"] = row.pass_rate
            case StepPairRow():
                for name in ("chosen", "rejected"):
                    ids[f"{name}_weights"] = list(getattr(row, f"{name}_weights"))
                    ids[f"{name}_reference_log_probs"] = list(getattr(row, f"{name}_reference"))
        text.append(line)
        tokens.append(ids)
    weighted = kind in WEIGHTED or (kind is NLLRow and any(row.weights is not None for row in rows))
    return RowTables(kind, _table(text, TEXT[kind]), _table(tokens, TOKENS[kind]), sides, ended, same, weighted)


def _sides(row: Any) -> list[tuple[str, tuple[int, ...], bool]]:
    """(name, token ids, whether it ends) of each completion of a row."""
    if isinstance(row, PreferenceRow | StepPairRow):
        return [("chosen", row.chosen, row.chosen_ends), ("rejected", row.rejected, row.rejected_ends)]
    return [("completion", row.completion, row.ends)]


def prompt_text(tokenizer: PreTrainedTokenizerBase, prompt: Sequence[int]) -> str:
    """The text of a prompt, without a start token that the tokenizer puts before every text by itself."""
    bos = tokenizer.bos_token_id
    adds = bos is not None and list(tokenizer("")["input_ids"])[:1] == [bos]
    return decode(tokenizer, prompt[1:] if adds and list(prompt[:1]) == [bos] else prompt)


VALUES: dict[str, pa.DataType] = {
    "problem": pa.string(),
    "question": pa.string(),
    "response": pa.string(),
    "correct": pa.bool_(),
    "finished": pa.bool_(),
    "steps": pa.list_(pa.string()),
    "Q": NUMBERS,  # Q_0..Q_L, one more than there are steps
    "A": NUMBERS,  # A_1..A_L
    "first_error": pa.int64(),  # a step from 1; null for a correct response
}


def value_table(outcome: Any) -> pa.Table:
    """Step values of a run's responses: incorrect ones, then correct ones. Raises ValueError if it has none."""
    graded, codec = outcome.last.graded, outcome.stages.codec
    questions = {problem.id: problem.prompt for problem in outcome.trained_on}
    lines = []
    for responses, values in (
        (graded.negatives, graded.negative_values),
        (graded.positives, graded.positive_values),
    ):
        if values:
            lines += [_values(r, v, questions, codec) for r, v in zip(responses, values, strict=True)]
    if not lines:
        raise ValueError("the method of this run uses no step values")
    return _table(lines, VALUES)


def _values(response: Response, values: ResponseValues, questions: dict[str, str], codec: Any) -> dict[str, Any]:
    return {
        "problem": response.problem,
        "question": questions[response.problem],
        "response": codec.decode(response.tokens),
        "correct": bool(response.reward),
        "finished": response.finished,
        "steps": [codec.decode(response.tokens[a:b]) for a, b in pairwise((0, *values.ends))],
        "Q": list(values.values),
        "A": [float(a) for a in credit.advantages(values.values)],
        "first_error": None if response.reward else credit.first_error(values.values),
    }


ROLLOUTS: dict[str, pa.DataType] = {
    "question": pa.string(),
    "response": pa.string(),
    "correct": pa.bool_(),
    "finished": pa.bool_(),
    "problem": pa.string(),
    "tokens": IDS,
}


def rollout_table(
    rollouts: Sequence[Response], questions: Mapping[str, str], tokenizer: PreTrainedTokenizerBase
) -> pa.Table:
    """Rollouts with our grades, as `data.rollouts_path` reads them; `questions` by problem id."""
    lines = [
        {
            "question": questions[r.problem],
            "response": decode(tokenizer, r.tokens),
            "correct": bool(r.reward),
            "finished": r.finished,
            "problem": r.problem,
            "tokens": list(r.tokens),
        }
        for r in rollouts
    ]
    return _table(lines, ROLLOUTS)


def _table(lines: Sequence[dict[str, Any]], columns: dict[str, pa.DataType]) -> pa.Table:
    return pa.table({name: pa.array([line[name] for line in lines], kind) for name, kind in columns.items()})
