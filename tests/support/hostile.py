r"""Responses that a grader should survive: made by a fixed seed, half of them mutated ordinary ones.

`heavy` ones may take longer than any bound (towers of powers); the others must not.
"""

from __future__ import annotations

import random

HEAVY = (r"\boxed{9^{9^{9^{9}}}}", r"\boxed{10^{10^{10}}!}", r"The answer is $2^{2^{2^{2^{2^{2}}}}}$.")
PIECES = (
    *("####", "#### ", r"\boxed{", r"\fbox{", "}", "{", "A: ", "The answer is ", "Answer:", "$", "$$", r"\[", r"\]"),
    *(
        r"\frac{",
        r"\sqrt{",
        r"\begin{pmatrix}",
        r"\end{pmatrix}",
        r"\left(",
        r"\right)",
        "^",
        "_",
        "&",
        r"\\",
        "%",
        "=",
        "<<",
    ),
    *(
        "\x00",
        "\ud800",
        "\udfff",
        "\u202e",
        "\u2066",
        "\u0663",
        "\uff11",
        "\u2212",
        "\u00a0",
        "\n",
        "\r",
        "\t",
        "\x1b[2J",
    ),
    *("9**9**9**9", "__import__('os').abort()", "eval('1')", "1e999999", "nan", "inf", "0x1F", "1,000", "3/0", "1/3"),
    *("7", "42", "-", "+", "x", "\\", "'", '"', "`", "import os;", "{{7*7}}", "${jndi:ldap://x}", "<script>", "\ufeff"),
)


def whole() -> list[str]:
    """One of each kind of large or nasty text."""
    return [
        "",
        "\x00",
        "\ud800",
        "9" * 1_000_000,
        "#### " + "9" * 1_000_000,
        r"\boxed{" + "9" * 1_000_000 + "}",
        r"\boxed{" * 10_000,
        r"\boxed{" * 10_000 + "5" + "}" * 10_000,
        r"\boxed{5}" * 10_000,
        "#### 5\n" * 10_000,
        "The answer is " * 100_000,
        "#### 9**9**9**9",
        r"\boxed{9**9**9**9}",
        r"\boxed{__import__('os').abort()}",
        "#### __import__('os').abort()",
        r"\boxed{" + r"\frac{" * 100 + "1" + "}{2}" * 100 + "}",
        r"\boxed{" + "{" * 140 + "1" + "}" * 140 + "}",
        r"\boxed{" + r"\sqrt{" * 140 + "2" + "}" * 140 + "}",
        r"\boxed{" + "(" * 140 + "2" + ")" * 140 + "}",
        r"\boxed{" + "+1" * 140 + "}",
        "#### \u202e81\u202c",
        "#### \u0661\u0668",
        "####" + " " * 1_000_000 + "18",
        "A:" * 500_000,
        "<<" * 500_000,
        "$" * 1_000_000,
        "\n" * 1_000_000,
        "\\" * 1_000_000,
        "answer" * 200_000,
        "**" * 300 + "5",
        "1," * 20_000 + "a",
        "1." * 20_000 + "a",
        "$-" * 20_000 + "a",
    ]


def light(n: int, seed: int = 0) -> list[str]:
    """`n` texts: the whole ones, then random piles of pieces, with a closing mark more often than not."""
    rng = random.Random(seed)
    texts = whole()[:n]
    while len(texts) < n:
        body = "".join(rng.choices(PIECES, k=rng.randint(1, 12)))
        texts.append(rng.choice(["{}", "#### {}", r"\boxed{{{}}}", "The answer is ${}$.", "A: {}"]).format(body))
    return texts
