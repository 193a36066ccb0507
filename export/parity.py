"""Compares the answer of an export with that of the run it came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cman_tf.data.answers import KINDS_LEFT_OUT, annotated
from cman_tf.data.document import Document
from cman_tf.errors import InputError

if TYPE_CHECKING:
    from cman_tf.data.document import Entity

TOLERANCE = 1e-4


def shape_problems(answer: Mapping[str, Any], requests: Sequence[tuple[str, Mapping[str, Any]]]) -> list[str]:
    """What is wrong with signatures, shapes and numbers of an export, whatever its run answers.

    Args:
        answer: dict that `export.probe` writes.
        requests: sequence of warm-up requests, see `export.warmup.read_warmup`.

    Returns:
        list of str, a sentence for each problem.
    """
    problems = [
        f"The first dimension of every output must be the batch. Received: {name}" for name in answer["rows_wrong"]
    ]
    sizes = [len(next(iter(inputs.values()))) for _, inputs in requests]
    if not requests or answer["warmup"] != sizes:
        problems.append(f"Warm-up requests must be answered row by row. Received: {answer['warmup']} rows for {sizes}")
    full = sorted({name for name, outputs in answer["empty"].items() if any(outputs.values())})
    problems += [f"An empty batch must have an empty answer. Received: rows from {name}" for name in full]
    missing = {"serving_default", "tokens", "scores"} - set(answer["signatures"])
    problems += [f"The export lacks the signature {name}." for name in sorted(missing)]
    wrong = [name for name, value in answer["scores"].items() if not value["finite"]]
    return problems + [f"Scores must be finite. Received: others in {name}" for name in wrong]


def answer_problems(signature: str, documents: Sequence[Document], answers: Mapping[str, Sequence[Any]]) -> list[str]:
    """Where the answers of a signature differ from those of the run.

    Args:
        signature: str. Its name, for the messages.
        documents: sequence of `Document`, the answers of the run.
        answers: dict of output names to nested lists, batch first: the answers of the export.

    Returns:
        list of str, a sentence for each document that differs.
    """
    problems = []
    count = min(map(len, answers.values()), default=0)
    if len(documents) != count:
        problems.append(f"{signature}: every sentence must have an answer. Received: {count} for {len(documents)}")
    for row, document in enumerate(documents[:count]):
        wrong = differences(document, answers, row)
        if wrong:
            problems.append(f"{signature}: {', '.join(wrong)} of {document.text[:60]!r} must be as the run's")
    return problems


def differences(document: Document, found: Mapping[str, Any], row: int = 0, tolerance: float = TOLERANCE) -> list[str]:
    """What differs between the answers of a run and of an export to one sentence.

    Strings and indices must be equal, scores within `tolerance`. If the export had no room for everything, what it
    kept must be among what the run found, and it must have counted the rest.

    Args:
        document: `Document`, the answer of the run.
        found: dict of output names to nested lists or arrays, batch first: the answer of the export.
        row: int. Row of the batch. Default 0.
        tolerance: float.

    Returns:
        list of str, empty if the two agree.
    """
    # A signature gets lone surrogates replaced.
    tokens = [_encodable(token) for token in document.tokens]
    try:
        overflow = {kind: int(found[f"{kind}_overflow"][row]) for kind in KINDS_LEFT_OUT}
        starts, ends, tags = (list(found[name][row]) for name in ("entity_char_start", "entity_char_end", "tags"))
        answer = annotated(Document((), text=_encodable(document.text), offsets=()), found, row)
    except (InputError, KeyError, IndexError) as error:
        return [f"the arrays ({error})"]
    if overflow["token"]:
        # The end of a sentence may change the tags at its start, so there is no answer to compare with.
        same = list(answer.tokens) == tokens[: len(answer)] and len(answer) + overflow["token"] == len(tokens)
        return [] if same else ["tokens"]
    result = []
    if list(answer.tokens) != tokens:
        result.append("tokens")
    if answer.offsets != document.offsets:
        result.append("token offsets")
    if [answer.char_span(entity) for entity in answer.entities] != list(zip(starts, ends))[: len(answer.entities)]:
        result.append("characters of entities")
    if not _fits(_texts(tags)[: len(answer)], document.entities):
        result.append("tags")
    known, kept = ([((e.start, e.end, e.type), e.score) for e in one.entities] for one in (document, answer))
    result += _compare("entities", known, kept, overflow["entity"], tolerance)
    # Entities identify a relation, not their indices: those count only the entities that were kept.
    links, kept_links = (
        [((one.entities[r.head], one.entities[r.tail], r.type), r.score) for r in one.relations]
        for one in (document, answer)
    )
    return result + _compare("relations", links, kept_links, overflow["relation"], tolerance)


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _texts(values: Sequence[Any]) -> list[str]:
    return [value.decode() if isinstance(value, bytes) else value for value in values]


def _fits(tags: Sequence[str], entities: Sequence[Entity]) -> bool:
    """Whether BIO tags agree with entities, each of which starts at a B or I tag."""
    allowed = [{"O"} for _ in tags]
    for entity in entities:
        if entity.end > len(allowed):
            return False
        for position in range(entity.start, entity.end):
            allowed[position] = {f"I-{entity.type}"} | ({f"B-{entity.type}"} if position == entity.start else set())
    return all(tag in names for tag, names in zip(tags, allowed))


def _compare(
    what: str, known: Sequence[tuple[Any, Any]], kept: Sequence[tuple[Any, Any]], overflow: int, tolerance: float
) -> list[str]:
    scores = dict(known)
    names = [name for name, _ in kept]
    there = set(names)
    if len(kept) + overflow != len(known) or any(name not in scores for name in names):
        return [what]
    if [name for name, _ in known if name in there] != names:
        return [f"order of {what}"]
    # Not `> tolerance`, which is false for NaN.
    if any(not abs(scores[name] - score) <= tolerance for name, score in kept):
        return [f"scores of {what}"]
    return []
