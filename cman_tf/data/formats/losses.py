"""What a reader does with annotations that a `Document` cannot represent, and the count of what was left out."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field

from cman_tf.data import overlap
from cman_tf.data.document import Document
from cman_tf.data.formats.reading import located
from cman_tf.errors import InputError, check_choice

NESTED = {
    "keep": None,
    "keep_outer": "keep_outer",
    "keep_inner": "keep_inner",
    "drop_sentence": "drop_sentences",
}
DISCONTINUOUS = ("drop", "join", "refuse")
CROSS_SENTENCE = ("drop", "merge")
ENDS = ("exclusive", "inclusive")
SENTENCES = ("split", "lines", "text")


@dataclass
class Reading:
    """Choices for reading a file, and counts of what was read and of what was left out.

    Args:
        nested: str. Of entities that overlap `"keep"` all, `"keep_outer"` or `"keep_inner"` (the longest or shortest),
            or `"drop_sentence"`. Default: `"keep"`; training then asks for a policy.
        discontinuous: str. An entity in several pieces: `"drop"`, `"join"` (from its first to its last character) or
            `"refuse"`. Pieces with only white space between them are one. Default: `"drop"`.
        cross_sentence: str. A relation between two sentences: `"drop"`, or `"merge"`, which joins the sentences up to a
            length. Default: `"drop"`.
        ends: str. Whether the `end` of a span is `"exclusive"` or `"inclusive"`. Default: `"exclusive"`.
        sentences: str or None. How a text is split: `"split"`, `"lines"` or `"text"` (one). Default: by format.
        language: str. ISO 639 code of the texts, for `"split"`, see `cman_tf.data.sentences.split`. Default: `"en"`.
        annotator: str or None. Whose annotations to read, if there are several. Default: there must be only one.
        column: int or None. Column of the tags in a file of columns, from 1. Default: the last.
        strict: bool. Whether anything left out raises `InputError`. Default: it is counted.
        report: callable or None. Called with the error of each text, sentence or line that is skipped. Default: they
            are only counted.

    Attributes:
        documents, entities, relations: int.
        sentences_read: int.
        left_out: `Counter` of str, the reasons.
        examples: dict of the same keys to str, the place of the first.
        empty_entities: int. Those of token indices that are left out because they start where they end.

    Raises:
        InputError: if a choice is unknown.
    """

    nested: str = "keep"
    discontinuous: str = "drop"
    cross_sentence: str = "drop"
    ends: str = "exclusive"
    sentences: str | None = None
    language: str = "en"
    annotator: str | None = None
    column: int | None = None
    strict: bool = False
    report: Callable[[InputError], object] | None = None
    documents: int = 0
    sentences_read: int = 0
    entities: int = 0
    relations: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    empty_entities: int = 0

    def __post_init__(self) -> None:
        for name, known in (
            ("nested", NESTED),
            ("discontinuous", DISCONTINUOUS),
            ("cross_sentence", CROSS_SENTENCE),
            ("ends", ENDS),
        ):
            check_choice(f"`{name}`", getattr(self, name), known)
        if self.sentences is not None:
            check_choice("`sentences`", self.sentences, SENTENCES)

    def end(self, number: int) -> int:
        """An `end` of the file as an exclusive one."""
        return number + (self.ends == "inclusive")

    def leave_out(self, what: str, place: str, count: int = 1) -> None:
        """Count an annotation that is left out.

        Args:
            what: str. The reason, a plural, e.g. `"relations across sentences"`.
            place: str. Where, or the message of the error.
            count: int. Default: 1.

        Raises:
            InputError: if the reading is strict.
        """
        if self.strict:
            raise InputError(f"With --strict, nothing may be left out. Received: {what} in {place}")
        self.count(what, place, count)

    def count(self, what: str, place: str, count: int = 1) -> None:
        """Count what is left out of an annotation that is read, such as blanks; a strict reading allows it."""
        self.left_out[what] += count
        self.examples.setdefault(what, place)

    def check_annotator(self, names: Collection[str], several: bool, path: object) -> None:
        """Check the choice of the annotator.

        Args:
            names: collection of str, those who annotated.
            several: bool. Whether one of the texts has several annotators.
            path: str or path of the file, for the message.

        Raises:
            InputError: if the chosen annotator is not one of them, or none is chosen and a text has several.
        """
        known = ", ".join(sorted(names))
        if self.annotator is not None and self.annotator not in names:
            raise InputError(f"--annotator must be one of {known or '(none)'}. Received: {self.annotator}")
        if self.annotator is None and several:
            raise InputError(
                f"A text must have one annotator; choose one with --annotator. Received: {known} in {path}"
            )

    @contextlib.contextmanager
    def trying(self, what: str, place: str) -> Iterator[None]:
        """Leave out what raises `InputError` in the block, or raise it if the reading is strict."""
        try:
            with located(place):
                yield
        except InputError as error:
            if self.strict:
                raise
            self.leave_out(what, str(error).rstrip("."))

    @contextlib.contextmanager
    def skipping(self, what: str, place: str | None = None) -> Iterator[None]:
        """`trying` for a whole text, sentence or line, which is also reported.

        Args:
            what: str. The reason, a plural.
            place: str or None. Default: the errors of the block contain it.
        """
        try:
            with located(place) if place else contextlib.nullcontext():
                yield
        except InputError as error:
            if self.strict:
                raise
            if self.report:
                self.report(error)
            self.leave_out(what, str(error).rstrip("."))

    def at_least_one(self, documents: list[Document], path: object) -> list[Document]:
        """The documents of a file.

        Raises:
            InputError: if there are none; with what was left out first.
        """
        if not documents:
            raise InputError(f"{path} contains no sentences{self.first_loss()}.")
        return documents

    def first_loss(self) -> str:
        """What was left out first and where, for the end of a message: `": REASON (PLACE)"`, or "" if nothing was."""
        return next((f": {what} ({place.rstrip('.')})" for what, place in self.examples.items()), "")

    def finish(self, documents: Sequence[Document], path: object) -> list[Document]:
        """Apply the choice for nested entities, and count.

        Raises:
            InputError: if all entities of the file were left out, or all of one token: their ends seem to be inclusive.
        """
        lengths = {entity.end - entity.start for document in documents for entity in document.entities}
        # Read on, every other entity would be one token short.
        if self.ends == "exclusive" and self.empty_entities and 1 not in lengths:
            raise InputError(
                f"{path} has empty entities and none of one token; for ends that are inclusive, use --ends inclusive."
            )
        policy = NESTED[self.nested]
        kept = list(documents)
        if policy:
            kept, dropped = overlap.resolve(kept, policy)
            for what, count in (
                ("sentences with nested entities", dropped.sentences),
                ("nested entities", 0 if dropped.sentences else dropped.entities),
                ("relations of nested entities", 0 if dropped.sentences else dropped.relations),
            ):
                if count:
                    self.leave_out(what, str(path), count)
        self.sentences_read += len(kept)
        entities = sum(len(document.entities) for document in kept)
        self.entities += entities
        self.relations += sum(len(document.relations) for document in kept)
        lost = [reason for reason in self.left_out if "entities" in reason]
        if not entities and lost:
            raise InputError(f"All entities of {path} are left out: {lost[0]} ({self.examples[lost[0]].rstrip('.')}).")
        return kept

    def __str__(self) -> str:
        documents = f"{self.documents} documents, " if self.documents else ""
        read = f"read: {documents}{self.sentences_read} sentences, {self.entities} entities, {self.relations} relations"
        lines = [f"  {what}: {count} ({self.examples[what]})" for what, count in self.left_out.most_common()]
        return "\n".join([read, "left out: nothing"] if not lines else [read, "left out:", *lines])
