"""A sentence or a whole document with its tokens, entities and relations, checked on construction."""

from __future__ import annotations

import bisect
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from numbers import Integral

from cman_tf.errors import InputError


@dataclass(frozen=True)
class Entity:
    """A typed run of tokens.

    Args:
        start: int. Index of its first token.
        end: int. Index after its last token.
        type: str. Entity type, e.g. `"Peop"`.
        score: float or None. Probability of the span under the model; None for annotations. Not compared.
        text: str or None. The mention, set by the document that contains the entity. Not compared.

    Example:
        >>> Entity(0, 2, "Peop")
        Entity(start=0, end=2, type='Peop', score=None)
    """

    start: int
    end: int
    type: str
    score: float | None = field(default=None, compare=False)
    text: str | None = field(default=None, compare=False, repr=False)


class Argument(int):
    """The head or tail of a document's relation: the index of an entity, with the attributes of that entity.

    Args:
        index: int. Index in `Document.entities`.
        entity: `Entity` at that index.
    """

    entity: Entity

    def __new__(cls, index: int, entity: Entity) -> Argument:
        argument = super().__new__(cls, index)
        argument.entity = entity
        return argument

    def __getnewargs__(self) -> tuple[int, Entity]:  # type: ignore[override]
        return int(self), self.entity

    @property
    def text(self) -> str | None:
        """The mention."""
        return self.entity.text

    @property
    def type(self) -> str:
        """Entity type."""
        return self.entity.type


@dataclass(frozen=True)
class Relation:
    """A typed, directed link between two entities of one document.

    Args:
        head: int. Index of the subject in `Document.entities`. In a document also the subject itself: `head.text`,
            `head.type`, `head.entity`.
        tail: int. Index of the object, likewise.
        type: str. Relation type, e.g. `"Live_In"`.
        score: float or None. Probability under the model; None for annotations. Not compared.

    Example:
        >>> Relation(0, 1, "Live_In", score=0.97)
        Relation(head=0, tail=1, type='Live_In', score=0.97)
    """

    head: int
    tail: int
    type: str
    score: float | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Document:
    """A sentence, or several: tokens, their offsets in the text, and annotated or predicted entities and relations.

    Args:
        tokens: sequence of str, each non-empty.
        entities: sequence of `Entity`.
        relations: sequence of `Relation`; head and tail are indices into `entities`.
        text: str or None. The original text. Default: the tokens joined by single spaces.
        offsets: sequence of `(start, end)` or None. For each token its Unicode code points in `text`, end
            exclusive, so that `text[start:end] == token`, in ascending order. Default: those of the joined text.
        id: str. Identifier, without further meaning; "" if the source has none.
        sentences: sequence of `(start, end)`. Tokens of each sentence, end exclusive; each token is in one. Default:
            all tokens are one sentence.

    Raises:
        InputError: if a token is empty, an entity is empty, reversed or outside the document, a relation links a
            missing entity or an entity to itself, or offsets or sentences do not match the tokens.

    Example:
        >>> entities = [Entity(0, 2, "Peop"), Entity(4, 5, "Loc")]
        >>> document = Document("Ana Lima lives in Oslo".split(), entities, [Relation(0, 1, "Live_In")])
        >>> [(relation.head.text, relation.type, relation.tail.text) for relation in document.relations]
        [('Ana Lima', 'Live_In', 'Oslo')]
        >>> document.char_span(document.entities[1])
        (18, 22)
        >>> document.sentences
        ((0, 5),)
    """

    tokens: Sequence[str]
    entities: Sequence[Entity] = ()
    relations: Sequence[Relation] = ()
    # None only as an argument.
    text: str = None  # type: ignore[assignment]
    offsets: Sequence[tuple[int, int]] = None  # type: ignore[assignment]
    id: str = ""
    sentences: Sequence[tuple[int, int]] = ()

    def __post_init__(self) -> None:
        if isinstance(self.tokens, str):
            raise InputError(f"`tokens` must be a sequence of strings. Received: the string {self.tokens!r}")
        for name in ("tokens", "entities", "relations"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        for position, token in enumerate(self.tokens):
            if not isinstance(token, str) or not token:
                raise InputError(f"Every token must be a non-empty string. Received: token {position} is {token!r}")
        if self.text is None:
            object.__setattr__(self, "text", " ".join(self.tokens))
            object.__setattr__(self, "offsets", _joined_offsets(self.tokens))
        elif self.offsets is None:
            raise InputError("`offsets` must be given with `text`. Received: text without offsets")
        object.__setattr__(self, "offsets", tuple((int(start), int(end)) for start, end in self.offsets))
        self._check_offsets()
        self._check_sentences()
        self._check_annotation()
        entities = tuple(replace(entity, text=self.entity_text(entity)) for entity in self.entities)
        object.__setattr__(self, "entities", entities)
        relations = (
            replace(
                relation,
                head=Argument(relation.head, entities[relation.head]),
                tail=Argument(relation.tail, entities[relation.tail]),
            )
            for relation in self.relations
        )
        object.__setattr__(self, "relations", tuple(relations))

    def _check_offsets(self) -> None:
        if len(self.offsets) != len(self.tokens):
            raise InputError(
                f"`offsets` must have one pair for each token. Received: {len(self.offsets)} pairs for "
                f"{len(self.tokens)} tokens"
            )
        position = 0
        for token, (start, end) in zip(self.tokens, self.offsets):
            if start < position:
                raise InputError(
                    f"`offsets` must be ascending and not overlap. Received: {start}:{end} for token {token!r} "
                    f"after {position}"
                )
            position = end
            # Slices accept an end beyond the text.
            if end - start != len(token) or self.text[start:end] != token:
                raise InputError(
                    f"`text[start:end]` must be the token. Received: {self.text[start:end]!r} at {start}:{end} for "
                    f"token {token!r}"
                )

    def _check_sentences(self) -> None:
        sentences = tuple((int(start), int(end)) for start, end in self.sentences) or ((0, len(self.tokens)),)
        object.__setattr__(self, "sentences", sentences if self.tokens else ())
        position = 0
        for start, end in self.sentences:
            if not position == start < end:
                raise InputError(
                    "`sentences` must be ascending, not empty, and without gaps. Received: "
                    f"{start}:{end} after {position}"
                )
            position = end
        if position != len(self.tokens):
            raise InputError(f"`sentences` must end with the last token, {len(self.tokens)}. Received: {position}")

    def _check_annotation(self) -> None:
        for entity in self.entities:
            _check_fields("An entity's start and end", (entity.start, entity.end), entity.type)
            if not 0 <= entity.start < entity.end <= len(self.tokens):
                raise InputError(
                    "An entity must satisfy 0 <= start < end <= number of tokens. Received: "
                    f"start={entity.start}, end={entity.end} in a sentence of {len(self.tokens)} tokens"
                )
        for relation in self.relations:
            _check_fields("A relation's head and tail", (relation.head, relation.tail), relation.type)
            for role in ("head", "tail"):
                index = getattr(relation, role)
                if not 0 <= index < len(self.entities):
                    raise InputError(
                        f"A relation's {role} must be the index of an entity. Received: {role}={index} in a sentence "
                        f"with {len(self.entities)} entities"
                    )
            if relation.head == relation.tail:
                raise InputError(f"A relation must link two different entities. Received: head=tail={relation.head}")

    def __len__(self) -> int:
        return len(self.tokens)

    def char_span(self, entity: Entity) -> tuple[int, int]:
        """Code points `(start, end)` of `entity` in `text`, so that `text[start:end]` is the entity."""
        return self.offsets[entity.start][0], self.offsets[entity.end - 1][1]

    def entity_text(self, entity: Entity) -> str:
        """The text of `entity`."""
        start, end = self.char_span(entity)
        return self.text[start:end]

    def sentence_of(self, entity: Entity) -> int:
        """Index in `sentences` of the sentence in which `entity` begins."""
        return bisect.bisect_right(self.sentences, (entity.start, len(self.tokens))) - 1

    def sentence_span(self, index: int) -> tuple[int, int]:
        """Code points `(start, end)` in `text` of a sentence, from its first token to its last."""
        first, last = self.sentences[index]
        return self.offsets[first][0], self.offsets[last - 1][1]

    def with_annotation(self, entities: Iterable[Entity], relations: Iterable[Relation]) -> Document:
        """The same document with other entities and relations."""
        return replace(self, entities=tuple(entities), relations=tuple(relations))

    def with_only(self, indices: Collection[int]) -> Document:
        """The same document with the entities at some indices, and the relations between them."""
        renumbered = {old: new for new, old in enumerate(sorted(indices))}
        return self.with_annotation(
            [self.entities[index] for index in renumbered],
            [
                replace(relation, head=renumbered[relation.head], tail=renumbered[relation.tail])
                for relation in self.relations
                if relation.head in renumbered and relation.tail in renumbered
            ],
        )

    def overlapping(self) -> list[tuple[int, int]]:
        """Pairs of indices of entities that share a token, which BIO tags cannot represent."""
        order = sorted(range(len(self.entities)), key=lambda i: (self.entities[i].start, -self.entities[i].end))
        pairs = []
        for position, i in enumerate(order):
            for j in order[position + 1 :]:
                if self.entities[j].start >= self.entities[i].end:
                    break
                pairs.append((i, j))
        return pairs


def _joined_offsets(tokens: Sequence[str]) -> tuple[tuple[int, int], ...]:
    offsets, position = [], 0
    for token in tokens:
        offsets.append((position, position + len(token)))
        position += len(token) + 1
    return tuple(offsets)


def _check_fields(what: str, numbers: tuple[int, int], kind: str) -> None:
    if not all(isinstance(number, Integral) and not isinstance(number, bool) for number in numbers):
        raise InputError(f"{what} must be whole numbers. Received: {numbers[0]!r} and {numbers[1]!r}")
    if not isinstance(kind, str) or not kind:
        raise InputError(f"A type must be a non-empty string. Received: {kind!r}")


def is_type(found: object) -> bool:
    """Whether a value can be the name of a type: a string such as `"natural person"`, which a line can contain.

    It is not empty, has no blanks at its ends, and no control characters, line ends or lone surrogates.
    """
    return (
        isinstance(found, str)
        and found != ""
        and found == found.strip()
        and not any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in found)
    )


def named(document: Document, number: int) -> str:
    """The place of a sentence for an error message, e.g. `sentence 3 (id '7')`."""
    return f"sentence {number}" + (f" (id {document.id!r})" if document.id else "")
