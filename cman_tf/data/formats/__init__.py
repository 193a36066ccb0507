"""File formats of annotated sentences, by name or recognised from the file."""

from __future__ import annotations

import difflib
from pathlib import Path

from cman_tf.data.formats import jsonl, multihead, spert
from cman_tf.data.formats.reading import read_text
from cman_tf.errors import InputError

FORMATS = {"spert": spert, "multihead": multihead, "jsonl": jsonl}

_SUFFIXES = {".json": "spert", ".txt": "multihead", ".jsonl": "jsonl"}


def read(path, format=None, tokenize=None):
    """Read annotated or raw sentences.

    Args:
        path: str or path.
        format: str or None, a key of `FORMATS`. Default: recognised from the content of the file.
        tokenize: callable `list[str] -> list[Document]` for the raw lines of `jsonl`. Default: they are refused.

    Returns:
        list of `Document`, at least one.

    Raises:
        InputError: an unknown format, or what the format's own `read` raises.
    """
    module = _named(format) if format else _recognised(path)
    return jsonl.read(path, tokenize) if module is jsonl else module.read(path)


def write(documents, path, format=None):
    """Write documents, whole or not at all.

    Args:
        documents: iterable of `Document`.
        path: str or path.
        format: str or None, a key of `FORMATS`. Default: by suffix, `.json`, `.txt` or `.jsonl` in the order of
            `FORMATS`.

    Raises:
        InputError: an unknown format or suffix, a sentence that the format cannot hold, or a file that cannot be
            written.
    """
    format = format or _SUFFIXES.get(Path(path).suffix)
    if not format:
        raise InputError(
            f"A file to write must be named {', '.join(_SUFFIXES)} or its format given ({', '.join(FORMATS)}). "
            f"Received: {path}"
        )
    _named(format).write(documents, path)


def _named(name):
    if name not in FORMATS:
        near = difflib.get_close_matches(str(name), FORMATS, 1)
        raise InputError(
            f"A format must be one of {', '.join(FORMATS)}. Received: {name}" + (f"; nearest: {near[0]}" if near else "")
        )
    return FORMATS[name]


def _recognised(path):
    for module in FORMATS.values():
        if module.recognises(path):
            return module
    # A file that is missing, empty or no text has its own error, which helps more.
    text = read_text(path)
    raise InputError(
        f"A file must be in one of the formats {', '.join(FORMATS)}: begin with '[', '#doc' or '{{'. Received: "
        f"{text.strip()[:20]!r} in {path}"
    )
