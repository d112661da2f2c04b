r"""Grade a file of responses: accuracy with its 95 % Wilson interval.

    synth-scaling grade task=gsm8k input=FILE.jsonl [output=GRADED.jsonl]
        [response_field=response] [answer_field=answer] [last_number=false] [bound=5]

`task` is gsm8k, gsm_symbolic, word_sums, word_stories (numbers) or math (LaTeX). FILE is JSON Lines, also .gz, or
Parquet. A field may reach into a field, as in `response_field=6b_finetuning.solution`. The answer field holds the gold
answer alone or a solution that ends with it (`#### n`, `A: n`, `\boxed{}`); a number is read like the text that writes
it. OUTPUT has each row with `reward`, `given` (the answer that was read) and `over_bound`. A file that cannot be read
ends in exit code 2 and one line naming file, line and field.

Example: synth-scaling grade task=gsm8k input=responses.jsonl output=graded.jsonl
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from tqdm import tqdm

from synth_scaling.core.metrics import wilson_interval
from synth_scaling.core.suggestions import did_you_mean
from synth_scaling.core.terminal import say
from synth_scaling.grading.answers import final_answer
from synth_scaling.grading.gold import gold_answer, written_answer
from synth_scaling.grading.rewards import BOUND, Kind, each
from synth_scaling.grading.workers import WorkerKilled
from synth_scaling.system.jsonl import check_output, read_rows, text_at, text_of, value_at, write_rows

KINDS: dict[str, Kind] = {
    **dict.fromkeys(("gsm8k", "gsm_symbolic", "word_sums", "word_stories"), "number"),
    "math": "latex",
}
assert set(KINDS.values()) == set(get_args(Kind))


@dataclass(frozen=True)
class Options:
    task: str
    input: Path
    output: Path | None = None
    response_field: str = "response"
    answer_field: str = "answer"
    last_number: bool = False
    bound: float = BOUND


def main(arguments: Sequence[str]) -> int:
    """Grade a file as the arguments say and return the exit code: 0, 1 for a failure, 2 for what was refused."""
    if not arguments or arguments[0] in ("-h", "--help"):
        say(__doc__)
        return 0 if arguments else 2
    try:
        options = read_options(arguments)
        rows, pairs = read_pairs(options)
        if options.output:
            check_output(options.output, enumerate(rows, start=1), options.input)
        rewards = list(
            tqdm(
                each(KINDS[options.task], pairs, options.last_number, options.bound),
                total=len(pairs),
                unit=" responses",
                disable=None,  # no bar where the output is no terminal
            )
        )
        if options.output:
            write_rows(options.output, graded(options, rows, pairs, rewards))
    except ValueError as error:
        say(f"refused: {error}", file=sys.stderr)
        return 2
    except WorkerKilled as error:
        say(f"failed: {error}", file=sys.stderr)
        return 1
    say(summary(rewards))
    return 0


def read_options(arguments: Sequence[str]) -> Options:
    """The options that the arguments give. Raises ValueError naming the key, its value and the allowed ones."""
    given: dict[str, Any] = {}
    for argument in arguments:
        key, sign, value = argument.partition("=")
        if not sign or key not in Options.__dataclass_fields__:
            allowed = [f"{name}=" for name in Options.__dataclass_fields__]
            raise ValueError(f"{argument}: allowed are {', '.join(allowed)}{did_you_mean(f'{key}=', allowed)}")
        given[key] = value
    for key in ("task", "input"):
        if not given.get(key):
            raise ValueError(f"{key}= is needed")
    if given["task"] not in KINDS:
        hint = did_you_mean(given["task"], KINDS)
        raise ValueError(f"task={given['task']}: allowed are {', '.join(KINDS)}{hint}")
    given["input"] = Path(given["input"])
    given["output"] = Path(given["output"]) if given.get("output") else None
    if "last_number" in given:
        if given["last_number"].lower() not in ("true", "false"):
            raise ValueError(f"last_number={given['last_number']}: allowed are true, false")
        given["last_number"] = given["last_number"].lower() == "true"
    if "bound" in given:
        try:
            seconds = float(given["bound"])
        except ValueError:
            seconds = 0.0
        if not 0 < seconds <= 600:
            raise ValueError(f"bound={given['bound']}: allowed are seconds above 0, up to 600")
        given["bound"] = seconds
    return Options(**given)


def read_pairs(options: Options) -> tuple[list[dict[str, Any]], list[tuple[str, str]]]:
    """The file's rows, and (gold answer, response) of each. Raises ValueError naming file, line and field."""
    rows, pairs, path = [], [], options.input
    for number, row in read_rows(path):
        response = text_at(path, number, row, options.response_field)
        written = text_of(
            path, number, written_answer(value_at(path, number, row, options.answer_field)), options.answer_field
        )
        gold = gold_answer(KINDS[options.task], written)
        if gold is None:
            raise ValueError(f"{path}:{number}: {options.answer_field}: no answer in {written[-60:]!r}")
        rows.append(row)
        pairs.append((gold, response))
    if not rows:
        raise ValueError(f"{path}: no responses in it")
    return rows, pairs


def graded(
    options: Options, rows: list[dict[str, Any]], pairs: list[tuple[str, str]], rewards: list[bool | None]
) -> list[dict[str, Any]]:
    """The rows with their rewards and the answers that were read."""
    return [
        {
            **row,
            "reward": int(bool(reward)),
            "given": final_answer(response, options.last_number),
            "over_bound": reward is None,
        }
        for row, (_, response), reward in zip(rows, pairs, rewards, strict=True)
    ]


def summary(rewards: Sequence[bool | None]) -> str:
    """Accuracy with its interval, and how many responses hit the bound."""
    correct, all_ = sum(map(bool, rewards)), len(rewards)
    low, high = wilson_interval(correct, all_)
    interval = f"95 % Wilson interval {100 * low:.2f} to {100 * high:.2f} %"
    line = f"accuracy {100 * correct / all_:.2f} % ({correct} of {all_}), {interval}"
    over = rewards.count(None)
    return f"{line}; {over} hit the bound on grading and count as incorrect" if over else line


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
