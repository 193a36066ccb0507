"""The exported model for Beam's `RunInference`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from apache_beam.ml.inference.base import ModelHandler

from cman_tf.data.answers import annotated, left_out
from cman_tf.data.batches import pad

if TYPE_CHECKING:
    from cman_tf.data.document import Document
    from export.serving.servable import Servable

# Sentences that Beam passes at once: enough to find many of similar length.
POOL = 512

# Most rows times the longest row of a batch, in bytes, as in `cman serve`: limits padding.
PADDED_BYTES = 65536


class ExtractionHandler(ModelHandler):
    """Takes documents and returns them with entities and relations.

    Each process loads the SavedModel once, as `cman serve` does: a graph and a session.

    Args:
        path: str or path. A version's folder, at the same path on every worker.
        batch_size: int. Most sentences computed together.
        threads: int or None. Threads within one operation. Default: TensorFlow's choice.
    """

    def __init__(self, path: str | Path, batch_size: int = 32, threads: int | None = None) -> None:
        super().__init__(min_batch_size=POOL, max_batch_size=POOL)
        self.path, self.batch_size, self.threads = str(path), batch_size, threads

    def load_model(self) -> Servable:
        """The version's `Servable`; Beam calls this once in each process."""
        from export.serving.servable import Servable

        return Servable(self.path, self.threads)

    def get_metrics_namespace(self) -> str:
        """Namespace of Beam's own counts of batches and times."""
        return "cman"

    def run_inference(
        self, batch: Sequence[Document], model: Servable, inference_args: object = None
    ) -> list[tuple[Document, int]]:
        """Find entities and relations.

        Args:
            batch: list of `Document`; those without tokens are sent as text, the others as tokens.
            model: `Servable`.
            inference_args: unused.

        Returns:
            list of `(document, left_out)`, see `cman_tf.data.answers`, in the order of the batch.
        """
        results: list[Any] = [None] * len(batch)
        for rows in self._parts(batch):
            found = model.run(*_question([batch[row] for row in rows]))
            for position, row in enumerate(rows):
                results[row] = annotated(batch[row], found, position), left_out(found, position)
        return results

    def _parts(self, batch: Sequence[Document]) -> Iterator[list[int]]:
        """Rows of one signature and of similar length."""
        widths = [len(document.text.encode()) + 1 for document in batch]
        for tokenized in (False, True):
            rows = [row for row, document in enumerate(batch) if bool(document.tokens) == tokenized]
            part: list[int] = []
            for row in sorted(rows, key=widths.__getitem__):
                if part and (len(part) == self.batch_size or (len(part) + 1) * widths[row] > PADDED_BYTES):
                    yield part
                    part = []
                part.append(row)
            if part:
                yield part


def _question(documents: Sequence[Document]) -> tuple[str, dict[str, np.ndarray]]:
    """`(signature, feeds)` for documents that all have tokens or all have none."""
    if documents[0].tokens:
        encoded = [np.array([token.encode() for token in document.tokens], object) for document in documents]
        return "tokens", {"tokens": pad(encoded, b"")}
    return "serving_default", {"text": np.array([document.text.encode() for document in documents], object)}
