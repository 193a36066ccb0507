"""Converts raw text to documents without annotation, for prediction, brat and tables."""

from __future__ import annotations

import atexit
import bisect
import functools
from collections.abc import Callable, Iterator, Sequence

from cman_tf.data import sentences
from cman_tf.data.document import Document, Entity, Relation
from cman_tf.errors import InputError

# Number of sentences that are split at once.
_CHUNK = 256


def documents(
    texts: Sequence[str], split: bool = False, language: str = "en", tokenizer: str = "unicode2"
) -> list[Document]:
    """Split texts into tokens, see `cman_tf.data.tokenizer`.

    Args:
        texts: sequence of str.
        split: bool. Whether to split each text into sentences, see `cman_tf.data.sentences`. Default: each text is one
            sentence.
        language: str. For the split into sentences. Default: `"en"`.
        tokenizer: str. Its name, see `cman_tf.data.tokenizer.tokenize`. Default: `"unicode2"`.

    Returns:
        list of `Document` without annotation, in order. Offsets are code points of the given text.
    """
    places = [sentences.split(text, language) if split else [(0, len(text))] for text in texts]
    offsets = _offsets([text[start:end] for text, place in zip(texts, places) for start, end in place], tokenizer)
    return [_document(text, [(start, next(offsets)) for start, _ in place]) for text, place in zip(texts, places)]


def _document(text: str, parts: Sequence[tuple[int, Sequence[tuple[int, int]]]]) -> Document:
    """The document of a text, of `(start, offsets of tokens)` of its sentences."""
    offsets: list[tuple[int, int]] = []
    spans = []
    for first, own in parts:
        # A sentence of control characters has no token.
        if own:
            spans.append((len(offsets), len(offsets) + len(own)))
            offsets += [(first + start, first + end) for start, end in own]
    return Document([text[start:end] for start, end in offsets], text=text, offsets=offsets, sentences=spans)


def _offsets(texts: Sequence[str], tokenizer: str) -> Iterator[list[tuple[int, int]]]:
    """For each sentence `(start, end)` of its tokens."""
    import tensorflow as tf

    for first in range(0, len(texts), _CHUNK):
        chunk = texts[first : first + _CHUNK]
        # A lone surrogate, which Python's strings allow, is not UTF-8; it is one code point, as is "?".
        starts, ends = _split(tokenizer)(tf.constant([text.encode("utf-8", "replace") for text in chunk]))
        for row in zip(starts.to_list(), ends.to_list()):
            yield list(zip(*row))


@functools.cache
def _split(tokenizer: str) -> Callable:
    import tensorflow as tf

    from cman_tf.data.tokenizer import tokenize

    text = tf.TensorSpec([None], tf.string)
    return tf.function(lambda text: tokenize(text, tokenizer)[1:], input_signature=[text], autograph=False)


# At the end of the process, a graph that outlives TensorFlow's modules causes a traceback.
atexit.register(_split.cache_clear)


def annotated(document: Document, spans: Sequence[tuple], relations: Sequence[Relation] = (), id: str = "") -> Document:
    """A document with entities given by characters; tokens are split where an entity begins or ends inside them.

    Args:
        document: `Document` without annotation.
        spans: sequence of `(start, end, type, score)`, code points of its text, end exclusive. Blanks at their ends
            are ignored.
        relations: sequence of `Relation` between them.
        id: str. Default: "".

    Returns:
        `Document`; its entities are in the order of `spans`.

    Raises:
        InputError: if a span is empty, outside the text or without visible characters, or `Document` raises it.
    """
    spans = [trimmed(document.text, *span) for span in spans]
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
            raise InputError(f"An entity must contain a visible character. Received: {document.text[start:end]!r}")
        entities.append(Entity(first, last, type, score))
    tokens = [document.text[start:end] for start, end in offsets]
    return Document(tokens, entities, relations, document.text, offsets, id)


def check_span(text: str, start: int, end: int) -> None:
    """Raise `InputError` unless `text[start:end]` is a non-empty part of `text`."""
    if not 0 <= start < end <= len(text):
        raise InputError(
            "An entity must satisfy 0 <= start < end <= length of the text. Received: "
            f"start={start}, end={end} in a text of {len(text)} characters"
        )


def trimmed(
    text: str, start: int, end: int, type: str, score: float | None = None
) -> tuple[int, int, str, float | None]:
    """`(start, end, type, score)` of an entity without the blanks at its ends.

    Raises:
        InputError: as `check_span`.
    """
    check_span(text, start, end)
    found = text[start:end]
    if found.strip():
        start, end = end - len(found.lstrip()), start + len(found.rstrip())
    return start, end, type, score
