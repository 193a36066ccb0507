"""Sentences with their entities marked and their relations listed, as HTML."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib import resources

from cman_tf.data.document import Document, Entity, Relation
from cman_tf.evaluation.error_kinds import compare

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

# Hues that stay apart under the common colour blindnesses come first; the label tells the type in any case.
_HUES = (212, 32, 158, 285, 355, 58, 188, 322)

# Browsers drop or obey C0 controls; their pictures show what the text holds.
_CONTROL_PICTURES = {code: 0x2400 + code for code in range(32)}


def sentence_html(document: Document) -> str:
    """One sentence, entities marked and relations listed, as an HTML fragment that brings its own style.

    Args:
        document: `Document`.

    Returns:
        str: HTML for any page; it needs no other file.
    """
    body = extraction_html(document, type_hues([document]))
    return f'<div class="cman"><style>{page_file("marks.css")}</style>{body}</div>'


def extraction_html(document: Document, hues: Mapping[str, int]) -> str:
    """What was found in one sentence: the marked line and the relations.

    Args:
        document: `Document`.
        hues: dict. Hue of each entity type, from `type_hues`.
    """
    line = _line(document, [(entity, None) for entity in document.entities], hues)
    return line + _list([_relation_item(document, relation) for relation in document.relations])


def comparison_html(gold: Document, predicted: Document, hues: Mapping[str, int]) -> str:
    """One sentence as annotated and as predicted, with what is right and wrong told apart.

    Two lines, gold above prediction; one where their entities agree.

    Args:
        gold: `Document`, annotated.
        predicted: `Document`, the same sentence.
        hues: dict. Hue of each entity type, from `type_hues`.
    """
    entities, relations = compare(gold, predicted)
    found = [(predicted.entities[f.predicted], f.kind) for f in entities if f.predicted is not None]
    if all(finding.kind == "right" for finding in entities):
        lines = _line(predicted, found, hues, "both")
    else:
        annotated = [(gold.entities[f.gold], f.kind) for f in entities if f.gold is not None]
        lines = _line(gold, annotated, hues, "gold") + _line(predicted, found, hues, "found")
    items = []
    for finding in relations:
        one = None if finding.gold is None else gold.relations[finding.gold]
        other = None if finding.predicted is None else predicted.relations[finding.predicted]
        if other is None:
            items.append(_relation_item(gold, one, finding.kind))  # type: ignore[arg-type]
        elif one is None or finding.kind == "right":
            items.append(_relation_item(predicted, other, finding.kind))
        else:
            items.append(_relation_item(predicted, other, finding.kind, (gold, one)))
    return lines + _list(items)


def type_hues(documents: Iterable[Document]) -> dict[str, int]:
    """A hue, in degrees, for each entity type in `documents`, as a dict in alphabetical order."""
    types = sorted({entity.type for document in documents for entity in document.entities})
    # Past the chosen ones: turns by the golden angle, so that neighbours differ.
    return {name: _HUES[i] if i < len(_HUES) else round(i * 137.5) % 360 for i, name in enumerate(types)}


def kind_class(kind: str) -> str:
    """CSS class of a kind of error: right, wrong, missed or spurious."""
    return kind.split()[0]


def text_html(text: str) -> str:
    """`text` as HTML that shows what it holds and keeps its writing direction to itself."""
    return f"<bdi>{escape(text.translate(_CONTROL_PICTURES))}</bdi>"


def page_file(name: str) -> str:
    """Content of a file of the package folder `page`."""
    return (resources.files("cman_tf.evaluation") / "page" / name).read_text(encoding="utf-8")


def _line(
    document: Document, marks: Sequence[tuple[Entity, str | None]], hues: Mapping[str, int], label: str = ""
) -> str:
    """The sentence with `marks`, `(entity, kind of error or None)`; again for marks that overlap earlier ones."""
    tag = f'<span class="side">{label}</span>' if label else ""
    return "".join(
        f'<p class="line" dir="{_direction(document.text)}">{tag}{_marked(document, layer, hues)}</p>'
        for layer in _layers(marks)
    )


def _layers(marks: Sequence[tuple[Entity, str | None]]) -> list[list[tuple[Entity, str | None]]]:
    """`marks` in the order of the text, split into lists in which none overlap; at least one list."""
    layers: list[list[tuple[Entity, str | None]]] = [[]]
    for mark in sorted(marks, key=lambda mark: (mark[0].start, -mark[0].end)):
        for layer in layers:
            if not layer or layer[-1][0].end <= mark[0].start:
                layer.append(mark)
                break
        else:
            layers.append([mark])
    return layers


def _marked(document: Document, marks: Sequence[tuple[Entity, str | None]], hues: Mapping[str, int]) -> str:
    parts, position = [], document.offsets[0][0] if document.tokens else 0
    for entity, kind in marks:
        start, end = document.char_span(entity)
        parts += [_plain(document.text[position:start]), _mark(document, entity, kind, hues)]
        position = end
    rest = document.text[position : document.offsets[-1][1]] if document.tokens else ""
    return "".join([*parts, _plain(rest)])


def _plain(text: str) -> str:
    return text_html(text) if text else ""


def _mark(document: Document, entity: Entity, kind: str | None, hues: Mapping[str, int]) -> str:
    symbol, css, title = "", "", entity.type
    if kind is not None:
        symbol, css, title = f"<b>{SYMBOLS[kind]}</b> ", f" {kind_class(kind)}", f"{kind}: {entity.type}"
    return (
        f'<mark class="entity{css}" style="--hue:{hues[entity.type]}" title="{escape(title)}">'
        f"{text_html(document.entity_text(entity))}"
        f'<span class="label">{symbol}{escape(entity.type)}{_score(entity)}</span></mark>'
    )


def _relation_item(
    document: Document, relation: Relation, kind: str | None = None, gold: tuple[Document, Relation] | None = None
) -> str:
    """A relation as found, or as annotated if it was missed; `gold` is what it should have been, if something."""
    # A wrong entity may read like the right one: only the types tell them apart.
    typed = kind == "wrong entity"
    relation_html = f"{_relation(document, relation, typed)}{_score(relation)}"
    if kind is None:
        return f"<li>{relation_html}</li>"
    instead = f' <span class="instead">gold: {_relation(*gold, typed)}</span>' if gold else ""
    return (
        f'<li class="{kind_class(kind)}"><b>{SYMBOLS[kind]}</b> {relation_html} '
        f'<span class="kind">{kind}</span>{instead}</li>'
    )


def _relation(document: Document, relation: Relation, typed: bool = False) -> str:
    ends = []
    for entity in (document.entities[relation.head], document.entities[relation.tail]):
        type_html = f' <span class="score">{escape(entity.type)}</span>' if typed else ""
        ends.append(text_html(document.entity_text(entity)) + type_html)
    return f' <span class="arrow">--{escape(relation.type)}--&gt;</span> '.join(ends)


def _list(items: Iterable[str]) -> str:
    return f'<ul class="links">{"".join(items)}</ul>' if items else ""


def _score(item: Entity | Relation) -> str:
    return "" if item.score is None else f' <span class="score">{item.score:.2f}</span>'


def _direction(text: str) -> str:
    """Direction of the first letter that has one, as the Unicode bidirectional algorithm finds a paragraph's."""
    for character in text:
        direction = unicodedata.bidirectional(character)
        if direction in ("L", "R", "AL"):
            return "ltr" if direction == "L" else "rtl"
    return "ltr"
