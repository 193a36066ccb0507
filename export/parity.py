"""Whether an export's answer is that of the run it came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cman_tf.data.document import Document, Entity

TOLERANCE = 1e-4


def differences(document: Document, answer: Mapping[str, Any], tolerance: float = TOLERANCE) -> list[str]:
    """What differs between a run's and an export's answer to one sentence.

    Strings and indices must be equal, scores within `tolerance`. An export that had no place for all it found must
    have kept some of what the run found, and counted the rest.

    Args:
        document: `Document`, what the run found.
        answer: dict, what `export.probe` found.
        tolerance: float.

    Returns:
        list of str, empty if the two agree.
    """
    overflow = answer["overflow"]
    if overflow["token"]:
        # What stands at the end of a sentence may change the tags at its start: no answer to compare with.
        known: list[Any] = list(document.tokens)
        count = len(answer["tokens"])
        same = answer["tokens"] == known[:count] and count + overflow["token"] == len(known)
        return [] if same else ["tokens"]
    result = []
    if answer["tokens"] != [token.encode("utf-8", "replace").decode() for token in document.tokens]:
        result.append("tokens")
    if answer["offsets"] != [list(offset) for offset in document.offsets]:
        result.append("token offsets")
    spans = [(e.start, e.end, *document.char_span(e), e.type) for e in document.entities]
    known = [(*span, entity.score) for span, entity in zip(spans, document.entities)]
    result += _compare("entities", known, answer["entities"], overflow["entity"], tolerance)
    if len(answer["tags"]) != len(document) or not _fits(answer["tags"], document.entities):
        result.append("tags")
    # By what they link: an index counts the entities that were kept.
    known = [(spans[r.head], spans[r.tail], r.type, r.score) for r in document.relations]
    kept = [tuple(entity[:5]) for entity in answer["entities"]]
    try:
        found = [(kept[head], kept[tail], *rest) for head, tail, *rest in answer["relations"]]
    except IndexError:
        return [*result, "relation heads and tails"]
    return result + _compare("relations", known, found, overflow["relation"], tolerance)


def _fits(tags: Sequence[str], entities: Sequence[Entity]) -> bool:
    """Whether a BIO tagging stands for these entities, which all begin where a tag says so."""
    allowed = [{"O"} for _ in tags]
    for entity in entities:
        for position in range(entity.start, entity.end):
            allowed[position] = {f"I-{entity.type}"} | ({f"B-{entity.type}"} if position == entity.start else set())
    return all(tag in names for tag, names in zip(tags, allowed))


def _compare(
    what: str, known: Sequence[Sequence[Any]], found: Sequence[Sequence[Any]], overflow: int, tolerance: float
) -> list[str]:
    scores = {tuple(item[:-1]): item[-1] for item in known}
    names = [tuple(item[:-1]) for item in found]
    if len(found) + overflow != len(known) or any(name not in scores for name in names):
        return [what]
    kept = set(names)
    if [tuple(item[:-1]) for item in known if tuple(item[:-1]) in kept] != names:
        return [f"order of {what}"]
    # Not `> tolerance`, which a score that is no number would pass.
    if any(not abs(scores[tuple(item[:-1])] - item[-1]) <= tolerance for item in found):
        return [f"scores of {what}"]
    return []
