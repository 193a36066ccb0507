from types import SimpleNamespace

import pytest

from cman_tf.config import Config
from cman_tf.evaluation.thresholds import threshold_curve


class Sure:
    """Finds what is annotated; the relations of a sentence with a probability of 0.45, 0.65, 0.85 in their order."""

    network = SimpleNamespace(config=Config(), encoders=None)

    def __init__(self, threshold=0.5):
        self.threshold = threshold

    def with_decoding(self, threshold):
        return Sure(threshold)

    def extract(self, documents, contextual=None):
        return [
            document.with_annotation(
                document.entities,
                [item for item, score in zip(document.relations, (0.45, 0.65, 0.85)) if score > self.threshold],
            )
            for document in documents
        ]


def test_a_higher_threshold_finds_fewer(documents):
    # Five sentences: six relations, of which one sentence has three.
    curve = threshold_curve(Sure(), documents, (0.4, 0.5, 0.7, 0.9))
    assert list(curve) == [0.4, 0.5, 0.7, 0.9]
    assert [rates["recall"] for rates in curve.values()] == pytest.approx([6 / 6, 2 / 6, 1 / 6, 0])
    assert [rates["precision"] for rates in curve.values()] == [1, 1, 1, 0]
