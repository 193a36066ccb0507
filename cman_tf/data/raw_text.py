"""Raw text to documents without annotation: what prediction, brat and tables start from."""

from __future__ import annotations

import atexit
import bisect
import functools
from collections.abc import Callable, Sequence

from cman_tf.data.document import Document, Entity, Relation
from cman_tf.errors import InputError

# Sentences that are split at once.
_CHUNK = 256


def documents(texts: Sequence[str]) -> list[Document]:
    """Split sentences into tokens, see `cman_tf.data.tokenizer`.

    Args:
        texts: sequence of str, one sentence each.

    Returns:
        list of `Document` without annotation, in order. Offsets are code points of the given text.
    """
    import tensorflow as tf

    result = []
    for first in range(0, len(texts), _CHUNK):
        chunk = texts[first : first + _CHUNK]
        # A lone surrogate, which Python's strings may hold, is no UTF-8; it is one code point, and so is "?".
        starts, ends = _split()(tf.constant([text.encode("utf-8", "replace") for text in chunk]))
        for text, row in zip(chunk, zip(starts.to_list(), ends.to_list())):
            offsets = list(zip(*row))
            result.append(Document([text[start:end] for start, end in offsets], text=text, offsets=offsets))
    return result


@functools.cache
def _split() -> Callable:
    import tensorflow as tf

    from cman_tf.data.tokenizer import tokenize

    text = tf.TensorSpec([None], tf.string)
    return tf.function(lambda text: tokenize(text)[1:], input_signature=[text], autograph=False)


# A graph that outlives TensorFlow's modules, at the end of the process, ends with a traceback.
atexit.register(_split.cache_clear)


def annotated(document: Document, spans: Sequence[tuple], relations: Sequence[Relation] = (), id: str = "") -> Document:
    """A document with entities given by characters; tokens are cut where an entity begins or ends inside them.

    Args:
        document: `Document` without annotation.
        spans: sequence of `(start, end, type, score)`, code points of its text, end exclusive. Blanks at their ends
            do not count.
        relations: sequence of `Relation` between them.
        id: str. Default: "".

    Returns:
        `Document`; its entities are in the order of `spans`.

    Raises:
        InputError: a span that is empty, lies outside the text or holds no visible character, or what `Document`
            raises.
    """
    spans = [_trimmed(document.text, *span) for span in spans]
    borders = sorted({border for start, end, *_ in spans for border in (start, end)})
    offsets: list[tuple[int, int]] = []
    for start, end in document.offsets:
        inside = borders[bisect.bisect_right(borders, start) : bisect.bisect_left(borders, end)]
        edges = [start, *inside, end]
        offsets += zip(edges, edges[1:])
    starts, ends = [start for start, _ in offsets], [end for _, end in offsets]
    entities = []
    for start, end, type, score in spans:
        first, last = bisect.bisect_left(starts, start), bisect.bisect_right(ends, end)
        if first >= last:
            raise InputError(f"An entity must hold a visible character. Received: {document.text[start:end]!r}")
        entities.append(Entity(first, last, type, score))
    tokens = [document.text[start:end] for start, end in offsets]
    return Document(tokens, entities, relations, document.text, offsets, id)


def _trimmed(
    text: str, start: int, end: int, type: str, score: float | None = None
) -> tuple[int, int, str, float | None]:
    if not 0 <= start < end <= len(text):
        raise InputError(
            "An entity must satisfy 0 <= start < end <= length of the text. Received: "
            f"start={start}, end={end} in a text of {len(text)} characters"
        )
    found = text[start:end]
    if found.strip():
        start, end = end - len(found.lstrip()), start + len(found.rstrip())
    return start, end, type, score
