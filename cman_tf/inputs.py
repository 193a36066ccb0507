"""Sentences to be answered: arguments, a file, or standard input."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from pathlib import Path

from cman_tf.data import formats
from cman_tf.errors import InputError


def read_sentences(texts, path, tokenize):
    """Documents of raw sentences or of a file in a known format.

    Args:
        texts: list of str, sentences; with none and no `path`, standard input is read.
        path: str or None. A text file (a sentence a line, blank lines too), or any format of `cman_tf.data.formats`;
            `-` is standard input.
        tokenize: callable, list of str -> list of `Document`.

    Returns:
        list of `Document`, one for each sentence or line, in order.

    Raises:
        InputError: both `texts` and `path` are given, or the file cannot be read.
    """
    if texts and path:
        raise InputError(f"Sentences must come as arguments or from --input, not both. Received: both, --input {path}")
    if texts:
        return tokenize(texts)
    with _file(path) as name:
        if formats.recognise(name) is not None:
            return formats.read(name, tokenize=tokenize)
        try:
            text = Path(name).read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise InputError(
                f"An input file must be UTF-8 text. Received: {path or 'standard input'} ({error})"
            ) from None
    lines = text.split("\n")
    return tokenize([line.rstrip("\r") for line in (lines[:-1] if lines[-1] == "" else lines)])


@contextlib.contextmanager
def _file(path):
    if path not in (None, "-"):
        if not Path(path).is_file():
            raise InputError(f"An input file must exist. Received: {path}")
        yield path
        return
    with tempfile.NamedTemporaryFile() as file:
        file.write(sys.stdin.buffer.read())
        file.flush()
        yield file.name
