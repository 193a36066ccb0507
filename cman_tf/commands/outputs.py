"""Writes predictions as a table, JSON lines, HTML, a graph, or in an annotation format."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from cman_tf.data import formats
from cman_tf.data.sentences import each
from cman_tf.errors import InputError
from cman_tf.files import atomic_write, check_new_file, check_new_folder

if TYPE_CHECKING:
    from cman_tf.data.document import Document

# The last seven cannot store scores.
FORMATS = (
    "table",
    "jsonl",
    "html",
    "csv",
    "label_studio",
    "doccano",
    "graphml",
    "cypher",
    "jsonld",
    "docbin",
    "prodigy",
    "brat",
    "cas_json",
    "cas_xmi",
    "spert",
    "multihead",
    "iob2",
)


def add_options(parser: argparse.ArgumentParser, default: str) -> None:
    """Add the options for `write_predictions`: `output`, and `format` with its default."""
    parser.add_argument(
        "--output", metavar="FILE", help="a file; for csv, brat and CAS a new folder (default: standard output)"
    )
    parser.add_argument("--format", choices=FORMATS, default=default, help=f"output format (default: {default})")


def check_output(format: str, path: str | Path | None = None) -> None:
    """Check that the output can be written, before the long work.

    Args:
        format, path: those of `write_predictions`.

    Raises:
        InputError: if a format of several files has no folder, the folder is not empty, or the file cannot be
            written.
    """
    if format in formats.FOLDERS:
        if path is None:
            raise InputError(f"Format {format} consists of several files. It requires --output FOLDER.")
        check_new_folder(path)
    elif path is not None:
        check_new_file(path)


def write_predictions(documents: Iterable[Document], format: str, path: str | Path | None = None) -> None:
    """Write documents with their entities and relations.

    Args:
        documents: iterable of `Document`. It is read as it is written, one after the other, except for html, spert,
            csv, graphml, jsonld, docbin and brat, and for CAS.
        format: str, one of `FORMATS`.
        path: str or None. A file, or a folder for `csv`, `brat` and CAS, written atomically. Default: standard
            output.
    """
    check_output(format, path)
    if path is not None:
        _write(documents, format, path)
        return
    with tempfile.TemporaryDirectory() as folder:
        # Nothing is printed unless all is predicted.
        name = Path(folder) / "predictions"
        _write(documents, format, name)
        sys.stdout.flush()
        if format == "table":
            with open(name, encoding="utf-8", newline="") as text:
                shutil.copyfileobj(text, sys.stdout)
        else:
            # Always UTF-8, whatever the encoding of the terminal.
            with open(name, "rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)


def _write(documents: Iterable[Document], format: str, path: str | Path) -> None:
    if format == "table":
        from rich.console import Console

        from cman_tf.commands.printing import table

        with atomic_write(path) as file:
            table(documents, Console(file=file, highlight=False, width=10_000))
    elif format == "html":
        from cman_tf.evaluation.report import write_extraction_page

        write_extraction_page(path, list(each(documents)), title="Entities and relations")
    elif format == "graphml":
        from cman_tf.interop.graph import write_graphml

        write_graphml(documents, path)
    elif format == "cypher":
        from cman_tf.interop.cypher import write_cypher

        write_cypher(documents, path)
    elif format == "jsonld":
        from cman_tf.interop.jsonld import write_jsonld

        write_jsonld(documents, path)
    else:
        formats.write(documents, path, format)
