"""`cman serve MODEL_DIR`: serve an export over gRPC and REST with TensorFlow Serving's protocol."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from cman_tf.commands import cli
from cman_tf.commands.main import main
from cman_tf.commands.options import add_allow_encoder
from cman_tf.errors import InputError
from cman_tf.training import shipped
from export.serving.options import port, positive, whole

if TYPE_CHECKING:
    from export.serving.app import ServerOptions
    from export.serving.batching_options import BatchingOptions


def command(argv: list[str]) -> None:
    parser = cli.parser(
        "cman serve",
        "Serve the newest version of an exported model, with TensorFlow Serving's gRPC and REST interfaces.",
        "cman serve models/cman --label stable=1",
        usage="MODEL_DIR|RUN [options]",
    )
    parser.add_argument(
        "folder",
        metavar="MODEL_DIR|RUN",
        help="folder with the numbered versions; a run folder or shipped model is exported to a temporary folder first",
    )
    add_allow_encoder(parser)
    _add_interface_options(parser)
    _add_batching_options(parser)
    args = cli.parse(parser, argv)
    run = shipped.folder(args.folder)
    if not (run / "config.yaml").is_file():
        _serve(args)
        return
    with tempfile.TemporaryDirectory(prefix="cman-serve-") as versions:
        name, args.folder = args.folder, versions
        _serve(args, lambda: _export(name, run, versions, args.allow_encoder))


def _export(name: str, run: Path, versions: str, allow_encoders: list[str]) -> None:
    """Export a run into the folder to serve."""
    # The log is on standard error.
    print(f"Exporting {name}", flush=True)
    # In a process of its own, because TensorFlow's threads can be set only before its first operation.
    command = [sys.executable, "-m", "export.savedmodel", str(run), versions]
    command += [f"--allow-encoder={encoder}" for encoder in allow_encoders]
    done = subprocess.run(command, stdout=subprocess.DEVNULL)
    if done.returncode:
        raise InputError(f"Cannot export {name}; the reason is above.")


def _serve(args: argparse.Namespace, prepare: Callable[[], None] = lambda: None) -> None:
    """Serve until a signal. `prepare` is called when the options are known to be right, before a model is loaded."""
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
    prepare()
    server.start(stop)
    stop.wait()
    if not server.stop(args.grace_seconds):
        # Python would wait for what TensorFlow is still doing.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _add_interface_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    number, seconds = positive(int), positive(float)
    text = "address to listen on; 0.0.0.0 is every interface (default: 127.0.0.1)"
    add("--host", metavar="ADDRESS", default="127.0.0.1", help=text)
    add("--port", metavar="N", type=port, default=8500, help="gRPC port; 0 is any free port (default: 8500)")
    add("--rest-port", metavar="N", type=port, default=8501, help="port of REST and of the counters (default: 8501)")
    add("--no-rest", action="store_true", help="serve gRPC only")
    add("--model-name", metavar="NAME", default="cman", help="name of the model in requests (default: cman)")
    text = "label of a version, e.g. stable=1; repeatable (default: no labels)"
    add("--label", metavar="NAME=N", action="append", default=[], help=text)
    text = "seconds between checks for new versions (default: 1)"
    add("--poll-seconds", metavar="X", type=seconds, default=1.0, help=text)
    add("--certificate", metavar="FILE", help="PEM certificate chain, for TLS (default: no TLS)")
    add("--key", metavar="FILE", help="PEM private key of --certificate (default: no TLS)")
    text = "PEM of the certificate authority of clients, which then require a certificate (default: none)"
    add("--client-ca", metavar="FILE", help=text)
    text = "bearer tokens, one per line; each request requires one (default: no token)"
    add("--token-file", metavar="FILE", help=text)
    text = "origin of web pages that may send REST requests, e.g. https://example.org; repeatable (default: none)"
    add("--cors-origin", metavar="ORIGIN", action="append", default=[], help=text)
    text = "header that names the client, set by a proxy; clients take turns (default: the address is the name)"
    add("--client-header", metavar="NAME", help=text)
    text = "largest request, in bytes (default: 4194304)"
    add("--max-message-bytes", metavar="N", type=number, default=4 << 20, help=text)
    text = "longest text of a sentence, in bytes of UTF-8 (default: 8192)"
    add("--max-row-bytes", metavar="N", type=number, default=8192, help=text)
    text = "seconds to finish open requests after SIGTERM (default: 30)"
    add("--grace-seconds", metavar="X", type=seconds, default=30.0, help=text)
    add("--threads", metavar="N", type=number, help="threads within one operation (default: TensorFlow's choice)")
    text = "log level (default: info, one line per request)"
    add("--log-level", choices=("info", "warning", "error"), default="info", help=text)


def _add_batching_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("batching", "requests of several clients are computed together")
    add, number = group.add_argument, positive(int)
    add("--no-batching", action="store_true", help="compute each request alone")
    text = "batching file of tensorflow_model_server (default: none)"
    add("--batching-parameters-file", metavar="FILE", help=text)
    add("--max-batch-size", metavar="N", type=number, help="sentences per batch (default: 32)")
    add("--batch-timeout-micros", metavar="N", type=whole, help="longest wait for other requests (default: 1000)")
    text = "batches in the queue; further requests get RESOURCE_EXHAUSTED (default: 8)"
    add("--max-enqueued-batches", metavar="N", type=number, help=text)
    text = "batches computed at the same time (default: half of the cores)"
    add("--num-batch-threads", metavar="N", type=number, help=text)
    text = "largest batch: rows times the longest row, in bytes (default: 65536)"
    add("--max-padded-bytes", metavar="N", type=number, help=text)
    text = "largest cost of a batch, in tokens; requests that cost more are computed in parts (default: 4096)"
    add("--max-batch-cost", metavar="N", type=number, help=text)
    text = "largest answer, in bytes, estimated before it is computed (default: 16777216)"
    add("--max-answer-bytes", metavar="N", type=number, help=text)


def _options(args: argparse.Namespace) -> tuple[ServerOptions, list[str]]:
    """`(ServerOptions, ignored)`; `ignored` are fields of the batching file without effect."""
    folder = Path(args.folder)
    if not folder.is_dir():
        raise InputError(
            "MODEL_DIR|RUN must be a folder with numbered versions, a run folder, or a shipped model: "
            f"{', '.join(shipped.names())}. Received: {folder}"
        )
    if (folder / "saved_model.pb").exists():
        raise InputError(
            "MODEL_DIR must be the folder with the numbered versions, not a version. "
            f"Received: {folder}; try {folder.absolute().parent}"
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
        client_header=args.client_header,
        token_file=args.token_file,
        client_ca=args.client_ca,
        cors_origins=tuple(args.cors_origin),
    )
    for name in filter(None, (options.certificate, options.key, options.client_ca)):
        with open(name, "rb"):
            pass
    return options, ignored


def _label(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    if not name or not (number.isascii() and number.isdigit()):
        raise InputError(f"A label must have the form NAME=N, e.g. stable=1. Received: {text}")
    return name, int(number)


def _batching(args: argparse.Namespace) -> tuple[BatchingOptions, list[str]]:
    """`(BatchingOptions, ignored)`: the command line overrides the batching file, which overrides the defaults."""
    from export.serving.batching_options import LIMITS, SIZES, BatchingOptions, read_batching_file

    path = args.batching_parameters_file
    from_file, ignored = read_batching_file(path) if path else ({}, [])
    from_line = {name: getattr(args, name) for name in (*SIZES, *LIMITS) if getattr(args, name) is not None}
    threads = {"num_batch_threads": max((os.cpu_count() or 1) // 2, 1)}
    return BatchingOptions(enabled=not args.no_batching, **{**threads, **from_file, **from_line}), ignored


if __name__ == "__main__":
    main("serve")
