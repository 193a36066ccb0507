"""BioC, as JSON or XML: passages with entities, and relations between them (Comeau et al., 2013).

    {"documents": [{"id": "1", "passages": [{"offset": 0, "text": "Aspirin caused asthma.", "annotations": [
        {"id": "T1", "infons": {"type": "Chemical"}, "text": "Aspirin", "locations": [{"offset": 0, "length": 7}]}],
      "relations": [{"id": "R1", "infons": {"type": "CID"}, "nodes": [{"refid": "T1", "role": "Chemical"}, ...]}]}]}]}

Offsets count in the document. The two nodes of a relation are head and tail; relations with more are left out. A
relation without nodes is one of two concepts, of the nearest annotations that have them as `identifier` (or `MESH`):
its infons are `role1` and `role2`, as in PubTator 3, `entity1` and `entity2`, as in BioRED, or named by types, as in
BioCreative V CDR:

    "infons": {"type": "Association", "role1": {"identifier": "MESH:D001241"}, "role2": {"identifier": "MESH:D001249"}}

The form is that of the BioC DTD and of PubTator's and PMC's BioC files.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from cman_tf.data.document import Document
from cman_tf.data.formats import json_files, spans
from cman_tf.data.formats.concepts import Concepts
from cman_tf.data.formats.json_first import First
from cman_tf.data.formats.losses import Reading
from cman_tf.data.formats.reading import beginning, read_bytes, show
from cman_tf.data.formats.records import check_object, show_keys, value
from cman_tf.errors import InputError

# Infons with the concept of an annotation, and with those of a relation.
_CONCEPTS = ("identifier", "MESH")
_ENDS = (["role1", "role2"], ["entity1", "entity2"])


def fits(found: First) -> bool:
    """Whether the objects have `passages`."""
    return "passages" in found.record


def recognises(path: str | Path) -> bool:
    """Whether the file is XML with a `collection`."""
    data = beginning(path).lstrip(b"\xef\xbb\xbf \r\n\t")
    return data.startswith(b"<") and b"<collection" in data


def read(path: str | Path, tokenize: spans.Tokenize | None = None, reading: Reading | None = None) -> list[Document]:
    """Read a file.

    `tokenize` and `reading`: see `cman_tf.data.formats.read`.

    Returns:
        list of `Document`.

    Raises:
        InputError: if the file cannot be read, is neither JSON nor XML, contains no sentences, or the choices of
            `reading` demand it.
    """
    reading = reading or Reading()
    records = _xml(path) if recognises(path) else json_files.records(path, "document", reading)
    return spans.from_records(records, _text, path, reading, tokenize)


def _text(record: Mapping[str, Any], place: str, reading: Reading) -> spans.Text:
    text = spans.Text("", place, str(value(record, "id", "a string or a whole number", "")))
    parts = [record]
    for passage in value(record, "passages", "a list"):
        check_object(passage, "A passage")
        inside = value(passage, "sentences", "a list", []) or [passage]
        parts += [passage, *(part for part in inside if part is not passage)]
        for part in inside:
            check_object(part, "A sentence")
            start = value(part, "offset", "a whole number")
            if start < len(text.text) or start > len(text.text) + 100_000:
                raise InputError(f"Offsets must rise from passage to passage. Received: {start}")
            # Passages are paragraphs.
            spans.add_part(text, value(part, "text", "a string", ""), reading, "\n" * (start - len(text.text)))
    concepts = Concepts()
    for part in parts:
        for item in value(part, "annotations", "a list", []):
            with reading.trying("malformed entities", place):
                key, span = _span(item, place)
                if key in text.spans:
                    raise InputError(f"Ids of annotations must be unique. Received: {key} again")
                text.spans[key] = span
                for name in _CONCEPTS:
                    concepts.add(key, str(item["infons"].get(name) or ""))
    for part in parts:
        for item in value(part, "relations", "a list", []):
            with reading.trying("malformed relations", place):
                check_object(item, "A relation")
                if item.get("nodes"):
                    text.relations.append(_link(item, place))
                    continue
                kind, head, tail = _concept_link(item)
                with reading.trying("relations of concepts without mentions", place):
                    ends = concepts.nearest(text, head, tail, reading)
                    text.relations.append(spans.Link(*ends, kind, None, place))
    return text


def _span(item: Any, place: str) -> tuple[str, spans.Span]:
    check_object(item, "An annotation")
    pieces = []
    for location in value(item, "locations", "a list"):
        check_object(location, "A location")
        start = value(location, "offset", "a whole number")
        pieces.append((start, start + value(location, "length", "a whole number")))
    if not pieces:
        raise InputError(f"An annotation must have a location. Received: {show(item)}")
    mention = item.get("text")
    key = str(value(item, "id", "a string or a whole number"))
    return key, spans.Span(pieces, _kind(item), None, mention if isinstance(mention, str) else None, place)


def _link(item: Mapping[str, Any], place: str) -> spans.Link:
    nodes = value(item, "nodes", "a list")
    for node in nodes:
        check_object(node, "A node")
    ends = [str(value(node, "refid", "a string or a whole number")) for node in nodes]
    if len(ends) != 2:
        raise InputError(f"A relation must have two nodes. Received: {len(ends)}")
    return spans.Link(ends[0], ends[1], _kind(item), None, place)


def _concept_link(item: Mapping[str, Any]) -> tuple[str, str, str]:
    """`(type, head, tail)` of a relation between two concepts."""
    kind, infons = _kind(item), _infons(item)
    others = [name for name in infons if name not in ("type", "relation")]
    names = next((pair for pair in _ENDS if set(pair) <= set(infons)), others)
    ends = [infons[name].get("identifier") if isinstance(infons[name], dict) else infons[name] for name in names]
    if len(ends) != 2 or not all(isinstance(end, str) for end in ends):
        raise InputError(f"A relation must have two nodes or two concepts. Received: {show(infons)}")
    return kind, ends[0], ends[1]


def _infons(item: Mapping[str, Any]) -> dict[str, Any]:
    infons = item.get("infons")
    check_object(infons, "`infons`")
    assert isinstance(infons, dict)
    return infons


def _kind(item: Mapping[str, Any]) -> str:
    infons = _infons(item)
    kind = infons.get("type", infons.get("relation"))
    if not isinstance(kind, str):
        raise InputError(f"`infons` must have a `type`. Received: {show_keys(infons)}")
    return kind


def _xml(path: str | Path) -> list[tuple[str, dict[str, Any]]]:
    """The documents of an XML file in the form of the JSON ones."""
    try:
        root = ElementTree.fromstring(read_bytes(path))
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise InputError(f"The file must contain valid XML. Received: {error} in {path}") from None
    found = root.findall("document")
    if not found:
        raise InputError(f"{path} contains no documents.")
    return [(f"{path}, document {number}", _record(item)) for number, item in enumerate(found, 1)]


def _record(element: ElementTree.Element) -> dict[str, Any]:
    record: dict[str, Any] = dict(element.attrib)
    for name in ("id", "text", "offset"):
        child = element.find(name)
        if child is not None:
            record[name] = _number(child.text or "") if name == "offset" else child.text or ""
    record["infons"] = {child.get("key", ""): child.text or "" for child in element.findall("infon")}
    for name in ("passage", "sentence", "annotation", "relation", "node"):
        record[f"{name}s"] = [_record(child) for child in element.findall(name)]
    record["locations"] = [
        {key: _number(child.get(key, "")) for key in ("offset", "length")} for child in element.findall("location")
    ]
    return record


def _number(text: str) -> Any:
    return int(text[:9]) if text.strip().isdecimal() else text
