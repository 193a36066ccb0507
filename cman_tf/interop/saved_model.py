"""Prediction with an exported model."""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cman_tf.data import sentences
from cman_tf.data.answers import annotated, left_out
from cman_tf.errors import InputError
from cman_tf.stack import load_saved_model

if TYPE_CHECKING:
    from cman_tf.data.document import Document
    from cman_tf.predictor import Predictor


def load_model(path: str | Path, allow_encoders: Sequence[str] = ()) -> Predictor | SavedModel:
    """Load a run folder or an exported model.

    Args:
        path: str or path. A folder written by `cman fit`, or one written by `cman export`: a version, or the folder of
            versions, of which the newest is loaded.
        allow_encoders: sequence of str, see `cman_tf.load`.

    Returns:
        object with `extract(documents)`: `Predictor` or `SavedModel`.

    Raises:
        InputError: if `path` is neither, or cannot be loaded.
    """
    version = newest_version(path)
    if version:
        return SavedModel(version)
    from cman_tf.training.run import Run

    return Run.open(path, allow_encoders=allow_encoders).predictor()


def versions(model_dir: str | Path) -> dict[int, Path]:
    """The versions in a model folder, ascending: dict of numbers to folders; empty if the folder does not exist.

    A version is a folder whose name is a decimal number below 2^63, as in TensorFlow Serving; `007` is version 7.
    """
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        names = [name for name in os.listdir(model_dir) if re.fullmatch(r"[0-9]+", name) and int(name) < 2**63]
        folders = {int(name): Path(model_dir, name) for name in names}
        return {number: folders[number] for number in sorted(folders)}
    return {}


def newest_version(path: str | Path) -> Path | None:
    """Folder of the newest SavedModel: `path` itself, or its newest version with a graph; None if there is none."""
    folders = [Path(path), *reversed(versions(path).values())]
    return next((folder for folder in folders if (folder / "saved_model.pb").is_file()), None)


class SavedModel:
    """A version of an exported model.

    Args:
        path: path. The folder with `saved_model.pb`.
        batch_size: int. Maximum number of sentences in a batch. Default 32.

    Raises:
        InputError: if it is not an export of this package, or cannot be loaded.
    """

    def __init__(self, path: Path, batch_size: int = 32) -> None:
        self.path = path
        self.batch_size = batch_size
        self._model = _load(path)
        self._answer = self._model.signatures.get("tokens")
        if self._answer is None:
            raise InputError(f"A SavedModel must be an export of cman_tf. Received: {path} without signature 'tokens'")

    def extract(self, documents: Sequence[Document]) -> list[Document]:
        """Find entities and relations; those beyond the limits of the export are left out, with a warning.

        Args:
            documents: sequence of `Document`, of one or more sentences; their annotation is ignored.

        Returns:
            list of `Document` as predicted, each item with its score, in the order of the input.
        """
        return sentences.extracted(documents, self._extract)

    def _extract(self, documents: Sequence[Document]) -> list[Document]:
        """`extract` for sentences."""
        import tensorflow as tf

        results: list[Any] = [None] * len(documents)
        dropped = 0
        order = sorted(range(len(documents)), key=lambda index: len(documents[index]))
        for first in range(0, len(order), self.batch_size):
            rows = order[first : first + self.batch_size]
            tokens = tf.ragged.constant(
                [[token.encode("utf-8", "replace") for token in documents[row].tokens] for row in rows],
                dtype=tf.string,
                ragged_rank=1,
            )
            answer = {name: value.numpy() for name, value in self._answer(tokens=tokens.to_tensor("")).items()}
            for position, row in enumerate(rows):
                results[row] = annotated(documents[row], answer, position)
                dropped += left_out(answer, position)
        if dropped:
            logging.getLogger(__name__).warning(
                "%s has no room for all; %d tokens, entities and relations are left out", self.path, dropped
            )
        return results


def _load(path: Path) -> Any:
    import tensorflow as tf

    # TensorFlow warns of a missing gradient for each function; gradients are not needed.
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        return load_saved_model(str(path))
    except (OSError, ValueError, ImportError, tf.errors.OpError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"Cannot load the SavedModel in {path}: {reason}") from None
    finally:
        logger.setLevel(level)
