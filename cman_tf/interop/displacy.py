"""Documents in the form that spaCy's displaCy draws: `displacy.render(data, manual=True)`.

The package's own `cman_tf.evaluation.markup.sentence_html` works without spaCy and shows entities and relations
together.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from cman_tf.errors import InputError, optional, printable

if TYPE_CHECKING:
    from cman_tf.data.document import Document


def entities(document: Document) -> dict[str, Any]:
    """Data of style `ent`: the sentence with its entities marked.

    Args:
        document: `Document`.

    Returns:
        dict with `text` and `ents`.
    """
    found = []
    for entity in sorted(document.entities, key=lambda entity: (entity.start, entity.end)):
        start, end = document.char_span(entity)
        found.append({"start": start, "end": end, "label": entity.type})
    return {"text": document.text, "ents": found, "title": document.id or None}


def relations(document: Document) -> dict[str, Any]:
    """Data of style `dep`: entities as words with their type below, relations as arcs from head to tail.

    Args:
        document: `Document`.

    Returns:
        dict with `words` and `arcs`.

    Raises:
        InputError: if entities overlap: displaCy cannot show a word twice.
    """
    if document.overlapping():
        raise InputError("displaCy's arcs cannot show overlapping entities. Received: " + document.text)
    inside = {entity.start: index for index, entity in enumerate(document.entities)}
    words: list[dict[str, str]] = []
    place: dict[int, int] = {}
    token = 0
    while token < len(document):
        if token in inside:
            entity = document.entities[inside[token]]
            place[inside[token]] = len(words)
            words.append({"text": document.entity_text(entity), "tag": entity.type})
            token = entity.end
        else:
            words.append({"text": document.tokens[token], "tag": ""})
            token += 1
    arcs = []
    for relation in document.relations:
        head, tail = place[relation.head], place[relation.tail]
        arcs.append(
            {
                "start": min(head, tail),
                "end": max(head, tail),
                "label": relation.type,
                "dir": "right" if head < tail else "left",  # the end that has the arrow
            }
        )
    return {"words": words, "arcs": arcs}


def render(document: Document, style: str = "ent", **options: Any) -> str:
    """Draw one sentence.

    Args:
        document: `Document`.
        style: `"ent"` or `"dep"`, see `entities` and `relations`.
        **options: options of displaCy, e.g. `distance=120`.

    Returns:
        str: HTML, or SVG for `"dep"`.

    Raises:
        InputError: if spaCy is not installed, or as `relations`.
    """
    data = _escaped(entities(document) if style == "ent" else relations(document))
    displacy = optional("spacy.displacy", "spacy")
    # Without jupyter=False, a notebook would show it and return None.
    return displacy.render(data, style=style, manual=True, jupyter=False, options=options)


def _escaped(data: dict[str, Any]) -> dict[str, Any]:
    """The data with types and title escaped: displaCy escapes the text alone."""
    for items, names in (("ents", ("label",)), ("arcs", ("label",)), ("words", ("tag",))):
        for item in data.get(items, ()):
            item.update((name, html.escape(printable(item[name]))) for name in names)
    if data.get("title"):
        data["title"] = html.escape(printable(data["title"]))
    return data
