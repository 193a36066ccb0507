"""Looks for mistakes in an annotated corpus: repetitions between splits, inconsistent and suspicious annotation."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Any

from cman_tf.data import span_checks
from cman_tf.data.corpora import repeated_in
from cman_tf.data.formats.reading import types
from cman_tf.data.span_checks import name

if TYPE_CHECKING:
    from cman_tf.data.document import Document

Splits = Mapping[str, Sequence["Document"]]

RARE = 5
"""A type with fewer examples in the training split is too rare to learn."""

UNUSUAL = 0.02
"""Share of a relation type's examples up to which a pair of entity types is unusual."""

_KNOWN = "The network can remember the pair; scores may be too high."

FRAME = 6
"""Number of words of a frame."""


@dataclass
class Finding:
    """One kind of suspicious thing in a corpus.

    Args:
        title: str. What it is, in the plural.
        examples: list of str, all of them.
        hint: str. What it harms, or what to do. Default `""`.
    """

    title: str
    examples: list[str] = field(default_factory=list)
    hint: str = ""


def counts(splits: Splits) -> dict[str, dict[str, Any]]:
    """Figures of each split: dict of split to dict of name to number."""
    return {split: _counts(documents) for split, documents in splits.items()}


def _counts(documents: Sequence[Document]) -> dict[str, Any]:
    return {**figures(documents), **type_counts(documents), **signature_counts(documents)}


def figures(documents: Sequence[Document]) -> dict[str, int]:
    """Numbers of sentences and tokens of one split, by names such as `tokens, median`."""
    lengths = sorted(len(document) for document in documents)
    return {
        "sentences": len(documents),
        "tokens": sum(lengths),
        "tokens, median": lengths[len(lengths) // 2],
        "tokens, most": lengths[-1],
        "over 40 tokens": sum(length > 40 for length in lengths),
        "without relations": sum(not document.relations for document in documents),
    }


def type_counts(documents: Iterable[Document]) -> dict[str, int]:
    """Number of examples of each type, by names that no two types share: `entity Loc`, `relation Live_In`."""
    return dict(
        sorted(
            Counter(
                f"{kind} {item.type}"
                for document in documents
                for kind, items in (("entity", document.entities), ("relation", document.relations))
                for item in items
            ).items()
        )
    )


def signature_counts(documents: Iterable[Document]) -> dict[str, int]:
    """Number of relations of each type by the types of head and tail, by names such as `Live_In: Peop to Loc`."""
    found = Counter(f"{kind}: {head} to {tail}" for document in documents for kind, head, tail in _signatures(document))
    return dict(sorted(found.items()))


def findings(splits: Splits) -> list[Finding]:
    """What to look at in a corpus: list of `Finding` with at least one example each."""
    every = _all(splits)
    found = [
        *_between_splits(splits),
        _two_types(splits),
        Finding(
            "mentions that are annotated elsewhere",
            span_checks.not_annotated(every),
            "Annotate them too, or remove the annotation elsewhere.",
        ),
        _both_directions(splits),
        _rare_signatures(splits),
        _rare(splits),
        Finding(
            "entities that begin or end inside a word, or have no letter",
            span_checks.cut(every),
            "The offsets may be wrong, or the tokenizer does not fit the annotation.",
        ),
        Finding(
            "entities with blanks, punctuation or half a bracket at their ends",
            span_checks.outer_characters(every),
            "Decide once what belongs to a name.",
        ),
        Finding(
            f"frames of {FRAME} words in more than two sentences",
            [f"{' '.join(frame)}: {', '.join(names)}" for frame, names in repeated_frames(every)],
            "Sentences made after one pattern teach less than their number.",
        ),
    ]
    return [finding for finding in found if finding.examples]


def headlines(splits: Splits) -> list[str]:
    """The findings that harm a training most: list of at most three lines of text.

    Sentences in two splits, types with too few training examples, and mentions annotated in two ways.
    """
    repeated = [finding for finding in _repeated(splits) if finding.examples]
    lines = []
    if repeated:
        counted = ", ".join(f"{len(finding.examples)} {finding.title}" for finding in repeated)
        lines.append(f"{counted}, so scores are too high (e.g. {_short(repeated[0].examples[:1])})")
    for finding in (_rare(splits), _two_types(splits)):
        if finding.examples:
            lines.append(f"{len(finding.examples)} {finding.title} (e.g. {_short(finding.examples[:3])})")
    return lines


def _short(examples: Sequence[str]) -> str:
    return "; ".join(example if len(example) <= 60 else f"{example[:57]}..." for example in examples)


def _all(splits: Splits) -> list[Document]:
    return [document for documents in splits.values() for document in documents]


def _between_splits(splits: Splits) -> Iterator[Finding]:
    """Sentences, and related pairs of names, that two splits share."""
    yield from _repeated(splits)
    for one, other in combinations(splits, 2):
        pairs = {pair for document in splits[one] for pair in name_pairs(document)}
        shared = sorted({pair for document in splits[other] for pair in name_pairs(document)} & pairs)
        yield Finding(
            f"related pairs of names in both {one} and {other}", [" - ".join(pair) for pair in shared], _KNOWN
        )


def _repeated(splits: Splits) -> Iterator[Finding]:
    for one, other in combinations(splits, 2):
        again = repeated_in(splits[one], splits[other])
        names = [name(splits[other][row]) for row in sorted(again)]
        yield Finding(f"sentences in both {one} and {other}", names, "Scores on them are too high.")


def name_pairs(document: Document) -> set[tuple[str, str]]:
    """`(head, tail)` of each relation, as text in lower case."""
    return {(str(item.head.text).lower(), str(item.tail.text).lower()) for item in document.relations}  # type: ignore[attr-defined]


def _two_types(splits: Splits) -> Finding:
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for document in _all(splits):
        for entity in document.entities:
            seen[str(entity.text)][entity.type] += 1
    return Finding(
        "mentions with two types",
        [
            f"{text}: {', '.join(f'{kind} {count}' for kind, count in sorted(found.items()))}"
            for text, found in sorted(seen.items())
            if len(found) > 1
        ],
        "Correct the exceptions; some names do have two types.",
    )


def _both_directions(splits: Splits) -> Finding:
    found = []
    for document in _all(splits):
        links = {(item.type, int(item.head), int(item.tail)) for item in document.relations}
        found += [
            f"{kind}, {document.entities[head].text} and {document.entities[tail].text}: {name(document)}"
            for kind, head, tail in sorted(links)
            if head < tail and (kind, tail, head) in links
        ]
    return Finding("relations in both directions", found, "Annotate a symmetric type in one direction, by rule.")


def _rare_signatures(splits: Splits) -> Finding:
    found: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    places: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for document in _all(splits):
        for kind, head, tail in _signatures(document):
            found[kind][head, tail] += 1
            places[kind, head, tail].append(name(document))
    return Finding(
        f"types of head and tail in at most {UNUSUAL:.0%} of a relation's examples",
        [
            f"{kind}, {head} to {tail}: {', '.join(dict.fromkeys(places[kind, head, tail]))}"
            for kind, pairs in sorted(found.items())
            for (head, tail), count in sorted(pairs.items())
            if count <= UNUSUAL * sum(pairs.values())
        ],
        "The direction or an entity's type may be wrong.",
    )


def _signatures(document: Document) -> Iterator[tuple[str, str, str]]:
    for item in document.relations:
        yield item.type, document.entities[item.head].type, document.entities[item.tail].type


def _rare(splits: Splits) -> Finding:
    train = splits.get("train", ())
    seen = Counter(kind for document in train for kind in types(document))
    kinds = {kind for document in _all(splits) for kind in types(document)}
    return Finding(
        f"types with fewer than {RARE} training examples",
        [f"{kind}: {seen[kind]}" for kind in sorted(kinds) if seen[kind] < RARE] if train else [],
        "Annotate more, or join them with another type.",
    )


def repeated_frames(documents: Iterable[Document], limit: int = 2) -> list[tuple[tuple[str, ...], list[str]]]:
    """Runs of six words that more than `limit` sentences share; names between them count by their type alone."""
    frames: dict[tuple[str, ...], dict[str, None]] = defaultdict(dict)
    for document in documents:
        words = _frame_words(document)
        literal = [position for position, word in enumerate(words) if word[0] != "["]
        for first, last in zip(literal, literal[FRAME - 1 :]):
            frames[tuple(words[first : last + 1])][name(document)] = None
    found = [(frame, list(names)) for frame, names in frames.items() if len(names) > limit]
    return sorted(found, key=lambda item: (-len(item[1]), item[0]))


def _frame_words(document: Document) -> list[str]:
    """Words in lower case without punctuation, and `[type]` for each name."""
    inside = {position for entity in document.entities for position in range(entity.start, entity.end)}
    kinds = {entity.start: entity.type for entity in document.entities}
    words = []
    for position, token in enumerate(document.tokens):
        if position in kinds:
            words.append(f"[{kinds[position]}]")
        elif position not in inside and token[0].isalnum():
            words.append(token.lower())
    return words
