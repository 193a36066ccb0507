"""PubTator: titles and abstracts with entities, and relations of the concepts that these name.

    1|t|Aspirin and asthma.
    1|a|Aspirin caused asthma in two patients.
    1	0	7	Aspirin	Chemical	D001241
    1	12	18	asthma	Disease	D001249
    1	CID	D001241	D001249

Offsets count in the title, one blank and the abstract. A relation is of two concepts in a text, not of two mentions; it
is read as a relation of the nearest mentions of both. Entities without a concept (`-1`, `-`) have none. The form is
that of PubTator's export and of the BioCreative V CDR and BioRED corpora, whose further column (novelty) is ignored.
"""

from __future__ import annotations

import bisect
import re
from collections import defaultdict
from pathlib import Path

from cman_tf.data.document import Document
from cman_tf.data.formats import spans
from cman_tf.data.formats.losses import Reading
from cman_tf.data.formats.reading import first_line, read_text, show
from cman_tf.errors import InputError

_TEXT = re.compile(r"([^\s|]+)\|([ta])\|(.*)")


def recognises(path: str | Path) -> bool:
    """Whether the file begins with a line `ID|t|TITLE`."""
    found = _TEXT.match(first_line(path))
    return found is not None and found[2] == "t"


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
    concepts: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    pending = []
    # Not splitlines: a text may contain U+2028 and similar characters.
    for number, line in enumerate(read_text(path).split("\n"), 1):
        line, place = line.rstrip("\r"), f"{path}, line {number}"
        found = _TEXT.fullmatch(line)
        with reading.trying("malformed lines", place):
            if found and found[2] == "t":
                texts[found[1]] = spans.Text(found[3], place, found[1])
            elif found:
                _known(texts, found[1]).text += " " + found[3]
            elif line.strip():
                name, *cells = line.split("\t")
                text = _known(texts, name)
                if len(cells) >= 4 and cells[0].isdecimal() and cells[1].isdecimal():
                    key = len(text.spans)
                    span = int(cells[0][:9]), int(cells[1][:9])
                    text.spans[key] = spans.Span([span], cells[3], None, cells[2], place)
                    for concept in re.split(r"[,;|]", cells[4]) if len(cells) > 4 else ():
                        concepts[name][concept].append(key)
                elif len(cells) >= 3:
                    pending.append((name, cells, place))
                else:
                    raise InputError(f"A line must have 4 to 6 columns between tabs. Received: {show(line)}")
    for name, (kind, head, tail, *_), place in pending:
        with reading.trying("relations of concepts without mentions", place):
            text, known = texts[name], concepts[name]
            pairs = [(one, other) for one in known.get(head, ()) for other in known.get(tail, ()) if one != other]
            if not pairs:
                raise InputError(f"A relation must link concepts of entities. Received: {head} and {tail}")
            # Mentions in one sentence, if there are any.
            starts = [start for start, _ in spans.split(text.text, reading.sentences or "split")]
            head_key, tail_key = min(pairs, key=lambda pair: _distance(text, starts, *pair))
            text.relations.append(spans.Link(head_key, tail_key, kind, None, place))
    return spans.documents(texts.values(), path, reading, tokenize)


def _known(texts: dict[str, spans.Text], name: str) -> spans.Text:
    if name not in texts:
        raise InputError(f"A line must follow the title of its text. Received: {show(name)}, which has none,")
    return texts[name]


def _distance(text: spans.Text, starts: list[int], one: int, other: int) -> tuple[int, int]:
    """Sentences and characters between two mentions."""
    first, second = sorted((text.spans[one].pieces[0], text.spans[other].pieces[0]))
    return bisect.bisect_right(starts, second[0]) - bisect.bisect_right(starts, first[0]), second[0] - first[1]
