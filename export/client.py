"""`cman ask`: entities and relations of new sentences, from a server."""

from __future__ import annotations

import argparse
import sys

from cman_tf.commands import cli
from cman_tf.commands.inputs import add_options, read_sentences
from cman_tf.commands.main import main
from cman_tf.commands.streams import Failures
from cman_tf.data.sentences import each
from cman_tf.errors import printable


def command(argv: list[str]) -> None:
    parser = cli.parser(
        "cman ask",
        "Find entities and relations in sentences with a server (cman serve or TensorFlow Serving), over gRPC.",
        'cman ask "Ana Lima lives in Oslo ." --address localhost:8500',
        usage="[TEXT ...] [options]",
    )
    add_options(parser)
    parser.add_argument("--output", metavar="FILE", help="output file (default: standard output)")
    formats = "table", "jsonl", "html"
    parser.add_argument("--format", choices=formats, default="table", help="output format (default: table)")
    _add_server_options(parser)
    args = cli.parse(parser, argv)

    from cman_tf.commands.outputs import check_output, write_predictions
    from export.serving.access import read_tokens
    from export.serving.remote import Remote, untokenized

    def on_wait(status: str) -> None:
        _warn(f"no answer from {args.address} yet ({status}); retrying for {args.retry_seconds:g} s")

    check_output(args.format, args.output)
    failures = Failures("cman ask")
    documents = list(each(read_sentences(args.text, args.input, untokenized, args.input_format, report=failures)))
    with Remote(
        args.address,
        model=args.model_name,
        version=args.version,
        label=args.label,
        timeout=args.timeout,
        patience=args.retry_seconds,
        on_wait=on_wait,
        tls=args.tls or args.ca is not None or args.certificate is not None,
        ca=args.ca,
        token=read_tokens(args.token_file)[0] if args.token_file else None,
        certificate=args.certificate,
        key=args.key,
    ) as remote:
        with cli.progress(len(documents), "sentences") as advance:
            found = remote.extract(documents, concurrency=args.concurrency, progress=advance)
        write_predictions(found, args.format, args.output)
        if remote.left_out:
            _warn(f"{remote.left_out} tokens, entities and relations are left out, for which the export has no room")
    failures.check()


def _warn(text: str) -> None:
    print(f"cman ask: {printable(text)}", file=sys.stderr)


def _add_server_options(parser: argparse.ArgumentParser) -> None:
    from export.serving.options import positive, whole

    add, number, seconds = parser.add_argument, positive(int), positive(float)
    text = "address of the server's gRPC port (default: localhost:8500)"
    add("--address", metavar="HOST:PORT", default="localhost:8500", help=text)
    add("--model-name", metavar="NAME", default="cman", help="name of the model on the server (default: cman)")
    add("--version", metavar="N", type=whole, help="version of the model (default: the newest)")
    add("--label", metavar="NAME", help="label of a version, instead of --version (default: none)")
    add("--concurrency", metavar="N", type=number, default=8, help="requests at a time (default: 8)")
    text = "time limit of a request, in seconds (default: 30)"
    add("--timeout", metavar="S", type=seconds, default=30.0, help=text)
    text = "seconds to retry while the server is unavailable (default: 60)"
    add("--retry-seconds", metavar="S", type=seconds, default=60.0, help=text)
    add("--tls", action="store_true", help="use TLS, and verify the server's certificate")
    add("--token-file", metavar="FILE", help="file with the bearer token, the first one in it (default: no token)")
    add("--certificate", metavar="FILE", help="PEM of the client's certificate; implies --tls (default: none)")
    add("--key", metavar="FILE", help="PEM private key of --certificate (default: none)")
    add("--ca", metavar="FILE", help="PEM of the certificate authority (default: the system's); implies --tls")


if __name__ == "__main__":
    main("ask")
