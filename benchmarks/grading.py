"""Speed of grading, and what hostile responses cost.

    python -m benchmarks.grading [--data ../shared/data] [--bound 5]

Ordinary responses a second: the 2,638 published solutions of GSM8K where --data has them (else as many made ones);
made MATH answers, nine in ten of which are numbers or the gold text and one needs algebra, none of them twice; and
eight samples a problem, which repeat their answers as samples do. Then 10,000 hostile responses as number and as LaTeX:
seconds, the slowest that was not killed, how many hit the bound, how many came out right (none may). Seconds are of the
wall clock, with a worker process a core; the start of the workers, which happens once, is printed by itself.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "grading"))
from hostile import HEAVY, light

from synth_scaling.grade import gold_answer
from synth_scaling.grading import workers
from synth_scaling.grading.rewards import Kind, grade, in_worker

Pairs = list[tuple[str, str]]
REPEATS = 5


def gsm8k(data: Path) -> Pairs:
    """(gold, response) of the published solutions, or made ones."""
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


def math(problems: int, samples: int, seed: int) -> Pairs:
    """Made answers: six in ten whole numbers, three text or fractions, one that needs algebra; two in three right."""
    rng = random.Random(seed)
    pairs = []
    for i in range(problems):
        a, b = rng.randint(2, 10**5), rng.randint(2, 10**5)
        golds = [str(a)] * 6 + [rf"\frac{{{a}}}{{{b}}}", rf"x^2+{a}x+{b}", rf"({a},{b})", rf"{a}\sqrt{{{b}}}"]
        rights = [str(a)] * 6 + [rf"\dfrac{{{2 * a}}}{{{2 * b}}}", f"x^{{2}} + {a}x + {b}", f"({a}, {b})"]
        rights.append(rf"\sqrt{{{b}}}\cdot {a}")
        wrongs = [str(b)] * 6 + [rf"\frac{{{b}}}{{{a}}}", rf"x^2+{a}x-{b}", rf"({b},{a})", rf"{b}\sqrt{{{a}}}"]
        for _ in range(samples):
            given = rights[i % 10] if rng.random() < 2 / 3 else wrongs[i % 10]
            pairs.append((golds[i % 10], rf"Expanding gives the value, so the answer is $\boxed{{{given}}}$."))
    return pairs


def seconds(kind: Kind, gold: str, response: str) -> float:
    """How long one response takes, in a worker."""
    begin = time.perf_counter()
    in_worker(kind, gold, response, False, False)
    return time.perf_counter() - begin


def main() -> None:
    """Print a line a part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="default %(default)s")
    parser.add_argument("--bound", type=float, default=5.0, help="seconds (default %(default)s)")
    options = parser.parse_args()
    begin = time.perf_counter()
    grade("latex", [("x+1", r"\boxed{1+x}")] * workers.count())
    print(f"workers: {workers.count()}, started in {time.perf_counter() - begin:.1f} s")
    published = gsm8k(options.data)
    ordinary: list[tuple[str, Kind, Callable[[int], Pairs]]] = [
        ("gsm8k, published solutions", "number", lambda seed: published),
        ("math, one sample", "latex", lambda seed: math(4000, 1, seed)),  # new numbers each time: parses are remembered
        ("math, eight samples", "latex", lambda seed: math(1000, 8, seed)),
    ]
    for name, kind, make in ordinary:
        rates, right = [], []
        for seed in range(REPEATS):
            pairs = make(seed)
            begin = time.perf_counter()
            right.append(sum(grade(kind, pairs, bound=options.bound).rewards) / len(pairs))
            rates.append(len(pairs) / (time.perf_counter() - begin))
        print(
            f"{name:<28}{len(pairs):>6,} responses, {100 * right[-1]:.1f} % right: "
            f"{sorted(rates)[REPEATS // 2]:>7,.0f} a second (best {max(rates):,.0f}, worst {min(rates):,.0f})"
        )
    texts = [*light(10_000 - len(HEAVY)), *HEAVY]
    for kind in ("number", "latex"):
        hostile = [(r"\frac{18}{35}" if kind == "latex" else "18", text) for text in texts]
        begin = time.perf_counter()
        grades = grade(kind, hostile, bound=options.bound)  # type: ignore[arg-type]
        took = time.perf_counter() - begin
        alone = [t for t in workers.run(seconds, [(kind, *pair) for pair in hostile], options.bound) if t is not None]  # type: ignore[arg-type]
        print(
            f"hostile as {kind:<17}{len(texts):>6,} responses, {sum(grades.rewards):>5,} right: {took:.1f} s, "
            f"{grades.over_bound} hit the bound of {options.bound:g} s, the slowest other took {max(alone):.2f} s"
        )


if __name__ == "__main__":
    main()
