r"""Split responses in words into steps: by lines, or by sentences and displayed formulas, never inside a formula.

Joining the steps gives the response back, character for character. Both ways are one scan of the text.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right

Span = tuple[int, int]

_TOKEN = re.compile(
    r"\\begin\{([A-Za-z]{1,20}\*?)\}|\\end\{([A-Za-z]{1,20}\*?)\}|\\[\[\]()]|\\.|\$\$|\$|\n[ \t]*\n", re.DOTALL
)
_CLOSES = {r"\[": r"\]", r"\(": r"\)", "$$": "$$", "$": "$"}
_LINE_END = re.compile(r"\n+")
_SENTENCE_END = re.compile(r"(?<=[.!?:])[\"')\]*]{0,3}(?:\s+|\Z)|\n\s*")
_ABBREVIATED = re.compile(
    r"(?:\b(?:e\.g|i\.e|vs|cf|etc|Mr|Mrs|Ms|Dr|St|No|Fig|Eq|resp|approx)|(?:^|\n)[ \t]*[0-9]{1,3})\.\Z"
)


def lines(text: str) -> list[str]:
    """The text split into lines, each with the line breaks after it. At least one step."""
    spans, _ = formulas(text, inline=False)  # a dollar sign is money here
    return _cut(text, [match.end() for match in _LINE_END.finditer(text)], spans)


def sentences(text: str, most: int = 12) -> list[str]:
    """The text split into sentences, lines and displayed formulas, each with the space after it.

    More than `most` are merged evenly.
    """
    spans, displayed = formulas(text, inline=True)
    ends = [match.end() for match in _SENTENCE_END.finditer(text) if not _abbreviated(text, match)]
    around = [place for start, end in displayed for place in (start, _after_display(text, end))]
    pieces = _cut(text, sorted({*ends, *around}), spans)
    return _merged(pieces, most)


def formulas(text: str, inline: bool) -> tuple[list[Span], list[Span]]:
    r"""The places of all formulas, and of the displayed ones among them: `\[…\]`, `$$…$$`, `\begin{…}…\end{…}`.

    Without `inline` a single dollar sign opens none. One that is not closed before an empty line opens none either,
    as in TeX; a displayed formula that is never closed reaches to the end.
    """
    spans: list[Span] = []
    displayed: list[Span] = []
    opened, start, closing, depth = "", 0, "", 0
    for match in _TOKEN.finditer(text):
        token = match[0]
        if opened in ("$", r"\(") and token == r"\[":
            opened = ""  # no formula opens inside another: the dollar sign was money
        if opened:
            if match[1] and opened == match[1]:
                depth += 1
            elif token == closing or (match[2] and match[2] == opened):
                depth -= 1
                if depth == 0:
                    spans.append((start, match.end()))
                    if opened not in ("$", r"\("):
                        displayed.append(spans[-1])
                    opened = ""
            elif opened in ("$", r"\(") and token.startswith("\n"):
                opened = ""
            continue
        if match[1]:
            opened, start, closing, depth = match[1], match.start(), "", 1
        elif token in _CLOSES and (inline or token != "$"):
            opened, start, closing, depth = token, match.start(), _CLOSES[token], 1
    if opened and opened not in ("$", r"\("):
        spans.append((start, len(text)))
        displayed.append(spans[-1])
    return spans, displayed


def _cut(text: str, places: list[int], spans: list[Span]) -> list[str]:
    """`text` cut at those of the ascending `places` that are not inside a span; no piece of several is blank."""
    starts, ends = [start for start, _ in spans], [end for _, end in spans]
    pieces: list[str] = []
    begin = 0
    for place in [*places, len(text)]:
        span = bisect_right(starts, place) - 1
        inside = span >= 0 and starts[span] < place < ends[span]
        if place > begin and not inside:
            piece = text[begin:place]
            if pieces and not piece.strip():
                pieces[-1] += piece
            else:
                pieces.append(piece)
            begin = place
    if len(pieces) > 1 and not pieces[0].strip():
        pieces[:2] = [pieces[0] + pieces[1]]
    return pieces or [""]


def _merged(pieces: list[str], most: int) -> list[str]:
    """At most `most` pieces of about the same length, by joining neighbours."""
    if len(pieces) <= most:
        return pieces
    ends, total = [], 0
    for piece in pieces:
        total += len(piece)
        ends.append(total)
    last = sorted({bisect_left(ends, total * part / most) for part in range(1, most)} | {len(pieces) - 1})
    return ["".join(pieces[a:b]) for a, b in zip([0, *(i + 1 for i in last)], [i + 1 for i in last], strict=False)]


def _after_display(text: str, end: int) -> int:
    """The place after the punctuation and space that follow a displayed formula."""
    match = re.compile(r"[.,;:!?]{0,3}\s*").match(text, end)
    assert match is not None
    return match.end()


def _abbreviated(text: str, match: re.Match[str]) -> bool:
    return "\n" not in match[0] and bool(_ABBREVIATED.search(text[max(0, match.start() - 12) : match.start()]))
