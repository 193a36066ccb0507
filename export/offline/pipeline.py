"""What is done with the lines, as a Beam pipeline."""

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
from export.offline.shards import SUFFIX, errors_prefix

if TYPE_CHECKING:
    from cman_tf.data.document import Document
    from export.offline.handler import ExtractionHandler

# What is counted, in the order of printing.
COUNTERS = ("sentences", "entities", "relations", "left out", "bad lines")

_BAD = "bad"


class ReadLines(beam.DoFn):
    """A `ReadableFile` to its documents; bad lines go to a side output, as bytes of a JSON object."""

    def __init__(self) -> None:
        self.bad_lines = _counter("bad lines")

    def process(self, file: fileio.ReadableFile) -> Iterator[Any]:
        """Yield the document of each line, or to the side output what is wrong with it."""
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
    """`(document, left_out)` to a line of JSON, bytes; counted."""

    def __init__(self) -> None:
        # Here, for to make one takes longer than to add to it.
        self.counters = [_counter(name) for name in COUNTERS[:4]]

    def process(self, item: tuple[Document, int]) -> Iterator[bytes]:
        """Yield the line of one document, once its entities and relations are counted."""
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
        prefix: str. Beginning of the output files' paths.
        shards: int. Output files; 0 leaves it to the runner.
    """
    files = pipeline | "Match" >> fileio.MatchFiles(pattern) | "Open" >> fileio.ReadMatches()
    # From here on the work of one large file is everybody's. Before, a file is read by one worker, which can so say
    # in what line something is wrong.
    lines = files | "Read" >> beam.ParDo(ReadLines()).with_outputs(_BAD, main="documents")
    found = lines.documents | "Spread" >> beam.Reshuffle() | "Extract" >> RunInference(handler)
    _write(found | "Format" >> beam.ParDo(WriteRecords()), prefix, "Write", shards)
    _write(lines[_BAD], errors_prefix(prefix), "Write bad lines", skip_if_empty=True)


def counts(result: beam.runners.runner.PipelineResult) -> dict[str, int]:
    """dict of `COUNTERS` to int, of a finished job."""
    found = result.metrics().query(beam.metrics.MetricsFilter().with_namespace("cman"))["counters"]
    values = {counter.key.metric.name: counter.result for counter in found}
    return {name: values.get(name, 0) for name in COUNTERS}


def _write(lines: beam.PCollection, prefix: str, name: str, shards: int = 0, **options: Any) -> None:
    # To a temporary folder first: a file has its final name when it is whole, and once.
    lines | name >> beam.io.WriteToText(
        prefix, file_name_suffix=SUFFIX, num_shards=shards, coder=BytesCoder(), **options
    )


def _counter(name: str) -> Any:
    return Metrics.counter("cman", name)
