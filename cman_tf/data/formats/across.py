"""Entities and relations across the ends of sentences: which sentences are joined, and what is left out."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable
from dataclasses import replace

from cman_tf.data.document import Document
from cman_tf.data.formats.losses import Reading

LONGEST = 120
"""Words that sentences joined because of a relation may have together."""


def groups(
    count: int,
    entities: Iterable[tuple[int, int]],
    relations: Iterable[tuple[int, int]],
    words: Callable[[int, int], int],
    reading: Reading,
) -> list[int]:
    """Find the sentences that belong together.

    Args:
        count: int. Number of sentences.
        entities: iterable of `(first, last)`, the sentences in which each entity begins and ends. They are joined.
        relations: iterable of `(head, tail)`, the sentences of the entities of each relation. They and those between
            are joined if `reading` says `"merge"` and they have at most `LONGEST` words together.
        words: callable, `(first, last)` -> the number of words of these sentences and those between.
        reading: `Reading`.

    Returns:
        list of int, the first sentence of each group, in order.
    """
    # `joined[n]`: sentence n belongs to the one before it.
    joined = [False] * count
    for first, last in entities:
        joined[first + 1 : last + 1] = [True] * (last - first)
    for link in relations if reading.cross_sentence == "merge" else ():
        first, last = sorted(link)
        begin, end = first, last
        while joined[begin]:
            begin -= 1
        while end + 1 < count and joined[end + 1]:
            end += 1
        if words(begin, end) <= LONGEST:
            joined[first + 1 : last + 1] = [True] * (last - first)
    return [row for row, is_joined in enumerate(joined) if not is_joined]


def leave_out(reading: Reading, place: str) -> None:
    """Count a relation between two groups."""
    long = " that are too long together" if reading.cross_sentence == "merge" else ""
    reading.leave_out(f"relations across sentences{long}", place)


def resolved(document: Document, reading: Reading, place: str) -> Document:
    """A document each of whose entities and relations is in one sentence.

    Args:
        document: `Document`, of one or more sentences.
        reading: `Reading`. Whether relations join sentences; it counts those that are left out.
        place: str. Place in the file for messages.

    Returns:
        `Document`, with fewer sentences if some are joined.

    Raises:
        InputError: if `reading` is strict and a relation would be left out.
    """
    if len(document.sentences) < 2:
        return document
    starts = [start for start, _ in document.sentences]
    rows = [document.sentence_of(entity) for entity in document.entities]
    lasts = [bisect.bisect_left(starts, entity.end) - 1 for entity in document.entities]

    def words(first: int, last: int) -> int:
        start, end = document.sentence_span(first)[0], document.sentence_span(last)[1]
        return len(document.text[start:end].split())

    links = [(rows[relation.head], rows[relation.tail]) for relation in document.relations]
    first = groups(len(starts), zip(rows, lasts), links, words, reading)
    kept = []
    for relation, (head, tail) in zip(document.relations, links):
        if bisect.bisect_right(first, head) == bisect.bisect_right(first, tail):
            kept.append(relation)
        else:
            leave_out(reading, place)
    ends = [*first[1:], len(starts)]
    sentences = [(starts[row], document.sentences[end - 1][1]) for row, end in zip(first, ends)]
    return replace(document, relations=kept, sentences=sentences)
