"""File formats of annotated sentences, by name or recognised from the file."""

from __future__ import annotations

from pathlib import Path

from cman_tf.data.choice import check_choice
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
    return module.read(path, tokenize)


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


def recognise(path):
    """The format of a file as its content shows it.

    Args:
        path: str or path.

    Returns:
        str, a key of `FORMATS`, or None for anything else, such as plain text or no file.
    """
    for name, module in FORMATS.items():
        if module.recognises(path):
            return name
    return None


def _named(name):
    check_choice("A format", name, FORMATS)
    return FORMATS[name]


def _recognised(path):
    name = recognise(path)
    if name:
        return FORMATS[name]
    # A file that is missing, empty or no text has its own error, which helps more.
    text = read_text(path)
    raise InputError(
        "A file must be in one of the formats spert (begins with '[{'), multihead ('#doc') or jsonl ('{'). "
        f"Received: {text.strip()[:20]!r} in {path}"
    )
