"""`python -m export.client`: entities and relations of new sentences, from a server."""

from __future__ import annotations

import argparse
import sys

from cman_tf.commands import cli
from cman_tf.commands.inputs import add_options, read_sentences
from cman_tf.commands.main import main


def command(argv: list[str]) -> None:
    parser = cli.parser(
        "cman ask",
        "Find entities and relations in sentences by asking a server (export.server or TensorFlow Serving) over gRPC.",
        'python -m export.client "Ana Lima lives in Oslo ." --address localhost:8500',
        usage="[TEXT ...] [options]",
    )
    add_options(parser)
    parser.add_argument("--output", metavar="FILE", help="where the answer is written (default: standard output)")
    parser.add_argument(
        "--format",
        choices=("table", "jsonl", "html"),
        default="table",
        help="how the answer is written (default: table)",
    )
    _add_server_options(parser)
    args = cli.parse(parser, argv)

    from cman_tf.commands.outputs import check_output, write_predictions
    from export.serving.remote import Remote, untokenized

    def on_wait(status: str) -> None:
        print(
            f"cman-client: no answer from {args.address} yet ({status}); asking again for {args.retry_seconds:g} s",
            file=sys.stderr,
        )

    check_output(args.format, args.output)
    documents = read_sentences(args.text, args.input, untokenized, args.input_format)
    with Remote(
        args.address,
        model=args.model_name,
        version=args.version,
        label=args.label,
        timeout=args.timeout,
        patience=args.retry_seconds,
        on_wait=on_wait,
        tls=args.tls or args.ca is not None,
        ca=args.ca,
    ) as remote:
        with cli.progress(len(documents), "sentences") as advance:
            found = remote.extract(documents, concurrency=args.concurrency, progress=advance)
        write_predictions(found, args.format, args.output)
        if remote.left_out:
            print(
                f"cman-client: the export has no room for all; {remote.left_out} tokens, entities and relations are "
                "left out",
                file=sys.stderr,
            )


def _add_server_options(parser: argparse.ArgumentParser) -> None:
    from export.serving.options import positive, whole

    add = parser.add_argument
    add(
        "--address",
        metavar="HOST:PORT",
        default="localhost:8500",
        help="the server's gRPC port (default: localhost:8500)",
    )
    add("--model-name", metavar="NAME", default="cman", help="name of the model on the server (default: cman)")
    add("--version", metavar="N", type=whole, help="version of the model (default: the newest)")
    add("--label", metavar="NAME", help="a version's label, instead of --version (default: none)")
    add("--concurrency", metavar="N", type=positive(int), default=8, help="requests at a time (default: 8)")
    add(
        "--timeout",
        metavar="S",
        type=positive(float),
        default=30.0,
        help="seconds until a request is given up (default: 30)",
    )
    add(
        "--retry-seconds",
        metavar="S",
        type=positive(float),
        default=60.0,
        help="seconds to ask a lost server again (default: 60)",
    )
    add("--tls", action="store_true", help="encrypt, and check the server's certificate")
    add("--ca", metavar="FILE", help="PEM of who signed it (default: the system's); implies --tls")


if __name__ == "__main__":
    main("ask")
