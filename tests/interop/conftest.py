"""A tiny network with random weights, as a run and as its export: what it finds is nonsense, and plenty."""

import pytest
import tensorflow as tf

from cman_tf import config as configs
from cman_tf.data import formats
from cman_tf.training import workflow
from cman_tf.training.run import Run
from tests.conftest import TINY


@pytest.fixture(scope="package")
def run(tmp_path_factory, documents):
    corpus = tmp_path_factory.mktemp("data") / "corpus"
    corpus.mkdir()
    for split in ("train", "dev"):
        formats.write(documents, corpus / f"{split}.json")
    values = {**TINY, "corpus": {"name": str(corpus)}, "decoding": {"threshold": 0.4}}
    run, network, _ = workflow.begin(configs.from_dict(values), tmp_path_factory.mktemp("runs") / "run")
    for number, weight in enumerate((network.model.crf.kernel, network.model.head_selection.scorer)):
        weight.assign(tf.random.stateless_normal(weight.shape, [2, number], stddev=5.0))
    run.save_weights(network)
    return run


@pytest.fixture(scope="package")
def predictor(run):
    return run.predictor()


@pytest.fixture(scope="package")
def quick(predictor):
    """One predictor for all: building graphs is what takes time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "predictor", lambda run, overrides=None: predictor)
        yield


@pytest.fixture(scope="package")
def exported(tmp_path_factory, run, quick):
    """Folder of the first version in a model folder."""
    from export.savedmodel import export

    return export(run, tmp_path_factory.mktemp("models") / "tiny")[0]
