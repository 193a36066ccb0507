"""PubTator: titles and abstracts with entities, and relations of the concepts that these name.

    1|t|Aspirin and asthma.
    1|a|Aspirin caused asthma in two patients.
    1	0	7	Aspirin	Chemical	D001241
    1	12	18	asthma	Disease	D001249
    1	CID	D001241	D001249

Offsets count in the title, one blank and the abstract. A relation is of two concepts in a text, not of two mentions; it
is read as a relation of the nearest mentions of both. Entities without a concept (`-1`, `-`) have none. The form is
that of PubTator's export and of the BioCreative V CDR and BioRED corpora, whose further column (novelty) is ignored.
Concepts of relations may be preceded by their type, `Chemical|MESH:D001241`, as in PubTator 3.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from cman_tf.data.document import Document
from cman_tf.data.formats import spans
from cman_tf.data.formats.concepts import Concepts
from cman_tf.data.formats.losses import Reading
from cman_tf.data.formats.reading import beginning, read_text, show
from cman_tf.errors import InputError

_BOTH = re.compile(r"^([^\s|]+)\|t\|.*\n\1\|a\|", re.MULTILINE)
_TEXT = re.compile(r"([^\s|]+)\|([ta])\|(.*)")


def recognises(path: str | Path) -> bool:
    """Whether the file begins with a line `ID|t|TITLE`, or has one near the beginning, before `ID|a|ABSTRACT`."""
    near = beginning(path).decode("utf-8-sig", "replace")
    found = _TEXT.match(near.lstrip())
    return found is not None and found[2] == "t" or _BOTH.search(near) is not None


def read(path: str | Path, tokenize: spans.Tokenize | None = None, reading: Reading | None = None) -> list[Document]:
    """Read a file.

    `tokenize` and `reading`: see `cman_tf.data.formats.read`.

    Returns:
        list of `Document`.

    Raises:
        InputError: if the file cannot be read or is not UTF-8, contains no sentences, or the choices of `reading`
            demand it.
    """
    reading = reading or Reading()
    texts: dict[str, spans.Text] = {}
    concepts: dict[str, Concepts] = defaultdict(Concepts)
    pending = []
    # Not splitlines: a text may contain U+2028 and similar characters.
    for number, line in enumerate(read_text(path).split("\n"), 1):
        line, place = line.rstrip("\r"), f"{path}, line {number}"
        found = _TEXT.fullmatch(line)
        with reading.trying("malformed lines", place):
            if found and found[2] == "t":
                texts[found[1]] = spans.Text("", place, found[1])
                spans.add_part(texts[found[1]], found[3], reading)
            elif found:
                spans.add_part(_known(texts, found[1]), found[3], reading, " ")
            elif line.strip():
                name, *cells = line.split("\t")
                text = _known(texts, name)
                if len(cells) >= 4 and cells[0].isdecimal() and cells[1].isdecimal():
                    key = len(text.spans)
                    span = int(cells[0][:9]), int(cells[1][:9])
                    text.spans[key] = spans.Span([span], cells[3], None, cells[2], place)
                    concepts[name].add(key, cells[4] if len(cells) > 4 else "")
                elif len(cells) >= 3:
                    pending.append((name, cells, place))
                else:
                    raise InputError(f"A line must have 4 to 6 columns between tabs. Received: {show(line)}")
    for name, (kind, head, tail, *_), place in pending:
        with reading.trying("relations of concepts without mentions", place):
            text = texts[name]
            ends = concepts[name].nearest(text, head, tail, reading)
            text.relations.append(spans.Link(*ends, kind, None, place))
    return spans.documents(texts.values(), path, reading, tokenize)


def _known(texts: dict[str, spans.Text], name: str) -> spans.Text:
    if name not in texts:
        raise InputError(f"A line must follow the title of its text. Received: {show(name)}, which has none,")
    return texts[name]
