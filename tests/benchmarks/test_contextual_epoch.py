"""Epochs with stored vectors: ratios of made-up epochs, and the workload with a tiny network."""

import numpy as np
import pytest

from benchmarks import workload
from benchmarks.contextual_epoch import VARIANTS, bars, ratios
from cman_tf.data.document import Document, Entity, Relation

TINY = {
    "words.min_count": 1,
    "characters.hidden_size": 2,
    "model.hidden_size": 4,
    "model.num_heads": 2,
    "model.relation_size": 3,
    "training.batch_size": 2,
}
DOCUMENTS = [
    Document(["Ana", "lives", "in", "Oslo"], [Entity(0, 1, "Peop"), Entity(3, 4, "Loc")], [Relation(0, 1, "Live_In")]),
    Document(["It", "rained", "."]),
    Document(["Bo", "slept"]),
]


def test_the_best_epochs_are_compared():
    first, second, third, _ = VARIANTS
    found = ratios({name: [20.0, 10.0 * (1 + number)] for number, name in enumerate(VARIANTS)})
    assert found == dict(zip(VARIANTS, (1.0, 2.0, 2.0, 2.0)))
    reached = {bar["mode"]: bar["reached"] for bar in bars({**found, second: 1.3, third: 1.31})}
    assert reached == {second: True, third: False}


@pytest.mark.slow
def test_an_epoch_reads_all_sentences_and_their_stored_vectors(monkeypatch, tmp_path):
    monkeypatch.setattr(workload, "conll04", lambda split, data_dir: DOCUMENTS)
    monkeypatch.setattr(workload, "PAPER", TINY)
    found = workload.Workload("project", True, None, None, contextual=(2, 5), projection=3, store=tmp_path)
    assert (found.steps, found.sentences) == (2, 3)
    (batch, _), (again, _) = (next(iter(found.dataset)) for _ in range(2))
    assert batch["contextual_1"].shape[2:] == (2, 5)
    np.testing.assert_array_equal(batch["contextual_1"], again["contextual_1"])
    loss = found.make_step()(iter(found.dataset))["loss"]
    assert np.isfinite(loss)
