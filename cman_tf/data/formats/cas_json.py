"""UIMA CAS JSON 0.4.0, which contains its types, as INCEpTION exports and imports it.

    {"%TYPES": {"custom.Span": {"%NAME": "custom.Span", "%SUPER_TYPE": "uima.tcas.Annotation",
       "label": {"%NAME": "label", "%RANGE": "uima.cas.String"}}, ...},
     "%FEATURE_STRUCTURES": [
       {"%ID": 1, "%TYPE": "uima.cas.Sofa", "sofaNum": 1, "sofaID": "_InitialView", "sofaString": "Ana Lima left."},
       {"%ID": 2, "%TYPE": "custom.Span", "@sofa": 1, "begin": 0, "end": 8, "label": "Peop"}],
     "%VIEWS": {"_InitialView": {"%SOFA": 1, "%MEMBERS": [2]}}}

A file, a folder of them, or a ZIP archive such as an exported project, where `--annotator` chooses a person. Writing
makes a folder with one file for each document. The form is that of the specification in
[uima-uimaj-io-jsoncas](https://github.com/apache/uima-uimaj-io-jsoncas/blob/main/SPECIFICATION.adoc).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cman_tf.data.document import Document
from cman_tf.data.formats import cas, projects, spans
from cman_tf.data.formats.json_first import First
from cman_tf.data.formats.losses import Reading
from cman_tf.data.formats.reading import decoded
from cman_tf.errors import InputError
from cman_tf.files import atomic_folder

if TYPE_CHECKING:
    from cassis import Cas

_KEYS = ("%TYPES", "%FEATURE_STRUCTURES", "%VIEWS")


def fits(found: First) -> bool:
    """Whether the file is a JSON object with `%TYPES` or `%FEATURE_STRUCTURES`."""
    return not set(_KEYS).isdisjoint(found.record)


def recognises(path: str | Path) -> bool:
    """Whether such a file is in the folder or archive."""
    path = Path(path)
    with contextlib.suppress(InputError):
        return projects.is_collection(path) and any(_files(path))
    return False


def _files(path: Path) -> Iterator[projects.Member]:
    alone = not projects.is_collection(path)
    for file in projects.members(path):
        # An exported project has a description, which is JSON too.
        if alone or file.path.suffix == ".json" and any(f'"{key}"'.encode() in file.read(1000) for key in _KEYS):
            yield file


def read(path: str | Path, tokenize: spans.Tokenize | None = None, reading: Reading | None = None) -> list[Document]:
    """Read a file, folder or archive, see `cman_tf.data.formats.cas.read`."""
    return cas.read(_files(Path(path)), _load, path, tokenize, reading)


def _load(cassis: Any, file: projects.Member) -> Callable[[], Cas]:
    return partial(cassis.load_cas_from_json, decoded(file.read(), file.place))


def write(documents: Iterable[Document], path: str | Path) -> None:
    """Write a new folder, whole or not at all, with a file for each document. `read` returns their sentences.

    Raises:
        InputError: if dkpro-cassis is not installed, the folder is not empty or cannot be written, a text contains a
            lone surrogate, or a type is not valid.
    """
    with atomic_folder(path) as folder:
        for name, converted in cas.cases(documents):
            text = str(converted.to_json(ensure_ascii=False))
            (folder / f"{name}.json").write_bytes(text.encode())
