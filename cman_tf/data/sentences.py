"""Splits a text into sentences."""

from __future__ import annotations

import re

# Provisional: a maintained library replaces this.
_BORDER = re.compile(r"\s*\n\s*\n\s*|(?<=[.!?])[\"'”’)]*\s+(?=[\"'“‘(]*\w)")


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Spans of the sentences of a text.

    Args:
        text: str.

    Returns:
        list of `(start, end)`, code points, in ascending order, without the white space around sentences.
    """
    spans, position = [], 0
    for border in [*_BORDER.finditer(text), None]:
        start, end = position, border.start() if border else len(text)
        part = text[start:end]
        if border:
            quotes = len(border[0]) - len(border[0].lstrip("\"'”’)"))
            end, position = end + quotes, border.end()
            after = text[position : position + 1]
            if not border[0].count("\n\n") and after.islower():
                position = start
                continue
            part = text[start:end]
        if part.strip():
            spans.append((start + len(part) - len(part.lstrip()), end - len(part) + len(part.rstrip())))
    return spans
