"""`cman ensemble RUN RUN ... OUT`: several runs that answer as one."""

from __future__ import annotations

from cman_tf.commands import cli, options


def command(argv: list[str]) -> None:
    parser = cli.parser(
        "cman ensemble",
        "Write a run folder that answers with the mean of several runs: the same data and encoders, other seeds or "
        "sizes. It is evaluated, used, exported and served like any other run.",
        "cman ensemble runs/seed1 runs/seed2 runs/seed3 runs/ensemble",
        usage="RUN RUN [RUN ...] OUT",
    )
    parser.add_argument("runs", metavar="RUN", nargs="+", help="run folders, written by cman fit")
    parser.add_argument("out", metavar="OUT", help="a new or empty folder")
    options.add_allow_encoder(parser)
    args = cli.parse(parser, argv)

    from cman_tf.training.ensembles import combine

    combine(args.runs, args.out, args.allow_encoder)
    print(f"{args.out}: an ensemble of {len(args.runs)} runs")
