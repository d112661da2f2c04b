r"""Agreement of the graders with published correctness labels, and over-acceptance of perturbed gold answers.

    python -m benchmarks.grading_agreement [--data ../shared/data] [--write docs/reference/grading_agreement.md]

Prints two Markdown tables. The first compares the grades of every set of real outputs in --data with the labels that
were published with it; each disagreement is listed with the answer that was read and a class from `CLASSES`. The second
counts how many perturbed gold answers of GSM8K and of the formula fixtures are graded correct, by kind of perturbation;
all should be 0, and the gold answers themselves should all be correct.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

from synth_scaling.grading.answers import final_answer
from synth_scaling.grading.gold import gold_answer
from synth_scaling.grading.numbers import canonical, rational
from synth_scaling.grading.rewards import Kind, in_worker

SYSTEMS = ("6b_finetuning", "175b_verification")
# Who errs in a disagreement, by (system, line): "grader", "label" or "ambiguous". Read one by one; there is none today.
CLASSES: dict[tuple[str, int], str] = {}
# Gold answers in LaTeX: each kind that the readers, and math-verify behind them, tell apart.
FORMULAS = (
    *("5", "-3", r"\frac{3}{4}", "0.125", r"\frac{1}{2^{60}}", "10^{-17}", r"3\sqrt{2}", r"\frac{\pi}{6}", r"2\pi"),
    *(r"\frac{\sqrt{3}}{2}", "x^2+2x+1", "(x+1)(x-2)", "2xy", r"x=\frac{1}{3}", "y=2x+3", "3+4i", r"45^\circ", r"50\%"),
    *(r"(3,\frac{\pi}{2})", "(1,2)", "(1,2,4)", "[0,3)", r"(-\infty,3]", r"(1,2)\cup(3,4)", "1,2", "2,3,5", r"\{1,7\}"),
    *(r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"x \le 5", r"\frac{1}{19!}"),
)
SCALES = (
    " million",
    " dozen",
    "k",
    " hundredths",
    r"\text{ thousand}",
    " lakh",
    " and a half",
    r"\cdot 10^{3}",
    r" \pi",
)


def of_number(gold: str) -> Iterator[tuple[str, str]]:
    """(kind, answer) of perturbed gold numbers, written exactly."""
    value = rational(gold)
    assert value is not None
    digits = str(abs(value.numerator))
    changed = digits[:-1] + str((int(digits[-1]) + 1) % 10)
    for kind, other in {
        "sign": -value,
        "last digit": Fraction(int(changed), value.denominator),
        "a digit more": value * 10 + 7,
        "off by one": value + 1,
        "times ten": value * 10,
        "a tenth": value / 10,
        "off by 1e-9 relative": value * (1 + Fraction(1, 10**9)),
        "off by 1e-17 relative": value * (1 - Fraction(1, 10**17)),
        "inverse": 1 / value if value else Fraction(1),
        "half": value / 2,
    }.items():
        if other != value:
            yield kind, canonical(other)
    for unit in (
        "M",
        " million",
        " lakh",
        "k",
        " dozen",
        " tenths",
        " and a half",
        " pi",
        " hundredths",
        " to 1000",
        "!",
        "^2",
    ):
        yield "a word or sign that scales", gold + unit
    yield "two numbers", f"{gold}, {canonical(value + 1)}"
    yield "digits with a space", f"{gold} 5"


def of_formula(gold: str) -> Iterator[tuple[str, str]]:
    """(kind, answer) of perturbed gold formulas."""
    tiny = r"+\frac{1}{10^{9}}"
    if gold[0] not in "([\\{" and "," not in gold and "=" not in gold and r"\le" not in gold and "%" not in gold:
        yield "sign", f"-({gold})"
        yield "off by 1e-9", gold + tiny
        yield "off by 1e-17", gold + r"-\frac{1}{10^{17}}"
        yield "twice", f"2({gold})"
        for unit in SCALES:
            yield "a word or sign that scales", gold + unit
    if gold.startswith((r"\frac", "3", "2")) and "," not in gold:
        yield "sign", f"-{gold}"
    for i, c in enumerate(gold):
        if c.isdigit() and not gold[max(0, i - 5) : i].endswith("circ"):
            yield "one digit", gold[:i] + str((int(c) + 1) % 10) + gold[i + 1 :]
    if c := next((c for c in ("\\cup", r"\\", ",", "&") if c in gold), ""):
        inner = gold.strip("([])")
        parts = inner.removeprefix(r"\{").removesuffix(r"\}").split(",") if c == "," else []
        if c == "," and r"\infty" not in gold:
            ends = (gold[: gold.index(inner)], gold[gold.index(inner) + len(inner) :])
            if gold.startswith(("(", "[")):
                yield "swapped tuple", ends[0] + ",".join(reversed(parts)) + ends[1]
            yield "dropped member", ends[0] + ",".join(parts[:-1]) + ends[1]
            yield "another member", ends[0] + ",".join([*parts, "99"]) + ends[1]
            yield "off by 1e-9", ends[0] + ",".join([*parts[:-1], parts[-1] + tiny]) + ends[1]
            yield "off by 1e-17", ends[0] + ",".join([parts[0] + r"-\frac{1}{10^{17}}", *parts[1:]]) + ends[1]
        if c == "\\cup":
            yield "dropped member", gold.split(c)[0]
    for old, new in (
        ("[", "("),
        ("]", ")"),
        ("+", "-"),
        (r"\le", r"\ge"),
        (r"\pi", "e"),
        (r"\sqrt", ""),
        (r"\infty", "9"),
    ):
        if old in gold and r"\begin" not in gold:
            yield f"{old} as {new or 'nothing'}", gold.replace(old, new, 1)


Wrong = dict[str, tuple[int, list[str]]]


def over_acceptances(
    kind: Kind, golds: list[str], perturbed: Callable[[str], Iterator[tuple[str, str]]], mark: str
) -> Wrong:
    """By kind of perturbation: how many answers were tried, and those graded correct."""
    table: Wrong = {}
    for gold in golds:
        for name, answer in perturbed(gold):
            n, accepted = table.get(name, (0, []))
            if in_worker(kind, gold, mark.format(answer), False, False):
                accepted.append(f"{answer} for {gold}")
            table[name] = n + 1, accepted
    return table


def gsm8k_golds(data: Path) -> list[str]:
    """All gold answers of train and test."""
    golds = []
    for split in ("train", "test"):
        with gzip.open(data / "gsm8k" / f"{split}.jsonl.gz", "rt") as lines:
            golds += [gold_answer("number", json.loads(line)["answer"]) or "" for line in lines]
    return golds


def agreement(data: Path) -> Iterator[str]:
    """The lines of the table of agreement, and one for each disagreement."""
    yield "| outputs | kind | responses | correct, published | correct, graded | agree | disagreements by who errs |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    with gzip.open(data / "outputs" / "gsm8k_model_solutions.jsonl.gz", "rt") as lines:
        rows = [json.loads(line) for line in lines]
    details = []
    kinds: tuple[Kind, ...] = ("number", "latex")
    for system in SYSTEMS:
        for kind in kinds:
            agreed = correct = published = 0
            who: dict[str, int] = {"grader": 0, "label": 0, "ambiguous": 0, "not classified": 0}
            for number, row in enumerate(rows, start=1):
                gold, response = gold_answer("number", row["ground_truth"]) or "", row[system]["solution"]
                reward, label = in_worker(kind, gold, response, False, False), row[system]["is_correct"]
                agreed, correct, published = agreed + (reward == label), correct + reward, published + label
                if reward != label:
                    who[CLASSES.get((system, number), "not classified")] += 1
                    details.append(
                        f"- {system}, line {number}: read {final_answer(response)!r}, gold {gold}, label {label}"
                    )
            classes = ", ".join(f"{name} {n}" for name, n in who.items() if n) or "none"
            yield (
                f"| GSM8K test, `{system}` | {kind} | {len(rows):,} | {published} | {correct} "
                f"| {agreed:,} of {len(rows):,} | {classes} |"
            )
    yield from ["", *details] if details else []


def main() -> None:
    """Print the tables, or write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="default %(default)s")
    parser.add_argument("--write", type=Path, help="a Markdown file instead of the terminal")
    options = parser.parse_args()
    text = ["# Agreement of the graders", "", "Written by `python -m benchmarks.grading_agreement`.", ""]
    text += agreement(options.data)
    text += ["", "| perturbation | of | tried | graded correct |", "| --- | --- | --- | --- |"]
    tables = (
        ("GSM8K's gold answers", over_acceptances("number", gsm8k_golds(options.data), of_number, "#### {}")),
        ("formulas", over_acceptances("latex", list(FORMULAS), of_formula, "\\boxed{{{}}}")),
    )
    for name, table in tables:
        text += [f"| {kind} | {name} | {n:,} | {len(accepted)} |" for kind, (n, accepted) in table.items()]
        text += [f"| accepted: `{answer}` | | | |" for _, accepted in table.values() for answer in accepted[:20]]
    if options.write:
        options.write.write_text("\n".join(text) + "\n")
    else:
        print("\n".join(text))


if __name__ == "__main__":
    main()
