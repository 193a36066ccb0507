"""`python -m export.batch`: entities and relations of many sentences in files, by Apache Beam and without a server."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cman_tf.commands import cli
from cman_tf.commands.main import main
from cman_tf.errors import InputError, optional

if TYPE_CHECKING:
    from apache_beam.options.pipeline_options import PipelineOptions

    from export.offline.handler import ExtractionHandler

RUNNERS = ("DirectRunner", "FlinkRunner", "SparkRunner", "DataflowRunner")


def command(argv: list[str]) -> None:
    from export.check import version_folder
    from export.serving.options import positive, whole

    parser = cli.parser(
        "cman batch",
        "Find entities and relations in files of sentences with an exported model, on this machine or a cluster.",
        "python -m export.batch --model models/cman --input 'news/*.txt' --output found/news",
        usage="--model MODEL_DIR --input GLOB --output PREFIX [options]",
    )
    add = parser.add_argument
    add("--model", metavar="MODEL_DIR", required=True, help="folder of versions, or one version's folder (required)")
    add("--version", metavar="N", type=whole, help="version of the model (default: the newest)")
    add(
        "--input",
        metavar="GLOB",
        required=True,
        help='files of a sentence a line, or of JSON lines with "text" or "tokens" and perhaps "id"; '
        ".gz too (required)",
    )
    add(
        "--output",
        metavar="PREFIX",
        required=True,
        help="writes PREFIX-00000-of-00001.jsonl and so on, bad lines to PREFIX-errors-... (required)",
    )
    add("--overwrite", action="store_true", help="first remove all files of an earlier output")
    add("--shards", metavar="N", type=whole, default=0, help="output files (default: 0, the runner decides)")
    add("--batch-size", metavar="N", type=positive(int), default=32, help="sentences computed together (default: 32)")
    add("--threads", metavar="N", type=positive(int), help="threads of one operation (default: all processors)")
    add("--runner", choices=RUNNERS, default="DirectRunner", help="what computes (default: DirectRunner, this machine)")
    add(
        "--beam-option",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="an option of Beam or its runner, such as flink_master=localhost:8081; may be repeated (default: none)",
    )
    args = cli.parse(parser, argv)

    with contextlib.nullcontext() if args.verbose else _quiet():
        optional("apache_beam", "beam")
        counts = extract(
            version_folder(args.model, args.version),
            args.input,
            args.output,
            overwrite=args.overwrite,
            shards=args.shards,
            batch_size=args.batch_size,
            threads=args.threads,
            runner=args.runner,
            beam_options=args.beam_option,
        )
    for name, count in counts.items():
        print(f"{name:<10} {count:>12,}")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without Beam's warnings: of what is missing for Google's services, whoever asks, and the like."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def extract(
    model: str | Path,
    pattern: str,
    prefix: str,
    *,
    overwrite: bool = False,
    shards: int = 0,
    batch_size: int = 32,
    threads: int | None = None,
    runner: str = "DirectRunner",
    beam_options: Sequence[str] = (),
) -> dict[str, int]:
    """Answer the sentences of files.

    Args:
        model: str or path. A version's folder, at the same place on every worker.
        pattern: str. Glob of input files.
        prefix: str. Beginning of the output files' paths.
        overwrite: bool. Whether files of an earlier output are removed first.
        shards: int. Output files; 0 leaves it to the runner.
        batch_size: int. Sentences computed together at most.
        threads: int or None. Threads within one operation. Default: all processors.
        runner: str, one of `RUNNERS`.
        beam_options: sequence of str, `NAME=VALUE` of Beam or the runner.

    Returns:
        dict of `export.offline.pipeline.COUNTERS` to int.

    Raises:
        InputError: an option or path is wrong, an output is there, or the job fails.
    """
    from export.offline.handler import ExtractionHandler
    from export.offline.shards import input_files, make_way

    options = _options(runner, beam_options)
    make_way(prefix, input_files(pattern), overwrite)
    handler = ExtractionHandler(Path(model).resolve(), batch_size, threads)
    return _run(options, pattern, handler, prefix, shards)


def _options(runner: str, given: Sequence[str]) -> PipelineOptions:
    """`PipelineOptions`; Beam itself would pass over an option that does not exist."""
    from apache_beam.options.pipeline_options import PipelineOptions

    # What DirectRunner comes to, too: but that first looks for another runner in the network.
    flags = [f"--runner={'FnApiRunner' if runner == 'DirectRunner' else runner}"]
    known = PipelineOptions([]).get_all_options()
    for text in given:
        name, _, value = text.partition("=")
        if name not in known or name == "runner":
            raise InputError(f"--beam-option must be NAME=VALUE with a name that Beam knows. Received: {text}")
        flags.append(f"--{name}={value}" if value else f"--{name}")
    try:
        options = PipelineOptions(flags)
        options.get_all_options()
    except SystemExit:  # Beam's own parser has said why
        raise InputError(f"--beam-option must have a value of its kind. Received: {' '.join(given)}") from None
    return options


def _run(
    options: PipelineOptions, pattern: str, handler: ExtractionHandler, prefix: str, shards: int
) -> dict[str, int]:
    import apache_beam as beam

    from export.offline.pipeline import counts, extraction

    pipeline = beam.Pipeline(options=options)
    extraction(pipeline, pattern, handler, prefix, shards)
    try:
        result = pipeline.run()
        result.wait_until_finish()
    except Exception as error:  # noqa: BLE001, runners raise what they like, with what their workers raised inside
        logging.getLogger("apache_beam").warning("The job failed", exc_info=True)
        raise InputError(f"The job must finish. Received: {' '.join(str(error).split())}") from None
    return counts(result)


if __name__ == "__main__":
    main("batch")
