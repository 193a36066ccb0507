"""`cman batch`: find entities and relations in many files of sentences, with Apache Beam and without a server."""

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

RUNNERS = ("DirectRunner", "FlinkRunner", "SparkRunner", "DataflowRunner")


def command(argv: list[str]) -> None:
    from export.check import version_folder
    from export.serving.options import positive, whole

    parser = cli.parser(
        "cman batch",
        "Find entities and relations in files of sentences with an exported model, on this machine or a cluster.",
        "cman batch --model models/cman --input 'news/*.txt' --output found/news",
        usage="--model MODEL_DIR --input GLOB --output PREFIX [options]",
    )
    add = parser.add_argument
    add("--model", metavar="MODEL_DIR", required=True, help="model folder, or the folder of one version (required)")
    add("--version", metavar="N", type=whole, help="version of the model (default: the newest)")
    text = 'files of one sentence per line, or JSON lines with "text" or "tokens", perhaps "id"; .gz too (required)'
    add("--input", metavar="GLOB", required=True, help=text)
    text = "write PREFIX-00000-of-00001.jsonl and so on, and bad lines to PREFIX-errors-... (required)"
    add("--output", metavar="PREFIX", required=True, help=text)
    add("--overwrite", action="store_true", help="first remove all files of an earlier output")
    add("--shards", metavar="N", type=whole, default=0, help="output files (default: 0, the runner decides)")
    add("--batch-size", metavar="N", type=positive(int), default=32, help="sentences per batch (default: 32)")
    add("--threads", metavar="N", type=positive(int), help="threads of one operation (default: all processors)")
    add("--runner", choices=RUNNERS, default="DirectRunner", help="Beam runner (default: DirectRunner)")
    text = "option of Beam or its runner, e.g. flink_master=localhost:8081; repeatable (default: none)"
    add("--beam-option", metavar="NAME=VALUE", action="append", default=[], help=text)
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
    """Hide Beam's warnings, e.g. about missing libraries of Google's services."""
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
    """Find entities and relations in the sentences of files.

    Args:
        model: str or path. A version's folder, at the same path on every worker.
        pattern: str. Glob of input files.
        prefix: str. Start of the output files' paths.
        overwrite: bool. Whether to remove the files of an earlier output first.
        shards: int. Output files; 0: the runner decides.
        batch_size: int. Most sentences computed together.
        threads: int or None. Threads within one operation. Default: all processors.
        runner: str, one of `RUNNERS`.
        beam_options: sequence of str, `NAME=VALUE` of Beam or the runner.

    Returns:
        dict of `export.offline.pipeline.COUNTERS` to int.

    Raises:
        InputError: if an option or path is invalid, the output exists, or the job fails.
    """
    import apache_beam as beam

    from export.offline.handler import ExtractionHandler
    from export.offline.pipeline import counts, extraction

    pipeline = beam.Pipeline(options=_options(runner, beam_options))
    _check_files(pattern, prefix, overwrite)
    extraction(pipeline, pattern, ExtractionHandler(Path(model).resolve(), batch_size, threads), prefix, shards)
    try:
        result = pipeline.run()
        result.wait_until_finish()
    except Exception as error:  # noqa: BLE001, runners raise many types, also those of their workers
        logging.getLogger("apache_beam").warning("The job failed", exc_info=True)
        raise InputError(f"The job failed: {' '.join(str(error).split())}") from None
    return counts(result)


def _options(runner: str, given: Sequence[str]) -> PipelineOptions:
    """`PipelineOptions`; Beam itself would ignore an unknown option."""
    from apache_beam.options.pipeline_options import PipelineOptions

    # DirectRunner ends up as FnApiRunner, but first looks for another runner in the network.
    flags = [f"--runner={'FnApiRunner' if runner == 'DirectRunner' else runner}"]
    known = PipelineOptions([]).get_all_options()
    for text in given:
        name, _, value = text.partition("=")
        if name not in known or name == "runner":
            raise InputError(f"--beam-option must be NAME=VALUE with a name of a Beam option. Received: {text}")
        flags.append(f"--{name}={value}" if value else f"--{name}")
    try:
        options = PipelineOptions(flags)
        options.get_all_options()
    except SystemExit:  # Beam's own parser has printed the reason
        raise InputError(f"--beam-option must have a value of the right type. Received: {' '.join(given)}") from None
    return options


def _check_files(pattern: str, prefix: str, overwrite: bool) -> None:
    """Check input and output before the long work, and remove an earlier output if `overwrite` is set.

    All its files are removed: there may be more of them than new ones.
    """
    from apache_beam.io.filesystems import FileSystems

    from export.offline.pipeline import output_patterns

    inputs = _paths(pattern)
    if not inputs:
        raise InputError(f"--input must match a file. Received: {pattern}")
    if not prefix or prefix.endswith("/"):
        raise InputError(f"--output must end with the start of a file name. Received: {prefix!r}")
    found = [path for pattern in output_patterns(prefix) for path in _paths(pattern)]
    if set(found) & set(inputs):
        raise InputError(f"--output must not be what --input reads. Received: {prefix}")
    if found and not overwrite:
        raise InputError(f"An output must be new, or --overwrite given. Received: {len(found)} files, e.g. {found[0]}")
    if found:
        FileSystems.delete(found)


def _paths(pattern: str) -> list[str]:
    from apache_beam.io.filesystem import BeamIOError
    from apache_beam.io.filesystems import FileSystems

    try:
        return [item.path for item in FileSystems.match([pattern])[0].metadata_list]
    except (BeamIOError, ValueError) as error:
        raise InputError(f"Apache Beam cannot list {pattern}: {error}.") from None


if __name__ == "__main__":
    main("batch")
