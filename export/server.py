"""`python -m export.server MODEL_DIR`: serve an export over gRPC and REST as TensorFlow Serving does."""

from __future__ import annotations

import argparse
import os
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cman_tf.commands import cli
from cman_tf.commands.main import main
from cman_tf.errors import InputError
from export.serving.options import port, positive, whole

if TYPE_CHECKING:
    from export.serving.app import ServerOptions
    from export.serving.batching import BatchingOptions


def command(argv: list[str]) -> None:
    parser = cli.parser(
        "cman serve",
        "Serve the newest version of an exported model, with TensorFlow Serving's gRPC and REST interfaces.",
        "python -m export.server models/cman --label stable=1",
        usage="MODEL_DIR [options]",
    )
    parser.add_argument("folder", metavar="MODEL_DIR", help="folder that holds the numbered versions")
    _add_interface_options(parser)
    _add_batching_options(parser)
    args = cli.parse(parser, argv)
    options, ignored = _options(args)

    from export.serving import logs
    from export.serving.app import Server

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    server = Server(options)
    logs.start(args.log_level)
    if ignored:
        logs.warning("ignored", file=args.batching_parameters_file, fields=ignored)
    server.start()
    stop.wait()
    server.stop(args.grace_seconds)


def _add_interface_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--host",
        metavar="ADDRESS",
        default="127.0.0.1",
        help="to listen on; 0.0.0.0 is every interface (default: 127.0.0.1)",
    )
    add("--port", metavar="N", type=port, default=8500, help="port of gRPC; 0 is any free one (default: 8500)")
    add("--rest-port", metavar="N", type=port, default=8501, help="port of REST and counters (default: 8501)")
    add("--no-rest", action="store_true", help="gRPC alone")
    add("--model-name", metavar="NAME", default="cman", help="name of the model in requests (default: cman)")
    add(
        "--label",
        metavar="NAME=N",
        action="append",
        default=[],
        help="a name for a version; may be repeated (default: none)",
    )
    add(
        "--poll-seconds",
        metavar="X",
        type=positive(float),
        default=1.0,
        help="seconds between looks for new versions (default: 1)",
    )
    add("--certificate", metavar="FILE", help="PEM chain, for TLS (default: no TLS)")
    add("--key", metavar="FILE", help="PEM private key of --certificate (default: none)")
    add(
        "--max-message-bytes",
        metavar="N",
        type=positive(int),
        default=4 << 20,
        help="largest message (default: 4194304)",
    )
    add(
        "--max-row-bytes",
        metavar="N",
        type=positive(int),
        default=8192,
        help="longest text, in bytes of UTF-8 (default: 8192)",
    )
    add(
        "--grace-seconds",
        metavar="X",
        type=positive(float),
        default=30.0,
        help="seconds for open requests to finish after SIGTERM (default: 30)",
    )
    add(
        "--threads",
        metavar="N",
        type=positive(int),
        help="processors that one operation uses (default: TensorFlow's choice)",
    )
    add(
        "--log-level",
        choices=("info", "warning", "error"),
        default="info",
        help="least that is told (default: info, a line a request)",
    )


def _add_batching_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("batching", "requests of several clients are computed together")
    add = group.add_argument
    add("--no-batching", action="store_true", help="compute each request alone")
    add("--batching-parameters-file", metavar="FILE", help="as tensorflow_model_server takes it (default: none)")
    add("--max-batch-size", metavar="N", type=positive(int), help="sentences in a batch (default: 32)")
    add("--batch-timeout-micros", metavar="N", type=whole, help="longest wait for other requests (default: 1000)")
    add(
        "--max-enqueued-batches",
        metavar="N",
        type=positive(int),
        help="batches that wait; more is RESOURCE_EXHAUSTED (default: 8)",
    )
    add("--num-batch-threads", metavar="N", type=positive(int), help="batches at a time (default: half of the cores)")
    add(
        "--max-padded-bytes",
        metavar="N",
        type=positive(int),
        help="rows of a batch times its longest row (default: 65536)",
    )


def _options(args: argparse.Namespace) -> tuple[ServerOptions, list[str]]:
    """`(ServerOptions, ignored)`, the latter names of the batching file's fields."""
    folder = Path(args.folder)
    if not folder.is_dir():
        raise InputError(f"MODEL_DIR must be a folder that holds numbered versions. Received: {folder}")
    if (folder / "saved_model.pb").exists():
        raise InputError(
            f"MODEL_DIR must be the folder that holds the numbered versions, not a version. Received: {folder}; "
            f"try {folder.absolute().parent}"
        )
    from export.serving.app import ServerOptions

    batching, ignored = _batching(args)
    options = ServerOptions(
        folder=folder,
        model=args.model_name,
        host=args.host,
        port=args.port,
        rest_port=None if args.no_rest else args.rest_port,
        labels=dict(_label(text) for text in args.label),
        batching=batching,
        poll_seconds=args.poll_seconds,
        max_message_bytes=args.max_message_bytes,
        max_row_bytes=args.max_row_bytes,
        threads=args.threads,
        certificate=args.certificate,
        key=args.key,
    )
    for name in filter(None, (options.certificate, options.key)):
        with open(name, "rb"):
            pass
    return options, ignored


def _label(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    if not name or not (number.isascii() and number.isdigit()):
        raise InputError(f"A label must be given as NAME=N, for instance stable=1. Received: {text}")
    return name, int(number)


def _batching(args: argparse.Namespace) -> tuple[BatchingOptions, list[str]]:
    from export.serving.batching import BatchingOptions

    given: dict[str, int] = {"num_batch_threads": max((os.cpu_count() or 1) // 2, 1)}
    ignored: list[str] = []
    names = ("max_batch_size", "batch_timeout_micros", "max_enqueued_batches", "num_batch_threads")
    if args.batching_parameters_file:
        parameters = _read_parameters(args.batching_parameters_file)
        # Rows of different width are always padded here.
        known = {*names, "pad_variable_length_inputs"}
        ignored = [field.name for field, _ in parameters.ListFields() if field.name not in known]
        given.update({name: getattr(parameters, name).value for name in names if parameters.HasField(name)})
        if min(given[name] for name in names if name in given and name != "batch_timeout_micros") < 1:
            raise InputError(f"Batching sizes must be 1 or more. Received: {given} in {args.batching_parameters_file}")
    for name in (*names, "max_padded_bytes"):
        if getattr(args, name) is not None:
            given[name] = getattr(args, name)
    return BatchingOptions(enabled=not args.no_batching, **given), ignored


def _read_parameters(path: str | Path) -> Any:
    from google.protobuf import text_format

    from export.serving.schemas import BatchingParameters

    try:
        return text_format.Parse(Path(path).read_text(encoding="utf-8"), BatchingParameters())
    except (text_format.ParseError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"A batching file must hold BatchingParameters in text form. Received: {path} ({reason})"
        ) from None


if __name__ == "__main__":
    main("serve")
