"""Runs that are trained in half precision."""

import json
import subprocess
import sys

import h5py
import numpy as np
import pytest
import tensorflow as tf

from cman_tf import config as configs
from cman_tf.errors import InputError
from cman_tf.training.run import Run
from cman_tf.training.trainer import Trainer
from tests.conftest import TINY_PLAIN, untrained_network


class KilledError(Exception):
    pass


class Killer:
    """Ends the training in the second epoch, as a kill would."""

    epochs = 0

    def begin(self, *about):
        pass

    def step(self, steps):
        if self.epochs:
            raise KilledError

    def epoch(self, *about):
        self.epochs += 1


@pytest.fixture(params=["mixed_float16", pytest.param("mixed_bfloat16", marks=pytest.mark.slow)])
def begin(request, documents, tmp_path):
    config = configs.change(configs.from_dict(TINY_PLAIN), {"training.precision": request.param})

    def begin(name):
        return Run.create(tmp_path / name, untrained_network(config, documents), "fingerprint")

    return begin


def train(run, documents, progress=None):
    trainer = Trainer(run, run.network(trained=False), documents[:4], documents[2:], progress)
    trainer.fit()
    return trainer


@pytest.mark.usefixtures("eager_here")
def test_a_run_is_stored_read_and_scored_in_float32_and_can_be_resumed(begin, documents):
    run, killed = begin("whole"), begin("killed")
    trainer = train(run, documents)
    assert trainer.model.head_selection.compute_dtype in run.config().training.precision
    scaled = isinstance(trainer.optimizer, tf.keras.mixed_precision.LossScaleOptimizer)
    assert scaled == (run.config().training.precision == "mixed_float16")
    with h5py.File(run.weights) as file:
        stored = []
        file.visititems(lambda name, item: stored.append(item.dtype) if isinstance(item, h5py.Dataset) else None)
    assert set(stored) == {np.dtype("float32")}
    network = run.network()
    start = run.network(trained=False).model
    assert not any(map(np.array_equal, start.trainable_weights, network.model.trainable_weights))
    layers = [layer for part in network.model.layers for layer in getattr(part, "layers", [])]
    assert "float32" in {layer.compute_dtype for layer in layers} <= {"float32", "int32"}
    # The dev split was scored with the network that later predictions use.
    trainer.run.load_weights(trainer.network)
    found = trainer.predictor.extract(documents)
    assert found == run.predictor().extract(documents)

    with pytest.raises(KilledError):
        train(killed, documents, Killer())
    train(Run.open(killed.path, trained=False), documents)
    for one, other in zip(killed.network().model.weights, network.model.weights):
        np.testing.assert_array_equal(one, other, err_msg=one.name)


def test_another_precision_is_refused():
    with pytest.raises(InputError, match=r"^`training\.precision` must be 'float32', 'mixed_float16' or 'mixed_bflo"):
        configs.from_dict({"training": {"precision": "float16"}})


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """Function from a precision to the best dev scores of the sample corpus, entities and relations, in percent."""
    folder = tmp_path_factory.mktemp("runs")

    def fitted(precision):
        run = folder / precision
        if not run.exists():
            command = [sys.executable, "-m", "cman_tf.fit", "--config", "sample", "--run-dir", str(run)]
            subprocess.run([*command, "--training.precision", precision], check=True, capture_output=True)
        scores = json.loads((run / "metrics.json").read_text())["dev"]["strict"]["micro"]
        return np.array([100 * scores[item]["f1"] for item in ("entities", "relations")])

    return fitted


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_the_sample_corpus_is_learnt_as_well_as_in_float32(fitted, precision):
    assert fitted(precision).mean() > fitted("float32").mean() - 1
