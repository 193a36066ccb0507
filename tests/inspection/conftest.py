"""An untrained tiny network, as a predictor."""

import pytest
import tensorflow as tf

from cman_tf import config as configs
from cman_tf.data.vocabulary import Vocabulary
from cman_tf.model.network import Network
from cman_tf.predictor import Predictor


@pytest.fixture(scope="package")
def make(documents, schema, config):
    def predictor(**changes):
        changed = configs.change(config, changes)
        vocabulary, _ = Vocabulary.of(documents, changed.words)
        network = Network.build(changed, schema, vocabulary)
        model = network.model
        # Weights of which some entities and relations come.
        for number, weight in enumerate((model.crf.kernel, model.head_selection.scorer)):
            weight.assign(tf.random.stateless_normal(weight.shape, [2, number], stddev=5.0))
        return Predictor(network)

    return predictor


@pytest.fixture(scope="package")
def predictor(make):
    return make()
