"""What was found, written as a table, JSON lines or a page."""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from cman_tf.data import formats
from cman_tf.evaluation.report import write_extraction_page
from cman_tf.files import atomic_write
from cman_tf.printing import table


def write_predictions(documents, format, path=None):
    """Write documents with what was found.

    Args:
        documents: list of `Document`.
        format: `"table"`, `"jsonl"` or `"html"`.
        path: str or None. A file, written whole or not at all; None is standard output.
    """
    if format == "table":
        if path is None:
            table(documents)
            return
        text = io.StringIO()
        table(documents, Console(file=text, highlight=False, width=10_000))
        with atomic_write(path) as file:
            file.write(text.getvalue())
        return
    if path is not None:
        _write(documents, format, path)
        return
    with tempfile.TemporaryDirectory() as folder:
        name = Path(folder) / "predictions"
        _write(documents, format, name)
        # UTF-8 whatever the terminal's encoding is.
        sys.stdout.flush()
        sys.stdout.buffer.write(name.read_bytes())


def _write(documents, format, path):
    if format == "jsonl":
        formats.write(documents, path, "jsonl")
    else:
        write_extraction_page(path, documents, title="Entities and relations")
