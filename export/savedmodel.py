"""`python -m export.savedmodel RUN MODEL_DIR`: a trained run as one SavedModel that takes sentences."""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cman_tf.commands import cli, options
from cman_tf.commands.main import main
from cman_tf.errors import InputError

if TYPE_CHECKING:
    from cman_tf.training.run import Run
    from export.signatures import Signatures


def command(argv: list[str]) -> None:
    parser = cli.parser(
        "cman export",
        "Write a run as the next version of a model folder that TensorFlow Serving watches.",
        "python -m export.savedmodel runs/sample models/sample",
        usage="RUN MODEL_DIR [options]",
    )
    parser.add_argument("run", metavar="RUN", help="folder written by cman_tf.fit")
    parser.add_argument("model_dir", metavar="MODEL_DIR", help="folder of the model's versions; made if needed")
    parser.add_argument(
        "--version", type=int, metavar="N", help="number of the new version (default: the one after the last)"
    )
    for name, default, what in (
        ("entities", 64, "places for entities in an answer; the best-scored are kept"),
        ("relations", 64, "places for relations in an answer; the best-scored are kept"),
        ("tokens", 512, "tokens of a sentence that are read; memory grows with their square"),
    ):
        parser.add_argument(
            f"--max-{name}", type=int, metavar="N", default=default, help=f"{what} (default: {default})"
        )
    parser.add_argument(
        "--quantize",
        choices=("float16", "int8"),
        help="store the vectors of words and word pieces in fewer bits (default: no)",
    )
    parser.add_argument(
        "--max-f1-drop",
        type=_points,
        metavar="X",
        default=0.2,
        help="refuse --quantize if it costs more points of F1 on the run's dev or test sentences; none: do not measure "
        "(default: 0.2)",
    )
    parser.add_argument(
        "--data-dir", metavar="DIR", help="folder with copies of the public corpora, to measure on (default: the run's)"
    )
    options.add_config_options(parser, sections=("decoding",))
    args = cli.parse(parser, argv)
    limits = {f"max_{name}": getattr(args, f"max_{name}") for name in ("entities", "relations", "tokens")}
    for name, limit in limits.items():
        if not 0 < limit < 2**20:
            raise InputError(f"`--{name.replace('_', '-')}` must be from 1 to {2**20 - 1}. Received: {limit}")

    from cman_tf.training.run import Run

    run = Run.open(args.run)
    path, about = export(
        run,
        args.model_dir,
        version=args.version,
        overrides=options.overrides(args),
        quantize=args.quantize,
        max_f1_drop=args.max_f1_drop,
        data_dir=args.data_dir,
        **limits,
    )
    print(path)
    if args.quantize:
        from export.quantize import summary

        print(summary(about["quantize"]))
    print(f"operations beyond core TensorFlow: {', '.join(about['operations']['beyond_core']) or 'none'}")


def _points(text: str) -> float | None:
    """Points of F1, or None for `none`."""
    if text == "none":
        return None
    with contextlib.suppress(ValueError):
        if 0 <= float(text) <= 100:
            return float(text)
    raise argparse.ArgumentTypeError(f"must be from 0 to 100 points, or none, not {text!r}")


def export(
    run: Run,
    model_dir: str | Path,
    *,
    version: int | None = None,
    overrides: dict[str, Any] | None = None,
    quantize: str | None = None,
    max_f1_drop: float | None = 0.2,
    data_dir: str | None = None,
    **limits: int,
) -> tuple[Path, dict[str, Any]]:
    """Write a run as a version of a model folder.

    Args:
        run: `Run`, trained.
        model_dir: str or path.
        version: int or None. Default: the number after the last one.
        overrides: dict of dotted config fields, for other decoding.
        quantize: `"float16"`, `"int8"` or None, see `export.quantize`.
        max_f1_drop: float or None. Points of F1 that this may cost; None: whatever it costs, which is not measured.
        data_dir: str or None. Where the corpus is that it is measured on. Default: where the run says.
        limits: `max_entities`, `max_relations`, `max_tokens` of `Signatures`.

    Returns:
        `(path, about)`: the version's folder; `limits`, `weights_sha256`, `operations` and `quantize` of its card.

    Raises:
        InputError: the version is taken, the folder cannot be written, an operation is one that a stock server cannot
            run, or quantising costs too much or cannot be measured.
    """
    import tensorflow as tf

    from export.card import weights_fingerprint, write_card
    from export.operations import beyond_core, operations
    from export.signatures import Signatures
    from export.versions import new_version
    from export.warmup import sizes, write_warmup

    with new_version(model_dir, version) as made:
        predictor = run.predictor(overrides)
        about: dict[str, Any] = {"limits": limits, "weights_sha256": weights_fingerprint(predictor)}
        if quantize:
            from export.quantize import measured

            about["quantize"] = measured(run, predictor, quantize, max_f1_drop, data_dir)
        signatures = Signatures(predictor.extractor, predictor.network.schema, **limits)
        try:
            save(signatures, made.folder)
        except tf.errors.OpError as error:  # TensorFlow's own, for a full disk say
            raise InputError(f"A model folder must be writable. Received: {model_dir} ({error.message})") from None
        names = operations(made.folder)
        about["operations"] = {"count": len(names), "beyond_core": beyond_core(names)}
        write_warmup(made.folder, Path(model_dir).resolve().name, sizes(signatures.max_tokens))
        write_card(made.folder, run, predictor.network.schema, predictor.network.config, **about)
    return made.path, about  # type: ignore[return-value]


def save(signatures: Signatures, path: str | Path) -> None:
    """Write signatures, and what they read, as a SavedModel.

    Args:
        signatures: `Signatures`.
        path: str or path. An empty folder.
    """
    import tensorflow as tf

    from export.quantize import stored_weights

    module = tf.Module()
    # Not the Keras model itself, which would bring every layer's own functions along.
    module.weights = stored_weights(signatures.extractor.model)
    module.tables = [signatures.extractor.featurizer.words, signatures.extractor.featurizer.characters]
    module.encoders = signatures.extractor.encoders
    functions = {name: function.get_concrete_function() for name, function in signatures.functions().items()}
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    tf.saved_model.save(module, str(path), signatures=functions, options=options)


if __name__ == "__main__":
    main("export")
