"""The exported model as Beam's `RunInference` calls it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apache_beam.ml.inference.base import ModelHandler

if TYPE_CHECKING:
    import numpy as np

    from cman_tf.data.document import Document
    from export.serving.servable import Servable

# Sentences that Beam hands over at once: enough that those of similar length find each other.
POOL = 512

# Rows times the longest, in bytes: what padding may make of a batch, as in `export.server`.
PADDED_BYTES = 65536


class ExtractionHandler(ModelHandler):
    """Documents in, the documents with what was found out.

    Each process loads the SavedModel once, as `export.server` does: a graph and a session.

    Args:
        path: str or path. A version's folder, at the same place on every worker.
        batch_size: int. Sentences computed together at most.
        threads: int or None. Threads within one operation. Default: TensorFlow's choice.
    """

    def __init__(self, path: str | Path, batch_size: int = 32, threads: int | None = None) -> None:
        super().__init__(min_batch_size=POOL, max_batch_size=POOL)
        self.path, self.batch_size, self.threads = str(path), batch_size, threads

    def load_model(self) -> Servable:
        """The version's `Servable`: what Beam calls once in each process."""
        from export.serving.servable import Servable

        return Servable(self.path, self.threads)

    def get_metrics_namespace(self) -> str:
        """Where Beam puts its own counts of batches and times."""
        return "cman"

    def run_inference(
        self, batch: Sequence[Document], model: Servable, inference_args: object = None
    ) -> list[tuple[Document, int]]:
        """Answer documents.

        Args:
            batch: list of `Document`; those without tokens are asked as text, the others as tokens.
            model: `Servable`.
            inference_args: not used.

        Returns:
            list of `(document, left_out)`, see `annotated`, in the order of the batch.
        """
        from cman_tf.data.answers import annotated, left_out

        results: list[Any] = [None] * len(batch)
        for rows in self._parts(batch):
            found = model.run(*_question([batch[row] for row in rows]))
            found = {name: array.tolist() for name, array in found.items()}
            for position, row in enumerate(rows):
                results[row] = annotated(batch[row], found, position), left_out(found, position)
        return results

    def _parts(self, batch: Sequence[Document]) -> Iterator[list[int]]:
        """Rows of one kind and similar length together."""
        part: list[int] = []
        kind: bool | None = None
        widths = [len(document.text.encode()) + 1 for document in batch]
        for row in sorted(range(len(batch)), key=lambda row: (bool(batch[row].tokens), widths[row])):
            full = len(part) == self.batch_size or (len(part) + 1) * widths[row] > PADDED_BYTES
            if part and (full or bool(batch[row].tokens) != kind):
                yield part
                part = []
            part.append(row)
            kind = bool(batch[row].tokens)
        if part:
            yield part


def _question(documents: Sequence[Document]) -> tuple[str, dict[str, np.ndarray]]:
    """`(signature, feeds)` for documents of one kind."""
    import numpy as np

    from cman_tf.data.batches import pad

    if documents[0].tokens:
        encoded = [np.array([token.encode() for token in document.tokens], object) for document in documents]
        return "tokens", {"tokens": pad(encoded, b"")}
    return "serving_default", {"text": np.array([document.text.encode() for document in documents], object)}
