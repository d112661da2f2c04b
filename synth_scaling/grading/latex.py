r"""Equality of two LaTeX answers, as far as a comparison of text and exact numbers decides it.

Exact numbers alone, with units or in degrees, as points, intervals and matrices, and complex ones. The rest is for
worker processes: :mod:`.formulas`, then :mod:`.algebra`.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from math import inf

from synth_scaling.grading.markup import without_emphasis
from synth_scaling.grading.numbers import rational, without_thin_spaces
from synth_scaling.grading.symbols import in_latex
from synth_scaling.grading.units import is_unit

LONGEST = 300  # characters; an answer longer than this and other than the gold one is incorrect
DEEPEST = 6  # brackets inside brackets; the parser's time grows by half with each, and no gold answer has so many

_INTEGER = re.compile(r"[-+]?[0-9]{1,100}")
_DECIMAL = re.compile(r"[-+]?(?:[0-9]{1,100}\.[0-9]{0,100}|\.[0-9]{1,100})")
_FRACTION = re.compile(
    r"([-+]?)(?:\\frac\{([-+]?[0-9]{1,50})\}\{([0-9]{1,50})\}|\\frac([0-9])([0-9])|([0-9]{1,50})/([0-9]{1,50}))"
)
_GROUPS = re.compile(r"(?<![0-9.,])[0-9]{1,3}(?:,[0-9]{3})+(?![0-9,])")
_BRACKETS = (("(", ")"), ("[", "]"), (r"\{", r"\}"))
_SCRIPT = re.compile(r"([\^_])\{(.)\}")
_LIST = re.compile(r"([(\[])([^()\[\]]*)([)\]])")
_INFINITY = {r"\infty": inf, r"+\infty": inf, r"-\infty": -inf}
_DEGREES = re.compile(r"(.*)\^(?:\\circ|\{\\circ\})")
_WHOLE, _TIMES = r"[1-9][0-9]{0,49}", r"(?:[2-9]|[1-9][0-9]{1,49})?"  # 1i and 0i are something else to math-verify
_COMPLEX = re.compile(rf"(-?{_WHOLE})([+-]{_TIMES})i|(-?{_TIMES})i([+-]{_WHOLE})?")
_MATRIX = re.compile(r"\$?\s*\\begin\{([bp]matrix)\}(.*)\\end\{\1\}\s*\$?", re.DOTALL)
_SPACE = re.compile(r"(?:\\[,;:! ]|~|\s|\\q?quad(?![a-zA-Z]))+")
_NOISE = re.compile(r"\\left(?![a-zA-Z])|\\right(?![a-zA-Z])|\\displaystyle|\\limits")
_SHORT_FRACTION = re.compile(r"\\[dtc]?frac\s*([0-9])\s*([0-9])")
_BETWEEN_NUMBERS = re.compile(r"(?<=[0-9.]) (?=[0-9.])")
_BASE = re.compile(r"[0-9]_\{?(?:\\text\{)?(\w+)")
_PRIME = re.compile(r"'|\\prime(?![a-z])|\u2032")
_ABOUT = re.compile(r"\\approx|\\sim(?:eq)?(?![a-z])")
_DOTS = re.compile(r"\\[lc]?dots|\u2026|\.\.\.")
_ANGLE = re.compile(r"\\(?:angle|measuredangle)\{?([A-Z]{1,3})")
_SINE = re.compile(r"\\(?:sin|cos|tan|cot|sec|csc|operatorname\{cis\})(?![a-z])")
_JOIN = re.compile(r"\\(?:text|mbox|mathrm)\{\s*(and|or)\s*\}")
_INEQUALITY = re.compile(r"[<>]|\\(?:[lg]eq?|[lg]eqslant|[lg]t)(?![a-z])")
_UNIT = re.compile(
    r"(?<=[0-9})\]a-zA-Z])((?:\\[,;: ]|~|\s)*"
    r"(?:\\(?:text|mathrm|mbox|textrm)\s*\{[^{}]*\}|(?<=[\s~,;:}])[a-z]{2,}\.?|\s)+(?:\^\{?[23]\}?)?)\Z"
)
_IN_TEXT = re.compile(r"\\(?:text|mathrm|mbox|textrm)\s*\{([^{}]*)\}|\\[,;: ]|~")
_IN_WORDS = re.compile(r"\\(?:text(?:bf|it|rm)?|mathrm|mbox)\s*\{([A-Za-z ().'-]+)\}|([A-Za-z ().'-]+)")
_CURRENCY = re.compile(r"\A(?:\\\$|[€£¥₹₩₽₺₫₪₱])\s*|(?:\\[,;: ]|\s)*(?:\\\$|[€£¥₹₩₽₺₫₪₱])\Z")
_SHORT_BINOMIAL = re.compile(r"\\([dt]?binom)\s*([0-9])\s*([0-9])")
# {x : x > 3}, with or without the real numbers named: the condition. Others are compared as text only.
_BUILDER = re.compile(
    r"\\\{\s*([a-zA-Z])\s*(?:\\in\s*(?:\\mathbb\{R\}|\\mathbb R|\\R))?"
    r"\s*(?::|\\mid(?![a-z])|\\colon(?![a-z])|\||\\vert(?![a-z]))"
    r"\s*(.*?)\s*\\\}"
)
_ANY_BUILDER = re.compile(
    r"\\\{[^{}:|]{0,60}(?:(?:\{[^{}]*\})[^{}:|]{0,60})?(?::|\\mid(?![a-z])|\\colon(?![a-z])|\\vert(?![a-z]))"
)
_WRAPPED = re.compile(r"\\(?:text(?:bf|it)?|math(?:bf|rm|it)|boldsymbol|underline|displaystyle)\s*\{([^{}A-Za-z]*)\}")


def settled(gold: str, given: str) -> bool | None:
    """True or False where neither a parser nor algebra is needed, None where it is.

    Rationals, however they are written, are compared exactly.
    """
    plain_gold, plain = _plain(tidy(gold)), _plain(tidy(given))
    if plain_gold == plain:
        return True
    if _ANY_BUILDER.search(plain_gold) or _ANY_BUILDER.search(plain):
        return False  # math-verify reads no condition
    if len(plain) > LONGEST or _depth(plain) > DEEPEST or not any(c.isalnum() for c in plain):
        return False
    numbers = _number(gold), _number(given)
    if numbers[0] is not None and numbers[1] is not None:
        return _same_numbers(numbers[0], numbers[1], "%" in gold, "%" in given)
    words = _words(gold), _words(given)
    if words[0] and words[1] and ("\\" in gold + given or min(map(len, words)) > 3):  # type: ignore[arg-type]
        return words[0] == words[1]
    if _other_signs(plain_gold, plain):
        return False
    if len({value for part in plain.split("=") if (value := _exact(part)) is not None}) > 1:
        return False  # 61=60=60
    ratios = plain_gold.count(":"), plain.count(":")
    if max(ratios) > 1:
        return _exact_ratio(plain_gold) == _exact_ratio(plain) if min(ratios) > 1 else False
    if _BETWEEN_NUMBERS.search(plain) or _other_base(plain_gold, plain):
        return False  # "3 5" are two numbers, 11_2 is three
    for a, b in ((_exact_list(plain_gold), _exact_list(plain)), (_exact_matrix(gold), _exact_matrix(given))):
        if a is not None and b is not None and a[0] == b[0]:
            return a == b
    for read in (_exact_union, _complex, _degrees):
        x, y = read(plain_gold), read(plain)
        if x is not None and y is not None:
            return x == y
    return None


@lru_cache(maxsize=4096)
def tidy(latex: str) -> str:
    r"""`latex` with Unicode signs as commands, thousands written together, and no currency sign or unit at its end.

    `32,349` is a number and `32, 349` are two; so are `(32,349)`, in brackets.
    """
    if len(latex) > 10 * LONGEST:
        return latex
    text = in_latex(without_thin_spaces(latex)).strip().replace(r"\varnothing", r"\emptyset")
    text = _SHORT_BINOMIAL.sub(r"\\\1{\2}{\3}", text.replace(r"\lbrace", r"\{").replace(r"\rbrace", r"\}"))
    if text[:1] in "*`_":
        text = without_emphasis(text)
    text = re.sub(r"\A\\[(\[]|\\[)\]]\.?\Z", "", text.strip("$").strip()).rstrip(". ")
    currency = _CURRENCY.search(text) is not None
    text = _WRAPPED.sub(r"\1", _CURRENCY.sub("", text))
    text = _GROUPS.sub(_thousands, text)
    if (match := _BUILDER.fullmatch(_NOISE.sub("", text))) and match[1] in match[2]:
        text = match[2]
    if (match := _UNIT.search(text)) and is_unit(_IN_TEXT.sub(r" \1", match[1]), currency):
        text = text[: match.start()]
    return text


def _thousands(match: re.Match[str]) -> str:
    """The group without commas, or with a space after each where brackets around it make it a list."""
    before = match.string[: match.start()]
    inside = any(before.count(opening) > before.count(closing) for opening, closing in _BRACKETS)
    return match[0].replace(",", ", " if inside else "")


def _plain(latex: str) -> str:
    """Without spaces, dollar signs around it, a full stop after it, and differences that never mean anything.

    A space between two numbers is left.
    """
    text = _SHORT_FRACTION.sub(r"\\frac{\1}{\2}", _NOISE.sub("", latex.strip()))
    text = re.sub(r"(?<![0-9.]) | (?![0-9.])", "", _SPACE.sub(" ", text))
    text = _SCRIPT.sub(r"\1\2", text).rstrip(".").strip("$").rstrip(".")
    if text.startswith(r"\("):
        text = text.removeprefix(r"\(").removesuffix(r"\)").rstrip(".")
    return text.replace(r"\dfrac", r"\frac").replace(r"\tfrac", r"\frac").replace(r"\cfrac", r"\frac")


def _number(latex: str) -> Fraction | None:
    exact = _exact(_plain(tidy(latex)))
    return rational(latex) if exact is None else exact


def _words(latex: str) -> str | None:
    r"""An answer in words, in lower case: `\text{Evelyn}`, `Evelyn`, `\text{(A)}`, `A`; None for any other."""
    match = _IN_WORDS.fullmatch(latex.strip(" $."))
    return " ".join((match[1] or match[2]).lower().strip(" ().").split()) if match else None


def _same_numbers(gold: Fraction, given: Fraction, gold_percent: bool, given_percent: bool) -> bool:
    """Whether numbers are equal; a percent sign that one of them lacks is dropped, or divides by 100."""
    if gold == given:
        return True
    return gold_percent != given_percent and (gold / 100 if gold_percent else gold) == (
        given / 100 if given_percent else given
    )


def _other_base(gold: str, given: str) -> bool:
    """Whether `given` names bases, as in 11_2, that are not the gold ones."""
    bases = _BASE.findall(given)
    return bool(bases) and bases != _BASE.findall(gold)


def _other_signs(gold: str, given: str) -> bool:
    """Whether the two differ in a sign that math-verify drops: a prime, "or", an angle's letters, degrees of a sine."""
    if _PRIME.findall(gold) != _PRIME.findall(given):
        return True
    if any((sign.search(gold) is None) != (sign.search(given) is None) for sign in (_ABOUT, _DOTS)):
        return True
    angles = [{min(name, name[::-1]) for name in _ANGLE.findall(text)} for text in (gold, given)]
    if angles[0] and angles[1] and angles[0] != angles[1]:
        return True
    if all(_SINE.search(text) for text in (gold, given)) and (r"\circ" in gold) != (r"\circ" in given):
        return True
    joined = ["or" in map(str.strip, _JOIN.findall(text)) for text in (gold, given)]
    both = all(_JOIN.search(text) for text in (gold, given))
    return both and joined[0] != joined[1] and _INEQUALITY.search(gold) is not None


def _exact_ratio(plain: str) -> list[Fraction] | str:
    """The parts of a ratio of exact numbers in units of the first one that is not 0, or the text of any other."""
    parts = [part for text in plain.split(":") if (part := _exact(text)) is not None]
    first = next((part for part in parts if part), None)
    return [part / first for part in parts] if first and len(parts) == plain.count(":") + 1 else plain


def _exact_list(plain: str) -> tuple[str, list[Fraction | float]] | None:
    """Brackets and members of a point or interval of exact numbers; one end of an interval may be infinite."""
    if not (match := _LIST.fullmatch(plain)):
        return None
    texts = match[2].split(",")
    members = [value for text in texts if (value := _INFINITY.get(text, _exact(text))) is not None]
    if len(members) < max(2, len(texts)):
        return None
    # (3,-oo) holds nothing, nor do others like it: whether they are equal is not decided here.
    infinite = any(member in (inf, -inf) for member in members)
    if infinite and not (len(members) == 2 and members[0] < members[1]):
        return None
    return match[1] + match[3], members


def _exact_union(plain: str) -> list[tuple[Fraction | float, Fraction | float, str]] | None:
    """Intervals of exact numbers in ascending order, each with a gap before it: sets are equal if these are."""
    lists = [_exact_list(part) for part in plain.split(r"\cup")]
    if len(lists) < 2:
        return None
    parts = []
    for interval in lists:
        if interval is None or len(interval[1]) != 2:
            return None
        brackets, (low, high) = interval
        if low >= high or (low == -inf and brackets[0] == "[") or (high == inf and brackets[1] == "]"):
            return None
        parts.append((low, high, brackets))
    parts.sort()
    return parts if all(a[1] < b[0] for a, b in pairwise(parts)) else None


def _exact_matrix(latex: str) -> tuple[str, list[list[Fraction]]] | None:
    """Brackets and rows of a matrix of exact numbers."""
    if len(latex) > LONGEST or not (match := _MATRIX.fullmatch(latex.strip())):
        return None
    rows = [[_exact(_plain(entry)) for entry in row.split("&")] for row in match[2].split(r"\\")]
    values = [[entry for entry in row if entry is not None] for row in rows]
    return (match[1], values) if list(map(len, values)) == list(map(len, rows)) else None


def _complex(plain: str) -> tuple[Fraction, Fraction] | None:
    """Real and imaginary part of a+bi, bi+a or bi with whole numbers, or of an exact number."""
    if not (match := _COMPLEX.fullmatch(plain)):
        exact = _exact(plain)
        return None if exact is None else (exact, Fraction())
    real, imaginary = (match[1], match[2]) if match[1] else (match[4] or "0", match[3])
    return Fraction(real), Fraction(imaginary if imaginary[-1:].isdigit() else imaginary + "1")


def _degrees(plain: str) -> Fraction | None:
    """An exact number with a degree sign or without: the sign is dropped, as math-verify does."""
    return _exact(match[1] if (match := _DEGREES.fullmatch(plain)) else plain)


def _depth(latex: str) -> int:
    depth = deepest = 0
    for c in latex:
        depth += (c in "{([") - (c in "})]")
        deepest = max(deepest, depth)
    return deepest


def _exact(plain: str) -> Fraction | None:
    if _INTEGER.fullmatch(plain):
        return Fraction(int(plain))
    if _DECIMAL.fullmatch(plain):
        return Fraction(plain)
    if match := _FRACTION.fullmatch(plain):
        sign, *parts = match.groups()
        top, bottom = (int(part) for part in parts if part)
        return (-1 if sign == "-" else 1) * Fraction(top, bottom) if bottom else None
    return None
