r"""WebAnno TSV 3, as INCEpTION and WebAnno export it: one token per line, span and relation layers in columns.

    #FORMAT=WebAnno TSV 3.3
    #T_SP=de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity|identifier|value
    #T_RL=webanno.custom.Relation|label|BT_de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity

    #Text=Ana Lima lives in Oslo.
    1-1	0-3	Ana	*[1]	Peop[1]	_	_
    1-2	4-8	Lima	*[1]	Peop[1]	_	_
    1-5	18-22	Oslo	*	Loc	Live_In	1-1[1_0]

A file, or a folder or ZIP archive of them, such as an exported project, where `--annotator` chooses a person. The type
of an annotation is its feature `value` or `label`, else its first one, else the layer's name. A relation leads from the
annotation it names to that of its line. Linguistic layers (`POS`, `Lemma`, ...), chains and slots are counted as left
out. Offsets are UTF-16 units. The form is that of the WebAnno user guide, appendix B, and of the test suite of
INCEpTION's module `inception-io-webanno-tsv`.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cman_tf.data.document import Document
from cman_tf.data.formats import offsets, projects, spans
from cman_tf.data.formats.losses import Reading
from cman_tf.data.formats.reading import decoded, first_line, show
from cman_tf.errors import InputError

_FIRST = "#FORMAT=WebAnno TSV 3"
_LINGUISTIC = {"POS", "Lemma", "MorphologicalFeatures", "SurfaceForm", "Stem", "Dependency", "Token", "Sentence"}
_ROW = re.compile(r"(\d{1,7}-\d{1,7}(?:\.\d{1,7})?)\t(\d{1,9})-(\d{1,9})\t([^\t]*)(?:\t(.*))?")
_VALUE = re.compile(r"(.*?)(?:\[(\d{1,9})\])?", re.DOTALL)
_REFERENCE = re.compile(r"(\d{1,7}-\d{1,7}(?:\.\d{1,7})?)(?:\[(\d{1,9})(?:_(\d{1,9}))?\])?")


def recognises(path: str | Path) -> bool:
    """Whether the file, or a file `.tsv` in the folder or archive, begins with `#FORMAT=WebAnno TSV 3`."""
    path = Path(path)
    if not projects.is_collection(path):
        return first_line(path).startswith(_FIRST)
    with contextlib.suppress(InputError):
        return any(_FIRST.encode() in file.read(200) for file in _files(path))
    return False


def _files(path: Path) -> Iterator[projects.Member]:
    alone = not projects.is_collection(path)
    return (file for file in projects.members(path) if alone or file.path.suffix == ".tsv")


def read(path: str | Path, tokenize: spans.Tokenize | None = None, reading: Reading | None = None) -> list[Document]:
    """Read a file or folder.

    `tokenize` and `reading`: see `cman_tf.data.formats.read`.

    Returns:
        list of `Document`, one for each sentence of the file.

    Raises:
        InputError: if there are no sentences that can be read, a text has several annotators and `reading` chooses
            none, or the choices of `reading` demand it.
    """
    reading = reading or Reading()
    texts = []
    for file, name in projects.texts(_files(Path(path)), path, reading):
        with reading.skipping("texts that cannot be read"):
            texts.append(_text(file, name, reading))
    return spans.documents(texts, path, reading, tokenize)


@dataclass(frozen=True)
class _Layer:
    """A layer: its columns are from `start`, a relation's last one has the annotation it comes from."""

    kind: str
    name: str
    features: tuple[str, ...]
    base: str
    start: int


def _layers(lines: list[str]) -> list[_Layer]:
    found: list[_Layer] = []
    column = 0
    for line in lines:
        match = re.fullmatch(r"#T_(SP|RL|CH)=([^|]+)\|?(.*)", line)
        if match:
            features = tuple(match[3].split("|"))
            base = features[-1][3:] if features[-1].startswith("BT_") else ""
            found.append(_Layer(match[1], match[2], features, base, column))
            column += len(features)
    return found


def _text(file: projects.Member, name: str, reading: Reading) -> spans.Text:
    # Not splitlines: a text may contain U+2028 and similar characters.
    lines = [line.rstrip("\r") for line in decoded(file.read(), file.place).split("\n")]
    if not lines[0].startswith(_FIRST):
        raise InputError(f"The file must begin with {_FIRST}. Received: {show(lines[0])} in {file.place}")
    layers = _layers(lines)
    text = spans.Text("", file.place, name, sentences=[])
    found = _Annotations(text, layers, reading)
    units = 0
    shown: list[str] = []
    for number, line in enumerate(lines, 1):
        if line.startswith("#Text="):
            shown.append(_unescaped(line[len("#Text=") :]))
        elif line and line[0].isdigit():
            with reading.trying("malformed lines", f"{file.place}, line {number}"):
                row = _ROW.fullmatch(line)
                if not row:
                    raise InputError(f"A line must be '1-1<tab>START-END<tab>TOKEN...'. Received: {show(line)}")
                if shown:
                    units = _begin(text, "\n".join(shown), int(row[2]), row[4], units)
                    shown = []
                found.add(row, f"{file.place}, line {number}")
    found.finish()
    return text


def _begin(text: spans.Text, sentence: str, start: int, token: str, units: int) -> int:
    """Add a sentence to the text, whose first token starts at an offset; returns the length so far in UTF-16 units."""
    start -= _length(sentence[: max(sentence.find(token), 0)])
    if start < units or start > units + 100_000:
        raise InputError(f"Offsets must rise from sentence to sentence. Received: {start} after {units}")
    text.text += "\n" * (start - units)
    assert text.sentences is not None
    text.sentences.append((len(text.text), len(text.text) + len(sentence)))
    text.text += sentence
    return start + _length(sentence)


def _length(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda match: {"t": "\t", "n": "\n", "r": "\r"}.get(match[1], match[1]), text)


class _Annotations:
    """Collects annotations line by line."""

    def __init__(self, text: spans.Text, layers: list[_Layer], reading: Reading) -> None:
        self.text = text
        self.layers = layers
        self.reading = reading
        # By (layer, id) or (layer, row): UTF-16 start and end, type, place.
        self.found: dict[tuple[str, str], tuple[int, int, str, str]] = {}

    def add(self, row: re.Match[str], place: str) -> None:
        """Add the annotations of a line."""
        cells = (row[5] or "").split("\t")
        for layer in self.layers:
            own = cells[layer.start : layer.start + len(layer.features)]
            if not any(cell not in ("", "_") for cell in own):
                continue
            short = projects.short(layer.name)
            if layer.kind == "CH" or short in _LINGUISTIC:
                self.reading.leave_out(f"annotations of the layer {short}", place)
            elif layer.kind == "SP":
                self._span(layer, own, row, place)
            else:
                self._relation(layer, own, row[1], place)

    def _span(self, layer: _Layer, cells: list[str], row: re.Match[str], place: str) -> None:
        columns = [_values(cell) for cell in cells]
        slots = [number for number, feature in enumerate(layer.features) if _is_role(feature)]
        if any(value not in ("", "*", "_") for number in slots for value, _ in columns[number]):
            self.reading.leave_out("slots of annotations", place)
        for position, (_, id) in enumerate(sorted(columns, key=len)[-1]):
            key = (layer.name, f"[{id}]" if id else row[1])
            kind = _type(layer, columns, position)
            start, end = int(row[2]), int(row[3])
            if id and key in self.found:
                first, last, kind, place = self.found[key]
                start, end = min(first, start), max(last, end)
            self.found[key] = start, end, kind, place

    def _relation(self, layer: _Layer, cells: list[str], row: str, place: str) -> None:
        columns = [_values(cell, plain=number == len(cells) - 1) for number, cell in enumerate(cells)]
        for position, (reference, _) in enumerate(columns[-1]):
            with self.reading.trying("malformed relations", place):
                found = _REFERENCE.fullmatch(reference)
                if not found:
                    raise InputError(
                        f"A relation must name an annotation, such as 1-2[3_0]. Received: {show(reference)}"
                    )
                head = f"[{found[2]}]" if found[2] and found[2] != "0" else found[1]
                tail = f"[{found[3]}]" if found[3] and found[3] != "0" else row
                kind = _type(layer, columns[:-1], position)
                link = spans.Link((layer.base, head), (layer.base, tail), kind, None, place)
                self.text.relations.append(link)

    def finish(self) -> None:
        """Put the spans into the text, in code points."""
        convert = offsets.utf16(self.text.text)
        for key, (start, end, kind, place) in self.found.items():
            self.text.spans[key] = spans.Span([(convert(start), convert(end))], kind, None, None, place)


def _type(layer: _Layer, columns: list[list[tuple[str, str]]], position: int) -> str:
    values = {}
    for index, column in enumerate(columns):
        # Roles of slots are followed by what fills them.
        is_slot = any(map(_is_role, layer.features[max(index - 1, 0) : index + 1]))
        if not is_slot and position < len(column) and column[position][0] not in ("", "*", "_"):
            values[layer.features[index]] = _unescaped(column[position][0])
    return projects.type_of(values, layer.name)


def _is_role(feature: str) -> bool:
    return feature.startswith("ROLE_")


def _values(cell: str, plain: bool = False) -> list[tuple[str, str]]:
    """`(value, id)` of each annotation in a cell, `A[1]|B[2]`; `plain` leaves the brackets."""
    found = []
    for part in re.split(r"(?<!\\)\|", cell):
        match = _VALUE.fullmatch(part)
        assert match
        found.append((part, "") if plain else (match[1], match[2] or ""))
    return found
