"""Offsets of other programs: UTF-16 code units, escaped texts; the text of each mention shows which they are."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace

from cman_tf.data.formats.spans import Span


def aligned(
    texts: Sequence[str], spans: dict[Hashable, Span], ways: Sequence[Callable[[str], Callable[[int], int]]] = ()
) -> tuple[str, dict[Hashable, Span]]:
    """The text and offsets that fit the mentions best.

    Programs in JavaScript count UTF-16 code units, others escape HTML; the mentions show it.

    Args:
        texts: sequence of str. Forms of the text, the likeliest first.
        spans: dict of keys to `Span` with mentions.
        ways: sequence of callables `text -> (offset -> code point)`. Default: code points, then UTF-16 units.

    Returns:
        `(text, spans)`.
    """
    best: tuple[int, str, dict[Hashable, Span]] | None = None
    for text in texts:
        for way in ways or (_code_points, utf16):
            convert = way(text)
            moved = {
                key: replace(span, pieces=[(convert(start), convert(end)) for start, end in span.pieces])
                for key, span in spans.items()
            }
            fitting = sum(span.mention is None or fits(text, span) for span in moved.values())
            if best is None or fitting > best[0]:
                best = fitting, text, moved
            if fitting == len(spans):
                break
    assert best is not None
    return best[1], best[2]


def fits(text: str, span: Span) -> bool:
    """Whether a span has a mention, which is the text at its offsets."""
    found = " ".join(text[max(start, 0) : end] for start, end in span.pieces)
    return span.mention is not None and found.split() == span.mention.split()


def _code_points(text: str) -> Callable[[int], int]:
    return lambda offset: offset


def utf16(text: str) -> Callable[[int], int]:
    """Converts offsets in UTF-16 code units to code points."""
    units = [0]
    for character in text:
        units.append(units[-1] + (2 if ord(character) > 0xFFFF else 1))
    return lambda offset: bisect.bisect_left(units, offset)
