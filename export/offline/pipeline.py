"""The Beam pipeline: read lines, find entities and relations, write JSON lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import apache_beam as beam
from apache_beam.coders import BytesCoder
from apache_beam.io import fileio
from apache_beam.metrics import Metrics
from apache_beam.ml.inference.base import RunInference

from cman_tf.data.formats.jsonl import record
from cman_tf.data.formats.records import to_bytes
from cman_tf.errors import InputError
from export.offline.lines import read_lines

if TYPE_CHECKING:
    from cman_tf.data.document import Document
    from export.offline.handler import ExtractionHandler

# Counters in the order of printing.
COUNTERS = ("sentences", "entities", "relations", "left out", "bad lines")

SUFFIX = ".jsonl"

_NUMBER = "[0-9]" * 5  # Beam numbers the files of an output
_BAD = "bad"


class ReadLines(beam.DoFn):
    """Reads the documents of a `ReadableFile`; bad lines go to a side output, as JSON objects in bytes."""

    def __init__(self) -> None:
        self.bad_lines = _counter("bad lines")

    def process(self, file: fileio.ReadableFile) -> Iterator[Any]:
        """Yield the document of each line; for a bad line, a record with the reason to the side output."""
        path = file.metadata.path
        with file.open() as opened:
            for number, line, found in read_lines(opened, path):
                if isinstance(found, InputError):
                    self.bad_lines.inc()
                    about = {"file": path, "line": number, "content": line.decode("utf-8", "backslashreplace")}
                    yield beam.pvalue.TaggedOutput(_BAD, to_bytes({**about, "reason": str(found)}))
                else:
                    yield found


class WriteRecords(beam.DoFn):
    """Counts `(document, left_out)` and makes it a line of JSON, in bytes."""

    def __init__(self) -> None:
        # Created once: creating a counter takes longer than incrementing it.
        self.counters = [_counter(name) for name in COUNTERS[:4]]

    def process(self, item: tuple[Document, int]) -> Iterator[bytes]:
        """Yield the line of one document."""
        document, left_out = item
        for counter, number in zip(self.counters, (1, len(document.entities), len(document.relations), left_out)):
            counter.inc(number)
        yield to_bytes(record(document))


def extraction(pipeline: beam.Pipeline, pattern: str, handler: ExtractionHandler, prefix: str, shards: int = 0) -> None:
    """Add all steps to a pipeline.

    Args:
        pipeline: `beam.Pipeline`.
        pattern: str. Glob of input files; those named `.gz` and the like are decompressed.
        handler: `ExtractionHandler`.
        prefix: str. Start of the output files' paths.
        shards: int. Output files; 0: the runner decides.
    """
    files = pipeline | "Match" >> fileio.MatchFiles(pattern) | "Open" >> fileio.ReadMatches()
    # One worker reads a file, so that it knows line numbers; `Reshuffle` then spreads the sentences over all workers.
    lines = files | "Read" >> beam.ParDo(ReadLines()).with_outputs(_BAD, main="documents")
    found = lines.documents | "Spread" >> beam.Reshuffle() | "Extract" >> RunInference(handler)
    _write(found | "Format" >> beam.ParDo(WriteRecords()), prefix, "Write", shards)
    _write(lines[_BAD], _errors(prefix), "Write bad lines", skip_if_empty=True)


def output_patterns(prefix: str) -> list[str]:
    """Globs of the files that `extraction` writes: answers, and bad lines."""
    return [f"{start}-{_NUMBER}-of-{_NUMBER}{SUFFIX}" for start in (prefix, _errors(prefix))]


def counts(result: beam.runners.runner.PipelineResult) -> dict[str, int]:
    """Counts of a finished job, a dict of `COUNTERS` to int."""
    found = result.metrics().query(beam.metrics.MetricsFilter().with_namespace("cman"))["counters"]
    values = {counter.key.metric.name: counter.result for counter in found}
    return {name: values.get(name, 0) for name in COUNTERS}


def _write(lines: beam.PCollection, prefix: str, name: str, shards: int = 0, **options: Any) -> None:
    # Beam writes to a temporary folder and renames complete files.
    lines | name >> beam.io.WriteToText(
        prefix, file_name_suffix=SUFFIX, num_shards=shards, coder=BytesCoder(), **options
    )


def _errors(prefix: str) -> str:
    return f"{prefix}-errors"


def _counter(name: str) -> Any:
    return Metrics.counter("cman", name)
