"""UIMA CAS, the data structure of INCEpTION and DKPro Core: annotated texts from a CAS, and a CAS from a document.

Entities are the annotations of span layers: the layer of named entities, and custom ones. Relations are those of
relation layers, from `Governor` to `Dependent`. The type of an annotation is its feature `value` or `label`, else its
first string, else the layer's name. Sentences are those of the CAS. Linguistic layers (`POS`, `Lemma`, ...), chains and
slots are counted as left out.

Writing uses the layers `custom.Span` and `custom.Relation` with the feature `label`. INCEpTION calls them *Generic span
annotation* and *Generic relation annotation* when it creates a project.

Requires the extra `[cas]`, which installs [dkpro-cassis](https://pypi.org/project/dkpro-cassis/) and lxml.
"""

from __future__ import annotations

import functools
import io
import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cman_tf.data.document import Document
from cman_tf.data.formats import projects, spans
from cman_tf.data.formats.losses import Reading
from cman_tf.data.formats.reading import check_unicode, written
from cman_tf.errors import InputError, optional

if TYPE_CHECKING:
    from cassis import Cas, TypeSystem

_DKPRO = "de.tudarmstadt.ukp.dkpro.core.api."
_TOKEN, _SENTENCE = f"{_DKPRO}segmentation.type.Token", f"{_DKPRO}segmentation.type.Sentence"
_METADATA = f"{_DKPRO}metadata.type.DocumentMetaData"
_ENTITIES = f"{_DKPRO}ner.type."
# They describe the text or the project and annotate nothing.
_FRAME = (_TOKEN, _SENTENCE, f"{_DKPRO}metadata.type.", "uima.", "org.dkpro.core.api.xml.", "org.dkpro.core.api.pdf.")
_SPAN, _RELATION, _LABEL = "custom.Span", "custom.Relation", "label"
# What names of files may contain.
_UNSAFE = re.compile(r"[^\w.-]|^[.-]+")


def read(
    files: Iterable[projects.Member],
    load: Callable[[Any, projects.Member], Callable[[], Cas]],
    path: str | Path,
    tokenize: spans.Tokenize | None,
    reading: Reading | None,
) -> list[Document]:
    """Read the files of an export.

    Args:
        files: iterable of `cman_tf.data.formats.projects.Member`.
        load: callable `(cassis, file) -> parse`. `parse` is a callable without arguments that returns the `Cas`: calls
            of the library, which may raise anything.
        path: str or path of the export.
        tokenize, reading: see `cman_tf.data.formats.read`.

    Returns:
        list of `Document`, one for each sentence.

    Raises:
        InputError: if dkpro-cassis is not installed, a file cannot be read, there are no sentences, a text has several
            annotators and `reading` chooses none, or the choices of `reading` demand it.
    """
    cassis = optional("cassis", "cas")
    reading = reading or Reading()
    texts = []
    for file, name in projects.texts(files, path, reading):
        with reading.skipping("malformed texts", file.place):
            cas = _parsed(load(cassis, file), file.place, reading)
            texts.append(_text(cas, name, file.place, reading))
    return spans.documents(texts, path, reading, tokenize)


def _parsed(parse: Callable[[], Cas], place: str, reading: Reading) -> Cas:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        try:
            cas = parse()
        except Exception as error:  # noqa: BLE001, cassis raises many types for other content
            raise InputError(f"A CAS must be valid. Received: {type(error).__name__}") from None
    for message in (str(warning.message) for warning in seen):
        if message.startswith("Not mapping external offset"):
            # cassis leaves such an offset as it is, which may be another place of the text.
            raise InputError(f"Offsets must be between characters. Received: {message.split(' which')[0]}")
        if message.startswith("Type with name"):
            reading.leave_out("annotations of unknown types", place)
    return cas


def _text(cas: Cas, name: str, place: str, reading: Reading) -> spans.Text:
    views = [view.sofa.sofaID for view in cas.views if isinstance(view.sofa.sofaString, str)]
    if not views:
        raise InputError("A CAS must contain a text. Received: none")
    if len(views) > 1:
        reading.leave_out("further views of a text", place, len(views) - 1)
    cas = cas.get_view(views[0])
    found: list[Any] = list(cas.select("uima.cas.AnnotationBase"))
    names = [fs.documentId for fs in found if fs.type.name == _METADATA and isinstance(fs.documentId, str)]
    text = spans.Text(str(cas.sofa_string), place, names[0] if names and names[0] else name)
    relations = []
    for fs in found:
        kind = fs.type
        features = {feature.name for feature in kind.all_features}
        if kind.name == _SENTENCE:
            text.sentences = [*(text.sentences or []), *_inside(fs, text.text)]
        elif kind.name.startswith(_FRAME):
            continue
        elif not {"begin", "end"} <= features or "next" in features or _is_linguistic(kind.name):
            reading.leave_out(f"annotations of the layer {projects.short(kind.name)}", place)
        elif {"Governor", "Dependent"} <= features:
            relations.append(fs)
        else:
            _add_span(fs, text, reading)
    text.sentences = _ascending(text.sentences)
    text.spans = dict(sorted(text.spans.items(), key=lambda item: item[1].pieces[0]))
    for fs in relations:
        head, tail = (getattr(getattr(fs, end), "xmiID", None) for end in ("Governor", "Dependent"))
        text.relations.append(spans.Link(head, tail, _type(fs), None, place))
    return text


def _is_linguistic(name: str) -> bool:
    return name.startswith((_DKPRO, "org.dkpro.core.api.")) and not name.startswith(_ENTITIES)


def _add_span(fs: Any, text: spans.Text, reading: Reading) -> None:
    if any(_is_slot(getattr(fs, feature.name, None)) for feature in fs.type.all_features):
        reading.leave_out("slots of annotations", text.place)
    with reading.trying("malformed entities", text.place):
        if fs.xmiID in text.spans:
            raise InputError(f"Ids of annotations must be unique. Received: {fs.xmiID} again")
        text.spans[fs.xmiID] = spans.Span([_borders(fs)], _type(fs), None, None, text.place)


def _is_slot(value: Any) -> bool:
    """Whether a value of a feature is an array of links to other annotations that is not empty."""
    return bool(getattr(value, "elements", value if isinstance(value, list) else None))


def _borders(fs: Any) -> tuple[int, int]:
    # UIMA's default of a number is 0.
    borders = tuple(0 if border is None else border for border in (fs.begin, fs.end))
    if not all(isinstance(border, int) and not isinstance(border, bool) for border in borders):
        raise InputError(f"An offset must be a whole number. Received: {borders}")
    return borders  # type: ignore[return-value]


def _inside(fs: Any, text: str) -> Iterator[tuple[int, int]]:
    start, end = _borders(fs)
    if 0 <= start < end <= len(text) and text[start:end].strip():
        yield start, end


def _ascending(sentences: list[tuple[int, int]] | None) -> list[tuple[int, int]] | None:
    """The sentences in order, without those that overlap an earlier one; None if there are none."""
    kept: list[tuple[int, int]] = []
    for start, end in sorted(sentences or ()):
        if not kept or start >= kept[-1][1]:
            kept.append((start, end))
    return kept or None


def _type(fs: Any) -> str:
    """The type of an entity or relation; a feature `type` is `type_` in cassis."""
    values = {feature.name.rstrip("_"): getattr(fs, feature.name, None) for feature in fs.type.all_features}
    strings = {name: value.strip() for name, value in values.items() if isinstance(value, str) and value.strip()}
    return projects.type_of(strings, fs.type.name)


@functools.lru_cache(maxsize=1)
def typesystem(data: bytes) -> TypeSystem:
    """The type system of an XML file; the last one is kept, as all texts of a project have the same."""
    return optional("cassis", "cas").load_typesystem(io.BytesIO(data))


def cases(documents: Iterable[Document]) -> Iterator[tuple[str, Cas]]:
    """Convert documents for writing.

    Yields:
        `(name, cas)`: a unique name of a file without suffix, from the id of the document.

    Raises:
        InputError: if dkpro-cassis is not installed, a text contains a lone surrogate, or a type is not valid.
    """
    cassis = optional("cassis", "cas")
    types = _types(cassis)
    used: set[str] = set()
    converted = written(documents, lambda document: (document, _cas(document, cassis, types)))
    for number, (document, cas) in enumerate(converted):
        name = own = _UNSAFE.sub("_", document.id.removesuffix(".txt")) or f"document_{number + 1:06}"
        while name.lower() in used:
            number += 1
            name = f"{own}_{number}"
        used.add(name.lower())
        yield name, cas


def _types(cassis: Any) -> TypeSystem:
    types = cassis.TypeSystem()
    annotation, string = "uima.tcas.Annotation", "uima.cas.String"
    for name, base, features in (
        (_TOKEN, annotation, {}),
        (_SENTENCE, annotation, {}),
        (_METADATA, "uima.tcas.DocumentAnnotation", {"documentTitle": string, "documentId": string}),
        (_SPAN, annotation, {_LABEL: string}),
        (_RELATION, annotation, {"Governor": _SPAN, "Dependent": _SPAN, _LABEL: string}),
    ):
        kind = types.create_type(name, base)
        for feature, range in features.items():
            types.create_feature(kind, feature, range)
    return types


def _cas(document: Document, cassis: Any, types: TypeSystem) -> Cas:
    check_unicode(document.text, document.id)
    cas = cassis.Cas(types)
    cas.sofa_string, cas.sofa_mime = document.text, "text"

    def add(kind: str, start: int, end: int, **features: Any) -> Any:
        fs = types.get_type(kind)(begin=start, end=end, **features)
        cas.add(fs)
        return fs

    add(_METADATA, 0, len(document.text), language="x-unspecified", documentTitle=document.id, documentId=document.id)
    for start, end in map(document.sentence_span, range(len(document.sentences))):
        add(_SENTENCE, start, end)
    for start, end in document.offsets:
        add(_TOKEN, start, end)
    entities = [add(_SPAN, *document.char_span(entity), label=entity.type) for entity in document.entities]
    for relation in document.relations:
        head, tail = entities[relation.head], entities[relation.tail]
        # As in INCEpTION, a relation has the offsets of its dependent.
        add(_RELATION, tail.begin, tail.end, Governor=head, Dependent=tail, label=relation.type)
    return cas
