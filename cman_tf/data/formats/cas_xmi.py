"""UIMA CAS XMI with its type system, as INCEpTION, DKPro Core and cTAKES write it.

    <xmi:XMI xmlns:xmi="http://www.omg.org/XMI" xmlns:custom="http:///custom.ecore" ...>
      <custom:Span xmi:id="2" sofa="1" begin="0" end="8" label="Peop"/>
      <cas:Sofa xmi:id="1" sofaNum="1" sofaID="_InitialView" mimeType="text" sofaString="Ana Lima left."/>
      <cas:View sofa="1" members="2"/>
    </xmi:XMI>

A file `.xmi` with `TypeSystem.xml` beside it, a folder of them, or a ZIP archive: INCEpTION exports one text or a
project as such; in a project, `--annotator` chooses a person. Writing makes a folder with one file for each document,
and `TypeSystem.xml`. The form is that of UIMA's references and of the test data of INCEpTION and dkpro-cassis.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cman_tf.data.document import Document
from cman_tf.data.formats import cas, projects, spans
from cman_tf.data.formats.losses import Reading
from cman_tf.data.formats.reading import beginning
from cman_tf.errors import InputError
from cman_tf.files import atomic_folder

if TYPE_CHECKING:
    from cassis import Cas

_TYPES = "TypeSystem.xml"
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def recognises(path: str | Path) -> bool:
    """Whether the file is XML that begins with `<xmi:XMI`, or the folder or archive contains a file `.xmi`."""
    path = Path(path)
    if not projects.is_collection(path):
        return b"<xmi:XMI" in beginning(path)
    with contextlib.suppress(InputError):
        return any(file.path.suffix == ".xmi" for file in projects.members(path))
    return False


def read(path: str | Path, tokenize: spans.Tokenize | None = None, reading: Reading | None = None) -> list[Document]:
    """Read a file, folder or archive, see `cman_tf.data.formats.cas.read`; a text without type system is left out."""
    path = Path(path)
    alone = not projects.is_collection(path)
    found = list(projects.members(path))
    beside = (
        [file for near in path.absolute().parent.glob("*.xml") for file in projects.members(near)] if alone else found
    )
    types = [file for file in beside if file.path.name.lower().endswith(_TYPES.lower())]
    files = [file for file in found if alone or file.path.suffix == ".xmi"]
    return cas.read(files, partial(_load, types), path, tokenize, reading)


def _load(types: Sequence[projects.Member], cassis: Any, file: projects.Member) -> Callable[[], Cas]:
    # That of the same folder, else the only one of the export.
    near = [kind for kind in types if kind.path.parent == file.path.parent] or types
    if len(near) != 1:
        raise InputError(f"A file .xmi must have its type system beside it, one file {_TYPES}. Received: {len(near)}")
    kinds, data = _checked(near[0]), _checked(file)
    return lambda: cassis.load_cas_from_xmi(io.BytesIO(data), cas.typesystem(kinds), lenient=True)


def _checked(file: projects.Member) -> bytes:
    """The content of an XML file without declarations, which could name other files."""
    data = file.read()
    if b"<!DOCTYPE" in data.replace(b"\0", b""):
        raise InputError(f"A CAS must not have a document type declaration. Received: one in {file.place}")
    return data


def write(documents: Iterable[Document], path: str | Path) -> None:
    """Write a new folder, whole or not at all, with a file for each document. `read` returns their sentences.

    Characters that XML cannot represent, such as form feeds, become blanks.

    Raises:
        InputError: if dkpro-cassis is not installed, the folder is not empty or cannot be written, a text contains a
            lone surrogate, or a type is not valid.
    """
    with atomic_folder(path) as folder:
        for name, converted in cas.cases(map(_representable, documents)):
            converted.to_xmi(folder / f"{name}.xmi")
            if not (folder / _TYPES).exists():
                converted.typesystem.to_xml(folder / _TYPES)


def _representable(document: Document) -> Document:
    text = _NOT_XML.sub(" ", document.text)
    if text == document.text:
        return document
    tokens = [text[start:end] for start, end in document.offsets]
    return replace(document, text=text, tokens=tokens)
