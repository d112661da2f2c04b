"""Units that a grader may drop: words after a number that cannot change it.

An allow-list, because no list of the words that scale a number is complete: million, lakh, dozen, gross, tenths, "and a
half", "divided by two", k, M and pi are refused by not being listed. The words stand in units.txt: the nouns that
follow numbers in the questions and solutions of GSM8K at least three times, common adjectives and units of measure,
without the words that count several things at once (dozen, pair, couple) or name a fraction (quarter, half).
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

_WORDS = frozenset(Path(__file__).with_name("units.txt").read_text().split())
# As they are written: L is a litre, M a million.
_SYMBOLS = frozenset(
    {"g", "h", "s", "l", "L", "mL", "dL", "cL", "kWh", "Hz", "kHz", "kW", "W", "US"} | {"KB", "MB", "GB", "TB", "MPH"}
)
_CURRENCIES = frozenset(["USD", "EUR", "GBP", "INR", "CAD", "AUD", "NZD", "SGD", "HKD", "CHF", "JPY", "CNY", "RMB"])
_MONEY = _CURRENCIES | frozenset(
    ("dollar", "dollars", "euro", "euros", "rupee", "rupees", "pounds", "yen", "yuan", "bucks")
)
# Units that may stand in a square or a cube.
_LENGTHS = (
    "mm cm dm km m in ft yd mi g kg s h unit units inch inches foot feet yard yards mile miles meter meters metre"
    " metres centimeter centimeters centimetre centimetres millimeter millimeters"
    " kilometer kilometers kilometre kilometres"
)
_MEASURES = frozenset(_LENGTHS.split())
_BEFORE_A_NOUN = frozenset(("square", "cubic", "sq", "cu", "per", "of", "a", "an", "the", "us", "each", "every"))
_LAST = frozenset(("each", "every"))  # of these, the ones that may also end the unit
_SIGNS = "$€£¥₹₩₽₺₫₪₱"
_TOKEN = re.compile(
    r"\s*(?:(?P<word>[A-Za-z]+)(?P<plural>\(e?s\))?(?P<power>\^\{?-?[1-4]\}?|\u207b?[\u00b9\u00b2\u00b3\u2074])?\.?"
    r"|(?P<sign>%|¢|\u00b0\s?[CF]?(?![A-Za-z])|\u2103|\u2109|[$€£¥₹₩₽₺₫₪₱])|(?P<join>[/·-]))"
)


@lru_cache(maxsize=10_000)
def is_unit(text: str, currency: bool = False) -> bool:
    """Whether `text`, which stands directly after a number, can be dropped without changing the number.

    `currency` says that a currency sign stands before the number. Beside a currency, before the number or after it, a
    unit of one letter or two may be a scale and is none here: `$60 m`, `60 mm USD` and `₹60 L` are millions and lakhs.
    """
    end, last, signs, words, short = 0, "", 0, 0, False
    stripped = text.rstrip()
    while end < len(stripped):
        match = _TOKEN.match(stripped, end)
        if match is None:
            return False
        end = match.end()
        if match["sign"]:
            signs += 1
            currency = currency or match["sign"][0] in _SIGNS
            last = ""
            continue
        if match["join"]:
            if match["join"] == "·" and not words:
                return False
            last = "per"
            continue
        word = match["word"]
        if not _is_word(word, match["power"] is not None, attached=not text[:1].isspace() and not words):
            return False
        if word == "m" and not match["power"] and (currency or stripped[end:].strip()[:1] not in ("", "/", "·")):
            return False
        currency = currency or word in _MONEY
        short = short or (len(word) <= 2 and last != "per" and word.lower() not in _BEFORE_A_NOUN)
        words += 1
        last = word.lower()
    return signs <= 1 and not (currency and short) and (last not in _BEFORE_A_NOUN or last in _LAST)


def _is_word(word: str, power: bool, attached: bool) -> bool:
    """Whether a word is listed. One letter or two are read as they are written: `mm` is a unit, `MM` a million."""
    if power:
        return word in _MEASURES or (len(word) > 2 and word.lower() in _MEASURES)
    if word == "m":
        return not attached  # "60m" may be sixty million
    if word in _SYMBOLS or word in _CURRENCIES:
        return True
    if len(word) <= 3 and word not in (word.lower(), word.capitalize()):
        return False
    if len(word) <= 2 and word != word.lower():
        return False
    return word.lower() in _WORDS
