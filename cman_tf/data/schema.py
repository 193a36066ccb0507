"""The label inventory of a corpus: entity types, relation types, BIO tags and type signatures."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cman_tf.data import rules
from cman_tf.data.document import Document, is_type
from cman_tf.data.overlap import refuse
from cman_tf.errors import InputError


@dataclass(frozen=True)
class Schema:
    """Entity types, relation types and the types that each relation links.

    Args:
        entity_types: sequence of str, without repeats. Tag ids follow this order: O, B-first, I-first, B-second, ...
        relation_types: sequence of str, without repeats.
        signatures: set of `(relation type, head entity type, tail entity type)` in the training data; type-constrained
            decoding allows only these.
        rules: sequence of str, those that the relations of the training data obey, see `cman_tf.data.rules`.

    Raises:
        InputError: if there is no entity type, a name is repeated or no `document.is_type`, or a signature contains an
            unknown type.

    Example:
        >>> schema = Schema(["Peop", "Loc"], ["Live_In"], {("Live_In", "Peop", "Loc")})
        >>> schema.tags
        ('O', 'B-Peop', 'I-Peop', 'B-Loc', 'I-Loc')
    """

    entity_types: Sequence[str]
    relation_types: Sequence[str]
    signatures: frozenset[tuple[str, str, str]] = frozenset()
    rules: Sequence[str] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "entity_types", tuple(self.entity_types))
        object.__setattr__(self, "relation_types", tuple(self.relation_types))
        object.__setattr__(self, "signatures", frozenset(tuple(s) for s in self.signatures))
        object.__setattr__(self, "rules", tuple(self.rules))
        if not self.entity_types:
            raise InputError("A schema must have at least one entity type. Received: none")
        for kind, names in (("entity", self.entity_types), ("relation", self.relation_types)):
            for name in names:
                if not is_type(name):
                    raise InputError(
                        f"An {kind} type must be a non-empty string without control characters and outer blanks. "
                        f"Received: {name!r}"
                    )
            if len(set(names)) != len(names):
                raise InputError(f"`{kind}_types` must not repeat a name. Received: {', '.join(names)}")
        for relation, head, tail in self.signatures:
            if relation not in self.relation_types or not {head, tail} <= set(self.entity_types):
                raise InputError(f"A signature must use known types. Received: {relation}: {head} -> {tail}")
        rules.parse(self.rules, self.relation_types)

    @classmethod
    def of(cls, documents: Iterable[Document]) -> Schema:
        """The schema of annotated `documents`, names in alphabetical order."""
        documents = list(documents)
        signatures = frozenset(
            (relation.type, document.entities[relation.head].type, document.entities[relation.tail].type)
            for document in documents
            for relation in document.relations
        )
        return cls(
            sorted({entity.type for document in documents for entity in document.entities}),
            sorted({name for name, _, _ in signatures}),
            signatures,
            rules.learn(documents),
        )

    @property
    def tags(self) -> tuple[str, ...]:
        """BIO tags in the order of their ids; id 0 is `O`."""
        return ("O",) + tuple(f"{prefix}-{name}" for name in self.entity_types for prefix in "BI")

    def tag_ids(self, document: Document) -> list[int]:
        """BIO tag id of each token of `document`: list of int, `[tokens]`.

        Raises:
            InputError: if entities overlap or a type is not in the schema.
        """
        self.check(document)
        pairs = document.overlapping()
        if pairs:
            refuse(document, pairs, repr(document.text))
        ids = [0] * len(document)
        for entity in document.entities:
            begin = 1 + 2 * self.entity_types.index(entity.type)
            ids[entity.start] = begin
            ids[entity.start + 1 : entity.end] = [begin + 1] * (entity.end - entity.start - 1)
        return ids

    def relation_cells(self, document: Document) -> list[tuple[int, int, int]]:
        """`(head's last token, tail's last token, relation type id)` of each relation (DESIGN.md, section 4)."""
        self.check(document)
        return sorted(
            {
                (
                    document.entities[relation.head].end - 1,
                    document.entities[relation.tail].end - 1,
                    self.relation_types.index(relation.type),
                )
                for relation in document.relations
            }
        )

    def check(self, document: Document) -> None:
        """Raise `InputError` if `document` uses a type that is not in the schema."""
        for kind, known, used in (
            ("entity", self.entity_types, [entity.type for entity in document.entities]),
            ("relation", self.relation_types, [relation.type for relation in document.relations]),
        ):
            for name in used:
                if name not in known:
                    raise InputError(
                        f"Every {kind} type must be one of {', '.join(known) or '(none)'}. Received: {name!r} in "
                        f"sentence {document.id or document.text!r}"
                    )

    def to_json(self) -> str:
        """The schema as JSON text, the content of a run's `labels.json`."""
        return json.dumps(
            {
                "entity_types": self.entity_types,
                "relation_types": self.relation_types,
                "signatures": sorted(self.signatures),
                "rules": self.rules,
            },
            indent=2,
            ensure_ascii=False,
        )

    @classmethod
    def from_json(cls, text: str) -> Schema:
        """The inverse of `to_json`.

        Raises:
            InputError: if `text` was not written by `to_json`.
        """
        try:
            return cls(**json.loads(text))
        except InputError:
            raise
        except (TypeError, ValueError) as error:
            raise InputError(f"A schema must be JSON with the fields of `Schema`. Received: {error}") from None
