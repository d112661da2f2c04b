r"""LaTeX for the Unicode signs that models write in formulas: `30°`, `√3`, `x²`, `∞`, `½`, `≤`, `π`."""

# ruff: noqa: RUF001 (signs that look like letters are the subject of this file)
from __future__ import annotations

import re

_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿⁱ", "0123456789+-()ni")
_LOWERED = str.maketrans("₀₁₂₃₄₅₆₇₈₉₊₋", "0123456789+-")
_UP = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿⁱ]+")
_DOWN = re.compile("[₀-₉₊₋]+")
_ROOT = re.compile(r"([√∛∜])\s*(?:\(([^()]*)\)|\{([^{}]*)\}|([0-9]+(?:\.[0-9]+)?|[A-Za-z]|\\pi(?![a-zA-Z])))")
_INDEX = {"√": "", "∛": "[3]", "∜": "[4]"}
_PLAIN_ROOT = re.compile(r"(?<![\\A-Za-z])sqrt\s*(?=[(0-9])")
_OF_DIGITS = re.compile(r"(?<![\\A-Za-z])sqrt\s*([0-9]+)(?![0-9.,])")
_DASH_AS_MINUS = re.compile(r"(?:\A|(?<=[(\[,=^{$]))\s*[\u2012\u2013](?=[0-9.\\a-z(√π∞½-¾])")
_RAISED_ROOT = re.compile(r"([³⁴])√")
_PARENTHESES = re.compile(r"(?<![\\A-Za-z])sqrt\s*\(([^()]*)\)")
_PI = re.compile(r"(?<![\\A-Za-z])pi(?![A-Za-z])")
_FRACTIONS = {
    "½": "12", "⅓": "13", "⅔": "23", "¼": "14", "¾": "34", "⅕": "15", "⅖": "25", "⅗": "35", "⅘": "45",
    "⅙": "16", "⅚": "56", "⅐": "17", "⅛": "18", "⅜": "38", "⅝": "58", "⅞": "78", "⅑": "19",
}  # fmt: skip
_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "θ": "theta", "λ": "lambda", "μ": "mu",
    "π": "pi", "ρ": "rho", "σ": "sigma", "τ": "tau", "φ": "phi", "ω": "omega", "Δ": "Delta", "Ω": "Omega",
}  # fmt: skip
_COMMANDS = {
    "∞": "infty", "×": "times", "·": "cdot", "⋅": "cdot", "÷": "div", "≤": "le", "≥": "ge", "≠": "ne", "±": "pm",
    "∓": "mp", "∪": "cup", "∩": "cap", "∅": "emptyset", "∈": "in", "∉": "notin", "⊂": "subset", "⊆": "subseteq",
    "→": "to", "≈": "approx", "°": "circ", "º": "circ", "˚": "circ", "⩽": "le", "⩾": "ge", "≦": "le", "≧": "ge",
    "Ø": "emptyset", "⌊": "lfloor", "⌋": "rfloor", "⌈": "lceil", "⌉": "rceil",
}  # fmt: skip
_SIGNS = str.maketrans(
    {
        **{sign: rf"\frac{{{digits[0]}}}{{{digits[1]}}}" for sign, digits in _FRACTIONS.items()},
        **{letter: rf"\{name} " for letter, name in _GREEK.items()},
        **{sign: rf"\{name} " for sign, name in _COMMANDS.items()},
        **{"°": r"^\circ ", "º": r"^\circ ", "˚": r"^\circ ", "℃": r"^\circ C", "℉": r"^\circ F"},
        **{"\u2212": "-", "\ufe63": "-", "\uff0d": "-", "\u2044": "/", "ℝ": r"\mathbb{R}", "ℤ": r"\mathbb{Z}"},
        **{
            "\uff0c": ",",
            "\uff08": "(",
            "\uff09": ")",
            "\u2215": "/",
            "\uff05": "%",
            "\uff1d": "=",
            "\uff0b": "+",
            "\u2223": "|",
        },
        **dict.fromkeys(map(chr, (0x200B, 0x2060, 0xFEFF, 0xAD)), ""),
    }
)


def in_latex(text: str) -> str:
    """`text` with LaTeX in place of Unicode's mathematical signs, and of `sqrt(...)` and `pi` in plain text."""
    if "sqrt" in text and _PLAIN_ROOT.search(text):
        text = _OF_DIGITS.sub(r"\\sqrt{\1}", _PARENTHESES.sub(r"\\sqrt{\1}", text))
    if "pi" in text:
        text = _PI.sub(r"\\pi ", text)
    if text.isascii():
        return text
    text = _RAISED_ROOT.sub(lambda match: {"³": "∛", "⁴": "∜"}[match[1]], _DASH_AS_MINUS.sub("-", text))
    text = _UP.sub(lambda match: "^{" + match[0].translate(_RAISED) + "}", text)
    text = _DOWN.sub(lambda match: "_{" + match[0].translate(_LOWERED) + "}", text)
    text = _ROOT.sub(_root, text.replace("π", r"\pi "))
    return text.translate(_SIGNS)


def _root(match: re.Match[str]) -> str:
    return rf"\sqrt{_INDEX[match[1]]}{{{next(part for part in match.groups()[1:] if part is not None)}}}"
