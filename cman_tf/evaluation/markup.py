"""Sentences with their entities marked and their relations listed, as HTML.

The HTML itself is in the Jinja templates of the folder `page`, which escape every value.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from cman_tf.data.document import Document, Entity, Relation
from cman_tf.errors import printable
from cman_tf.evaluation.error_kinds import compare
from cman_tf.evaluation.tables import group_f1, percent

if TYPE_CHECKING:
    from jinja2 import Environment

SYMBOLS = {
    "right": "✓",
    "wrong type": "≠",
    "wrong boundary": "↔",
    "wrong direction": "⇄",
    "wrong entity": "≈",
    "missed": "−",
    "missed end": "⊖",
    "spurious": "+",
    "spurious end": "⊕",
}

# The first hues are distinct under the common colour blindnesses; the label gives the type in any case.
_HUES = (212, 32, 158, 285, 355, 58, 188, 322)


class Line(NamedTuple):
    """One line of a marked sentence; without a mark the entity is None, without a comparison the kind of error."""

    side: str  # "gold", "found", "both", or "" for a line without a label
    direction: str  # "ltr" or "rtl"
    parts: list[tuple[str, Entity | None, str | None]]  # text, entity, kind of error


class Link(NamedTuple):
    """One relation below a sentence; `gold` is the annotated relation, if another one was found in its place."""

    document: Document
    relation: Relation
    kind: str | None = None
    gold: tuple[Document, Relation] | None = None


class View(NamedTuple):
    """One sentence as the templates show it."""

    lines: list[Line]
    links: list[Link]


def sentence_html(document: Document) -> str:
    """One sentence, entities marked and relations listed, as an HTML fragment with its own style.

    Args:
        document: `Document`.

    Returns:
        str: HTML for any page; it needs no other file.
    """
    return fragment_html([extraction_view(document)], [document])


def fragment_html(views: Sequence[View], documents: Iterable[Document]) -> str:
    """Sentences one below the other, as an HTML fragment with its own style.

    Args:
        views: sequence of `View`.
        documents: iterable of `Document`, all whose entities are in the views.
    """
    return render("fragment.html", views=views, hues=type_hues(documents))


def extraction_view(document: Document) -> View:
    """The entities and relations of one sentence."""
    lines = _lines(document, [(entity, None) for entity in document.entities])
    return View(lines, [Link(document, relation) for relation in document.relations])


def comparison_view(gold: Document, predicted: Document) -> View:
    """One sentence as annotated and as predicted, each entity and relation with its kind of error.

    Two lines, gold above prediction; one if their entities agree.

    Args:
        gold: `Document`, annotated.
        predicted: `Document`, the same sentence.
    """
    entities, relations = compare(gold, predicted)
    found = [(predicted.entities[f.predicted], f.kind) for f in entities if f.predicted is not None]
    if all(finding.kind == "right" for finding in entities):
        lines = _lines(predicted, found, "both")
    else:
        annotated = [(gold.entities[f.gold], f.kind) for f in entities if f.gold is not None]
        lines = _lines(gold, annotated, "gold") + _lines(predicted, found, "found")
    links = []
    for finding in relations:
        instead = None if finding.gold is None else (gold, gold.relations[finding.gold])
        if finding.predicted is not None:
            other = None if finding.kind == "right" else instead
            links.append(Link(predicted, predicted.relations[finding.predicted], finding.kind, other))
        elif instead:
            links.append(Link(*instead, finding.kind))
    return View(lines, links)


def type_hues(documents: Iterable[Document]) -> dict[str, int]:
    """A hue, in degrees, for each entity type in `documents`, as a dict in alphabetical order."""
    types = sorted({entity.type for document in documents for entity in document.entities})
    # After the chosen hues: turns by the golden angle, so that neighbours differ.
    return {name: _HUES[i] if i < len(_HUES) else round(i * 137.5) % 360 for i, name in enumerate(types)}


def render(template: str, **values: Any) -> str:
    """A template of the package folder `page`, filled in; every value is made printable and escaped."""
    return _templates().get_template(template).render(values)


def shown(value: Any) -> Any:
    """What a template shows for a value: text is made printable, finished markup and numbers are not changed."""
    return printable(value) if type(value) is str else value


@lru_cache(maxsize=1)
def _templates() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("cman_tf.evaluation", "page")
    templates = Environment(
        loader=loader,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        finalize=shown,
    )
    templates.globals["symbols"] = SYMBOLS
    templates.filters.update(
        # CSS class of a kind of error: right, wrong, missed or spurious.
        kind_class=lambda kind: kind.partition(" ")[0],
        percent=percent,
        group_f1=group_f1,
    )
    return templates


def _lines(document: Document, marks: Sequence[tuple[Entity, str | None]], side: str = "") -> list[Line]:
    """The sentence with `marks`, `(entity, kind of error or None)`; a further line for marks that overlap."""
    layers: list[list[tuple[Entity, str | None]]] = [[]]
    for mark in sorted(marks, key=lambda mark: (mark[0].start, -mark[0].end)):
        for layer in layers:
            if not layer or layer[-1][0].end <= mark[0].start:
                layer.append(mark)
                break
        else:
            layers.append([mark])
    return [Line(side, _direction(document.text), _parts(document, layer)) for layer in layers]


def _parts(
    document: Document, marks: Sequence[tuple[Entity, str | None]]
) -> list[tuple[str, Entity | None, str | None]]:
    if not document.tokens:
        return []
    parts: list[tuple[str, Entity | None, str | None]] = []
    position = document.offsets[0][0]
    for entity, kind in marks:
        start, end = document.char_span(entity)
        parts += [(document.text[position:start], None, None), (document.entity_text(entity), entity, kind)]
        position = end
    return [*parts, (document.text[position : document.offsets[-1][1]], None, None)]


def _direction(text: str) -> str:
    """Direction of the first letter that has one, as the Unicode bidirectional algorithm finds a paragraph's."""
    for character in text:
        direction = unicodedata.bidirectional(character)
        if direction in ("L", "R", "AL"):
            return "ltr" if direction == "L" else "rtl"
    return "ltr"
