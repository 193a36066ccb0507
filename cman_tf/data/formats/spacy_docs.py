"""Documents as spaCy's `Doc`, and back: entities in `doc.ents`, relations in `doc._.relations`.

`doc._.relations` is a list of dicts `{"type", "head", "tail", "score"}`, where head and tail are indices into
`doc.ents`; `span._.score` is the probability of an entity. spaCy stores both with the `Doc`: they are plain data.
Relations in `doc._.rel` are read too, in the form of spaCy's tutorial on a relation component (`explosion/projects`,
`rel_component`).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cman_tf.data.document import Document, Entity, Relation
from cman_tf.data.formats import across
from cman_tf.data.formats.losses import Reading
from cman_tf.data.formats.reading import check_type, is_gap, show
from cman_tf.data.sentences import parts as split_document
from cman_tf.errors import InputError, optional

if TYPE_CHECKING:
    from spacy.tokens import Doc
    from spacy.vocab import Vocab

# A relation of `doc._.rel` is more probable than this.
_LEAST = 0.5


def spacy() -> Any:
    """spaCy, with the extension attributes of this package registered."""
    module = optional("spacy", "spacy")
    # Keep the user's own attributes of these names.
    for owner, name, default in ((module.tokens.Doc, "relations", []), (module.tokens.Span, "score", None)):
        if not owner.has_extension(name):
            owner.set_extension(name, default=default)
    return module


def to_doc(document: Document, vocab: Vocab) -> Doc:
    """A spaCy `Doc`, with the borders of its sentences if there are several.

    Args:
        document: `Document`.
        vocab: `spacy.vocab.Vocab`.

    Raises:
        InputError: if entities overlap, which `doc.ents` does not support, or a token has no visible character: spaCy
            counts it as space.
    """
    words: list[str] = []
    spaces: list[bool] = []
    places: list[int] = []
    position = 0
    for token, (start, end) in [*zip(document.tokens, document.offsets), ("", (len(document.text),) * 2)]:
        gap = document.text[position:start]
        if words and gap.startswith(" "):
            spaces[-1], gap = True, gap[1:]
        if gap:  # spaCy represents further blanks as tokens
            words.append(gap)
            spaces.append(False)
        if token:
            if is_gap(token):
                raise InputError(f"A spaCy token must have a visible character. Received: {token!r}")
            places.append(len(words))
            words.append(token)
            spaces.append(False)
        position = end
    starts: list[bool] | None = None
    if len(document.sentences) > 1:
        first = {places[start] for start, _ in document.sentences}
        starts = [index in first for index in range(len(words))]
    doc = spacy().tokens.Doc(vocab, words=words, spaces=spaces, sent_starts=starts)
    if document.id:
        doc.user_data["id"] = document.id
    annotate(doc, document, places)
    return doc


def annotate(doc: Doc, document: Document, places: Sequence[int], first: int = 0) -> None:
    """Add a sentence's entities and relations to a `Doc`.

    Args:
        doc: `Doc`.
        document: `Document`, the sentence.
        places: sequence of int. For each token of the sentence its index in `doc`.
        first: int. Number of entities that `doc` has already; they must precede those of this sentence.

    Raises:
        InputError: if entities overlap.
    """
    if document.overlapping():
        raise InputError("A spaCy Doc cannot contain overlapping entities. Received: two that overlap")
    # `doc.ents` is in text order, whatever the order of the document.
    order = sorted(range(len(document.entities)), key=lambda index: document.entities[index].start)
    number = {index: first + position for position, index in enumerate(order)}
    spans = []
    for entity in (document.entities[index] for index in order):
        span = spacy().tokens.Span(doc, places[entity.start], places[entity.end - 1] + 1, label=entity.type)
        if entity.score is not None:
            span._.score = float(entity.score)
        spans.append(span)
    doc.set_ents(spans, default="unmodified")
    doc._.relations = [
        *doc._.relations,
        *(
            {
                "type": relation.type,
                "head": number[relation.head],
                "tail": number[relation.tail],
                **({} if relation.score is None else {"score": float(relation.score)}),
            }
            for relation in document.relations
        ),
    ]


def sentences(doc: Doc, whole: bool = False) -> list[tuple[Document, list[int]]]:
    """The sentences of a `Doc`; one if it is not split, or if the whole is to be one.

    Returns:
        list of `(document, places)`: `Document` without annotation, of tokens that spaCy does not count as space, and
        the indices of those tokens in `doc`. Sentences without such tokens are skipped.
    """
    spans = list(doc.sents) if doc.has_annotation("SENT_START") and not whole else [doc[:]]
    result = []
    for span in spans:
        tokens = [token for token in span if not is_gap(token.text)]
        if tokens:
            start, text = 0, doc.text
            if len(spans) > 1:  # without the blanks between sentences
                start, text = tokens[0].idx, doc.text[tokens[0].idx : tokens[-1].idx + len(tokens[-1])]
            offsets = [(token.idx - start, token.idx - start + len(token)) for token in tokens]
            document = Document([token.text for token in tokens], text=text, offsets=offsets)
            result.append((document, [token.i for token in tokens]))
    return result


def from_doc(doc: Doc, reading: Reading | None = None, place: str = "the Doc") -> list[Document]:
    """Documents of a `Doc` with its entities and relations, one for each sentence.

    Args:
        doc: `Doc`.
        reading: `Reading` or None. Counts what is left out. Default: nothing may be.
        place: str. Place in the file for messages.

    Returns:
        list of `Document`. Their id is `doc.user_data["id"]`, followed by `:1`, `:2`, ... if there are several.

    Raises:
        InputError: if `reading` is strict and an entity crosses the border of a sentence, a relation across sentences
            is left out, `doc._.relations` or `doc._.rel` has another form, or the `Doc` has span groups.
    """
    reading = reading or Reading(strict=True)
    parts = sentences(doc, reading.sentences == "text")
    if not parts:
        return []
    places = {index: (row, column) for row, (_, inside) in enumerate(parts) for column, index in enumerate(inside)}
    ends = list(itertools.accumulate(len(document) for document, _ in parts))
    borders = list(zip([0, *ends], ends))
    entities: list[Entity] = []
    relations: list[Relation] = []
    # Index in `entities` by that in doc.ents.
    went: dict[int, int] = {}
    for number, span in enumerate(doc.ents):
        with reading.trying("entities across sentences or of no type", place):
            inside = [places[index] for index in range(span.start, span.end) if index in places]
            if not inside or inside[0][0] != inside[-1][0]:
                raise InputError(f"An entity must be in one sentence of its Doc. Received: {span.text!r}")
            (row, first), (_, last) = inside[0], inside[-1]
            check_type(span.label_)
            went[number] = len(entities)
            start = borders[row][0]
            entities.append(Entity(start + first, start + last + 1, span.label_, span._.score))
    for name, group in doc.spans.items():
        if len(group):
            reading.leave_out(f"spans of the group {name!r}", place, len(group))
    for relation in [*doc._.relations, *_rel(doc, reading, place)]:
        with reading.trying("malformed relations", place):
            head, tail, kind, score = _relation(relation, len(doc.ents))
            check_type(kind)
            if head == tail:
                raise InputError(f"A relation must link two different entities. Received: {relation!r}")
            if head not in went or tail not in went:
                reading.leave_out("relations of entities that are left out", place)
            else:
                relations.append(Relation(went[head], went[tail], kind, score))
    [(whole, _)] = sentences(doc, whole=True)
    id = str(doc.user_data.get("id", ""))
    document = Document(whole.tokens, entities, relations, whole.text, whole.offsets, id, borders)
    return split_document(across.resolved(document, reading, place))


def _relation(relation: Any, count: int) -> tuple[int, int, Any, Any]:
    try:
        head, tail = _index(relation["head"], count), _index(relation["tail"], count)
        return head, tail, relation["type"], relation.get("score")
    except (KeyError, IndexError, TypeError, AttributeError):
        raise InputError(
            "`doc._.relations` must contain dicts of a type and of head and tail, indices into doc.ents. Received: "
            f"{relation!r} in a Doc of {count} entities"
        ) from None


def _rel(doc: Doc, reading: Reading, place: str) -> list[dict[str, Any]]:
    """Relations of `doc._.rel`, as spaCy's tutorial on a relation component stores them.

    It has `{(start token of head, start token of tail): {type: probability}}`, with 0.0 for pairs without the relation.
    """
    data: Any = doc.user_data
    rel = data.get(("._.", "rel", None, None)) or {}
    starting = {span.start: number for number, span in enumerate(doc.ents)}
    found = []
    with reading.trying("malformed relations", place):
        if not isinstance(rel, dict) or not all(isinstance(labels, dict) for labels in rel.values()):
            raise InputError(f"`doc._.rel` must be a dict of pairs of tokens to dicts of types. Received: {show(rel)}")
        for pair, labels in rel.items():
            for kind, score in labels.items():
                if isinstance(score, (int, float)) and score > _LEAST:
                    with reading.trying("relations between tokens that begin no entity", place):
                        if not isinstance(pair, (tuple, list)) or len(pair) != 2 or not set(pair) <= set(starting):
                            raise InputError(f"`doc._.rel` must link the first tokens of entities. Received: {pair}")
                        head, tail = (starting[token] for token in pair)
                        found.append({"type": kind, "head": head, "tail": tail})
    return found


def _index(value: Any, count: int) -> int:
    if not isinstance(value, int) or not 0 <= value < count:
        raise IndexError
    return value
