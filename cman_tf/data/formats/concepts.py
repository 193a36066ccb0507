"""Converts relations of concepts, as in PubTator and BioC, to relations of the nearest mentions."""

from __future__ import annotations

import bisect
import re
from collections import defaultdict
from collections.abc import Hashable

from cman_tf.data.formats import spans
from cman_tf.data.formats.losses import Reading
from cman_tf.errors import InputError


class Concepts:
    """The mentions of each concept of a text, e.g. of `MESH:D001241`."""

    def __init__(self) -> None:
        self._mentions: dict[str, list[Hashable]] = defaultdict(list)

    def add(self, key: Hashable, concepts: str) -> None:
        """Add a mention, a key of `Text.spans`, of one or more concepts, e.g. `"D001241|D001249"`."""
        for concept in dict.fromkeys((concepts, *re.split(r"[,;|]", concepts))):
            # Words for "none".
            if concept.strip() not in ("", "-", "-1"):
                self._mentions[concept.strip()].append(key)

    def nearest(self, text: spans.Text, head: str, tail: str, reading: Reading) -> tuple[Hashable, Hashable]:
        """The mentions of two concepts that are nearest to each other, in one sentence if there are any.

        Args:
            text: `Text` with the mentions.
            head, tail: str. Concepts, possibly after their type: `"Chemical|MESH:D001241"`.
            reading: `Reading`. How the text is split, if it says; otherwise the text has sentences.

        Returns:
            `(head, tail)`, keys of `text.spans`.

        Raises:
            InputError: if one of them has no mention.
        """
        heads, tails = self._of(head), self._of(tail)
        pairs = [(one, other) for one in heads for other in tails if one != other]
        if not pairs:
            raise InputError(f"A relation must link concepts of entities. Received: {head} and {tail}")
        way = reading.sentences
        parts = spans.split(text.text, way, reading.language) if way else text.sentences or ()
        starts = [start for start, _ in parts]
        return min(pairs, key=lambda pair: _distance(text, starts, *pair))

    def _of(self, concept: str) -> list[Hashable]:
        return self._mentions.get(concept) or self._mentions.get(concept.partition("|")[2], [])


def _distance(text: spans.Text, starts: list[int], one: Hashable, other: Hashable) -> tuple[int, int]:
    """Sentences and characters between two mentions."""
    first, second = sorted((text.spans[one].pieces[0], text.spans[other].pieces[0]))
    return bisect.bisect_right(starts, second[0]) - bisect.bisect_right(starts, first[0]), second[0] - first[1]
