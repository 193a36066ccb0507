"""`cman export RUN MODEL_DIR`: write a trained run as a SavedModel that takes sentences."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cman_tf.commands import cli, options
from cman_tf.commands.main import main
from cman_tf.errors import InputError, failed

if TYPE_CHECKING:
    from cman_tf.training.run import Run
    from export.signatures import Signatures


def command(argv: list[str]) -> None:
    parser = cli.parser(
        "cman export",
        "Write a run as the next version of a model folder that TensorFlow Serving watches.",
        "cman export runs/sample models/sample",
        usage="RUN MODEL_DIR [options]",
    )
    parser.add_argument("run", metavar="RUN", help="folder written by cman fit")
    options.add_allow_encoder(parser)
    parser.add_argument("model_dir", metavar="MODEL_DIR", help="folder with the numbered versions; created if missing")
    parser.add_argument(
        "--version", type=int, metavar="N", help="number of the new version (default: the last one plus 1)"
    )
    for name, default, what in (
        ("entities", 64, "most entities per sentence; the best-scored are kept"),
        ("relations", 64, "most relations per sentence; the best-scored are kept"),
        ("tokens", 512, "most tokens per sentence; memory grows with their square"),
    ):
        parser.add_argument(
            f"--max-{name}", type=int, metavar="N", default=default, help=f"{what} (default: {default})"
        )
    options.add_config_options(parser, sections=("decoding",))
    args = cli.parse(parser, argv)
    limits = {f"max_{name}": getattr(args, f"max_{name}") for name in ("entities", "relations", "tokens")}
    for name, limit in limits.items():
        if not 0 < limit < 2**20:
            raise InputError(f"`--{name.replace('_', '-')}` must be from 1 to {2**20 - 1}. Received: {limit}")

    from cman_tf.training.run import Run

    run = Run.open(args.run, allow_encoders=args.allow_encoder)
    path, about = export(run, args.model_dir, version=args.version, overrides=options.overrides(args), **limits)
    print(path)
    if not run.schema().relation_types:
        print("entities only: the run has no relation types")
    print(f"operations beyond core TensorFlow: {', '.join(about['operations']['beyond_core']) or 'none'}")


def export(
    run: Run,
    model_dir: str | Path,
    *,
    version: int | None = None,
    overrides: dict[str, Any] | None = None,
    **limits: int,
) -> tuple[Path, dict[str, Any]]:
    """Write a run as a version of a model folder.

    Args:
        run: `Run`, trained.
        model_dir: str or path.
        version: int or None. Default: the number after the last one.
        overrides: dict of dotted config fields, to change the decoding.
        limits: `max_entities`, `max_relations`, `max_tokens` of `Signatures`.

    Returns:
        `(path, about)`: the version's folder; `limits`, `weights_sha256`, `operations` and `calibration` of its
        manifest.

    Raises:
        InputError: if the version exists, the folder cannot be written, or a stock server cannot run an operation.
    """
    import tensorflow as tf

    from export.manifest import weights_fingerprint, write_manifest
    from export.operations import beyond_core, operations
    from export.signatures import Signatures
    from export.version_folders import new_version
    from export.warmup import sizes, write_warmup

    with new_version(model_dir, version) as made:
        predictor = run.predictor(overrides)
        about: dict[str, Any] = {"limits": limits, "weights_sha256": weights_fingerprint(predictor)}
        signatures = Signatures(predictor.extractor, predictor.network.schema, **limits)
        network = predictor.network
        about["calibration"] = network.calibration and dataclasses.asdict(network.calibration)
        try:
            save(signatures, made.folder)
            names = operations(made.folder)
            about["operations"] = {"count": len(names), "beyond_core": beyond_core(names)}
            write_warmup(made.folder, Path(model_dir).resolve().name, sizes(signatures.max_tokens))
        except tf.errors.OpError as error:  # TensorFlow has its own error for a full disk: "operation, path; reason"
            why = OSError(None, error.message.partition(" [Op:")[0].rpartition("; ")[2])
            raise failed("write", f"the model folder {model_dir}", why) from None
        write_manifest(made.folder, run, network.schema, network.config, **about)
    return made.path, about  # type: ignore[return-value]


def save(signatures: Signatures, path: str | Path) -> None:
    """Write signatures, with their weights, tables and encoders, as a SavedModel.

    Args:
        signatures: `Signatures`.
        path: str or path. An empty folder.
    """
    import tensorflow as tf

    module = tf.Module()
    # Not the Keras model itself: that would also store every layer's own functions.
    module.weights = signatures.extractor.model.weights
    module.tables = [signatures.extractor.featurizer.words, signatures.extractor.featurizer.characters]
    module.encoders = signatures.extractor.encoders
    functions = {name: function.get_concrete_function() for name, function in signatures.functions().items()}
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    tf.saved_model.save(module, str(path), signatures=functions, options=options)


if __name__ == "__main__":
    main("export")
