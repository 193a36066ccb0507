"""Sentences with triples of mentions, without offsets: the New York Times corpus and the forms that follow it.

    {"sentText": "Ana Lima lives in Oslo .",
     "relationMentions": [{"em1Text": "Ana Lima", "em2Text": "Oslo", "label": "Live_In"}],
     "entityMentions": [{"text": "Ana Lima", "label": "Peop"}, {"text": "Oslo", "label": "Loc"}]}
    {"sentext": "Ana Lima lives in Oslo .", "relations": [{"em1": "Ana Lima", "em2": "Oslo", "rtext": "Live_In"}]}
    {"text": "Ana Lima lives in Oslo .", "triple_list": [["Ana Lima", "Live_In", "Oslo"]]}

The first is the form of CoType's NYT and Wiki-KBP files (Ren et al., 2017), the second that of HRL's NYT10 and NYT11
(Takanobu et al., 2019), the third that of CasRel. A mention is searched in the text at borders of words; one that
occurs twice is taken at its first place, or the next for each further entry. Without `entityMentions` the type of an
entity is `Entity`. The label `None` is no relation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cman_tf.data.document import Document
from cman_tf.data.formats import char_spans, json_files, spans
from cman_tf.data.formats.json_first import First
from cman_tf.data.formats.losses import Reading
from cman_tf.data.formats.reading import show
from cman_tf.data.formats.records import check_object, value
from cman_tf.errors import InputError

_TYPE = "Entity"
_RELATIONS = {"relationMentions": ("em1Text", "label", "em2Text"), "relations": ("em1", "rtext", "em2")}


def fits(found: First) -> bool:
    """Whether the objects have `sentText` or `sentext`, or a `text` with a `triple_list`."""
    keys = set(found.record)
    return not keys.isdisjoint(("sentText", "sentext")) or {"text", "triple_list"} <= keys


def read(path: str | Path, tokenize: spans.Tokenize | None = None, reading: Reading | None = None) -> list[Document]:
    """Read a file.

    `tokenize` and `reading`: see `cman_tf.data.formats.read`.

    Returns:
        list of `Document`.

    Raises:
        InputError: if the file cannot be read, is not JSON, contains no sentences, or the choices of `reading` demand
            it.
    """
    reading = reading or Reading()
    records = json_files.records(path, reading=reading)
    return spans.from_records(records, _text, path, reading, tokenize, sentences="text")


def _text(record: Mapping[str, Any], place: str, reading: Reading) -> spans.Text:
    key = next((name for name in ("sentText", "sentext") if name in record), "text")
    text = spans.Text(value(record, key, "a string"), place)
    article = [record.get(name) for name in ("articleId", "sentId")]
    if key == "text":
        text.id = char_spans.name(record)
    elif all(isinstance(part, (str, int)) for part in article):
        # The sentences of an article stay together in a split.
        text.id = "{}:{}".format(*article)
    found: dict[str, int] = {}
    for item in value(record, "entityMentions", "a list", []):
        with reading.trying("entities that are not in their text", place):
            check_object(item, "An entity")
            _place(text, found, value(item, "text", "a string"), value(item, "label", "a string"), place)
    for list_name, names in _RELATIONS.items():
        for item in value(record, list_name, "a list", []):
            with reading.trying("malformed relations", place):
                check_object(item, "A relation")
                _link(text, found, [value(item, name, "a string") for name in names], place)
    for item in value(record, "triple_list", "a list", []):
        with reading.trying("malformed relations", place):
            if not isinstance(item, list) or len(item) != 3 or not all(isinstance(part, str) for part in item):
                raise InputError(f"A triple must be [head, type, tail]. Received: {show(item)}")
            _link(text, found, item, place)
    return text


def _place(text: spans.Text, found: dict[str, int], mention: str, kind: str, place: str) -> None:
    """Add the entity at the next place of its mention."""
    begin = text.spans[mention].pieces[0][1] if mention in text.spans else 0
    begin = max([begin, *(found[key] for key in found if key == mention)])
    word = re.escape(mention.strip())
    before, after = (
        (r"(?<!\w)" if re.match(r"\w", mention.strip()) else ""),
        (r"(?!\w)" if re.search(r"\w$", mention.strip()) else ""),
    )
    match = re.compile(before + word + after).search(text.text, begin) if word else None
    if match is None:
        if mention in text.spans and text.spans[mention].type == kind:
            return  # the same mention again
        raise InputError(f"A mention must be in its text. Received: {show(mention)}")
    key = mention if mention not in text.spans else (mention, match.start())
    text.spans[key] = spans.Span([match.span()], kind, None, None, place)
    found[mention] = match.end()


def _link(text: spans.Text, found: dict[str, int], triple: list[str], place: str) -> None:
    head, kind, tail = triple
    if kind == "None":
        return
    for mention in (head, tail):
        if mention not in text.spans:
            _place(text, found, mention, _TYPE, place)
    text.relations.append(spans.Link(head, tail, kind, None, place))
