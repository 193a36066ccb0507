"""Writes and reads the manifest of an export: `assets.extra/model_card.json`."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

import cman_tf
from cman_tf.errors import InputError

if TYPE_CHECKING:
    from cman_tf.config import Config
    from cman_tf.data.schema import Schema
    from cman_tf.predictor import Predictor
    from cman_tf.training.run import Run

# Beside the warm-up requests: `assets` is for what the graph itself reads.
MANIFEST = Path("assets.extra") / "model_card.json"


def write_manifest(path: str | Path, run: Run, schema: Schema, config: Config, **about: Any) -> None:
    """Write the manifest of a version. Write it last: it contains the checksums of the other files.

    Args:
        path: str or path. The version's folder.
        run: `Run`.
        schema: `Schema`.
        config: `Config`.
        about: further entries.
    """
    words = {"size": config.words.size, "vectors": config.words.vectors and os.path.basename(config.words.vectors)}
    environment = run.environment()
    manifest = {
        "model": "CMAN (Zhao et al., IJCAI 2020): joint entity and relation extraction",
        "entity_types": schema.entity_types,
        "relation_types": schema.relation_types,
        "tags": schema.tags,
        "corpus": {
            "name": os.path.basename(os.path.normpath(config.corpus.name)),
            "variant": config.corpus.variant if config.corpus.name == "conll04" else None,
            "protocol": config.protocol,
            "sha256": environment.get("corpus_sha256"),
        },
        "encoder": {
            "words": words,
            "characters": config.characters.hidden_size,
            "contextual": run.about_encoders(),
            "projection": config.encoder.projection,
            "sequence": config.model.encoder,
        },
        "decoding": {
            "threshold": config.decoding.threshold,
            "entity_threshold": config.decoding.entity_threshold,
            "bio_constrained": config.decoding.bio_constrained,
            "type_constrained": config.decoding.type_constrained,
            "rules": list(config.decoding.rules),
        },
        "metrics": _metrics(run),
        "licence": "Apache-2.0 for the code; the training corpus and word vectors keep their own",
        "versions": {
            "cman_tf": cman_tf.__version__,
            "tensorflow": tf.__version__,
            "trained_with": {name: environment.get(name) for name in ("cman_tf", "tensorflow", "git_commit")},
        },
        **about,
        "files": checksums(path),
    }
    (Path(path) / MANIFEST).parent.mkdir(exist_ok=True)
    (Path(path) / MANIFEST).write_text(json.dumps(manifest, indent=2, ensure_ascii=False), encoding="utf-8")


def read_manifest(path: str | Path) -> dict[str, Any]:
    """The manifest of a version, a dict.

    Raises:
        InputError: if it is missing or not a JSON object.
    """
    try:
        return dict(json.loads((Path(path) / MANIFEST).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"Cannot read the manifest of the export {path}: {error}.") from None


def checksums(path: str | Path) -> dict[str, str]:
    """SHA-256 of each file of a version except the manifest, by relative name."""
    path = Path(path)
    names = sorted(file.relative_to(path) for file in path.rglob("*") if file.is_file())
    return {
        name.as_posix(): hashlib.sha256((path / name).read_bytes()).hexdigest() for name in names if name != MANIFEST
    }


def weights_fingerprint(predictor: Predictor) -> str:
    """SHA-256 of the weights of a run: those of its model and the trained ones of its encoders.

    Args:
        predictor: `Predictor`.
    """
    encoders = predictor.network.encoders
    weights = [*predictor.network.model.weights, *(encoders.trainable_variables if encoders else ())]
    digest = hashlib.sha256()
    for weight in weights:
        value = np.ascontiguousarray(weight.numpy())
        digest.update(f"{weight.name} {value.dtype} {value.shape}\n".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()


def _metrics(run: Run) -> dict[str, Any] | None:
    """Strict scores of `metrics.json`, or None if the run was not evaluated."""
    try:
        metrics = json.loads(run.metrics.read_text(encoding="utf-8"))
        return {name: metrics[name] for name in ("split", "strict", "counts")}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"Cannot read the scores in {run.metrics}: {error}.") from None
