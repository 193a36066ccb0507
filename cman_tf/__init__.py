"""CMAN-TF: joint entity and relation extraction with the Cross-Modal Attention Network, in Keras/TensorFlow."""

from typing import TYPE_CHECKING

from cman_tf import stack
from cman_tf.data.document import Document, Entity, Relation
from cman_tf.data.schema import Schema
from cman_tf.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cman_tf.interop.client import Client
    from cman_tf.interop.saved_model import SavedModel
    from cman_tf.predictor import Predictor

__all__ = ["Client", "Document", "Entity", "Relation", "Schema", "__version__", "load"]

stack.prepare()


def load(path: "str | Path", allow_encoders: "Sequence[str]" = ()) -> "Predictor | SavedModel":
    """Load a trained model.

    Args:
        path: str or path. A run folder written by `cman fit`, or an export written by `cman export`: one version, or
            the folder of versions, of which the newest is taken. A run may come from a stranger; an export, which is a
            program, must come from someone you trust.
        allow_encoders: sequence of str. Folders or addresses of encoders that you trust. Others are only loaded from
            the folder of encoders, by name and fingerprint.

    Returns:
        `cman_tf.predictor.Predictor` for a run, `cman_tf.interop.saved_model.SavedModel` for an export. Both have
        `extract(documents)`; a predictor is also called with text.

    Raises:
        cman_tf.errors.InputError: if there is neither, or it cannot be loaded.

    Example:
        >>> import cman_tf
        >>> model = cman_tf.load("runs/sample")
        >>> document = model("Ana Lima lives in Oslo.")
        >>> [(document.entity_text(entity), entity.type) for entity in document.entities]
    """
    from cman_tf.interop.saved_model import load_model

    return load_model(path, allow_encoders)


def __getattr__(name: str) -> object:
    # When it is used: most programs need no HTTP.
    if name == "Client":
        from cman_tf.interop.client import Client

        return Client
    raise AttributeError(f"module 'cman_tf' has no attribute {name!r}")
