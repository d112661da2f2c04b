"""Speed of grading, and what hostile responses cost.

    python -m benchmarks.grading [--data ../shared/data] [--bound 5] [--quick]

Ordinary responses per second: the 2,638 published solutions of GSM8K where --data has them (else as many generated
ones); generated MATH answers, none of them twice, one in eight of which is neither a number nor the gold text; the same
with some that only math-verify reads; and eight samples per problem, which repeat their answers as samples do. Then
10,000 hostile responses as number and as LaTeX: seconds, the slowest that was not killed, how many hit the bound, how
many were graded correct (none may be). Seconds are of the wall clock, with one worker process per core; the start of
the workers, which happens once, is printed separately.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import time
from collections.abc import Callable
from pathlib import Path

from synth_scaling.grading import workers
from synth_scaling.grading.answers import final_answer
from synth_scaling.grading.formulas import same_value
from synth_scaling.grading.gold import gold_answer
from synth_scaling.grading.latex import settled
from synth_scaling.grading.rewards import Kind, grade, in_worker
from tests.support.hostile import HEAVY, light

Pairs = list[tuple[str, str]]
REPEATS = 5


def gsm8k(data: Path) -> Pairs:
    """(gold, response) of the published solutions, or generated ones."""
    file = data / "outputs" / "gsm8k_model_solutions.jsonl.gz"
    if not file.exists():
        return [(str(i), f"He has {i} eggs.\nSo {i} + 0 = {i}.\n#### {i + i % 2}") for i in range(2638)]
    with gzip.open(file, "rt") as lines:
        rows = [json.loads(line) for line in lines]
    return [
        (gold_answer("number", row["ground_truth"]) or "", row[system]["solution"])
        for system in ("6b_finetuning", "175b_verification")
        for row in rows
    ]


def math(problems: int, samples: int, seed: int, beyond: bool = True) -> Pairs:
    """Generated answers, two in three of them correct.

    Six in ten are whole numbers, two fractions or pairs, one is a polynomial, one a root. With `beyond`, every other
    polynomial is a complex number, an interval, an angle, a matrix, an equation or a union of intervals; of these only
    math-verify reads equations.
    """
    rng = random.Random(seed)
    pairs = []
    for i in range(problems):
        a, b = rng.randint(2, 10**5), rng.randint(2, 10**5)
        gold, correct, incorrect = [
            *[(str(a), str(a), str(b))] * 6,
            (rf"\frac{{{a}}}{{{b}}}", rf"\dfrac{{{2 * a}}}{{{2 * b}}}", rf"\frac{{{b}}}{{{a}}}"),
            (rf"x^2+{a}x+{b}", f"x^{{2}} + {a}x + {b}", rf"x^2+{a}x-{b}"),
            (f"({a},{b})", f"({a}, {b})", f"({b},{a})"),
            (rf"{a}\sqrt{{{b}}}", rf"\sqrt{{{b}}}\cdot {a}", rf"{b}\sqrt{{{a}}}"),
        ][i % 10]
        if beyond and i % 20 == 7:
            gold, correct, incorrect = [
                (f"{a}+{b}i", f"{b}i+{a}", f"{a}-{b}i"),
                (rf"({a},\infty)", rf"({a}, +\infty)", rf"({b},\infty)"),
                (rf"{a}^\circ", str(a), str(b)),
                (rf"\begin{{pmatrix}}{a}\\{b}\end{{pmatrix}}",) * 2 + (rf"\begin{{pmatrix}}{b}\\{a}\end{{pmatrix}}",),
                (rf"y={a}x+{b}", rf"y-{b}={a}x", rf"y={b}x+{a}"),
                (rf"(-\infty,{a})\cup({a + b},\infty)", rf"({a + b},\infty) \cup (-\infty,{a})", rf"({a},{a + b})"),
            ][i // 20 % 6]
        for _ in range(samples):
            given = correct if rng.random() < 2 / 3 else incorrect
            pairs.append((gold, rf"Expanding gives the value, so the answer is $\boxed{{{given}}}$."))
    return pairs


def shares(pairs: Pairs) -> str:
    """The shares of the answers that need more than comparing text and numbers, and that need math-verify."""
    answers = [(gold, final_answer(response) or "") for gold, response in pairs]
    open_ = [answer for answer in answers if settled(*answer) is None]
    beyond = sum(same_value(*answer) is None for answer in open_)
    return f"{100 * len(open_) / len(pairs):.0f} % need algebra, {100 * beyond / len(pairs):.0f} % math-verify"


def seconds(kind: Kind, gold: str, response: str) -> float:
    """Seconds that one response takes, in a worker."""
    begin = time.perf_counter()
    in_worker(kind, gold, response, False, False)
    return time.perf_counter() - begin


def main() -> None:
    """Print one line for each part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="default %(default)s")
    parser.add_argument("--bound", type=float, default=5.0, help="seconds (default %(default)s)")
    parser.add_argument("--quick", action="store_true", help="fewer responses: a check that it runs, not a measurement")
    options = parser.parse_args()
    few = 10 if options.quick else 1
    begin = time.perf_counter()
    grade("latex", [("x+1", r"\boxed{1+x}")] * workers.count())
    print(f"workers: {workers.count()}, started in {time.perf_counter() - begin:.1f} s")
    published = gsm8k(options.data)
    ordinary: list[tuple[str, Kind, Callable[[int], Pairs]]] = [
        ("gsm8k, published solutions", "number", lambda seed: published),
        # new numbers each time: parses are remembered
        ("math, one sample", "latex", lambda seed: math(4000 // few, 1, seed, False)),
        ("math, with what is no formula", "latex", lambda seed: math(4000 // few, 1, seed)),
        ("the same, eight samples", "latex", lambda seed: math(1000 // few, 8, seed)),
    ]
    for name, kind, make in ordinary:
        rates, correct = [], []
        for seed in range(REPEATS):
            pairs = make(seed)
            begin = time.perf_counter()
            correct.append(sum(grade(kind, pairs, bound=options.bound).rewards) / len(pairs))
            rates.append(len(pairs) / (time.perf_counter() - begin))
        needs = f", {shares(pairs)}" if kind == "latex" else ""
        print(
            f"{name:<30}{len(pairs):>6,} responses, {100 * correct[-1]:.1f} % correct{needs}: "
            f"{sorted(rates)[REPEATS // 2]:,.0f} per second (best {max(rates):,.0f}, worst {min(rates):,.0f})",
            flush=True,
        )
    texts = [*light(10_000 // few - len(HEAVY)), *HEAVY]
    for kind in ("number", "latex"):
        hostile = [(r"\frac{18}{35}" if kind == "latex" else "18", text) for text in texts]
        begin = time.perf_counter()
        grades = grade(kind, hostile, bound=options.bound)  # type: ignore[arg-type]
        took = time.perf_counter() - begin
        alone = [t for t in workers.run(seconds, [(kind, *pair) for pair in hostile], options.bound) if t is not None]  # type: ignore[arg-type]
        print(
            f"hostile as {kind:<19}{len(texts):>6,} responses, {sum(grades.rewards):>5,} correct: {took:.1f} s, "
            f"{grades.over_bound} hit the bound of {options.bound:g} s, the slowest other took {max(alone):.2f} s"
        )


if __name__ == "__main__":
    main()
