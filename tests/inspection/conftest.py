"""An untrained tiny network, as a predictor."""

import pytest
import tensorflow as tf

from cman_tf import config as configs
from cman_tf.predictor import Predictor
from tests.conftest import untrained_network


@pytest.fixture(scope="package")
def make(documents, config):
    def predictor(**changes):
        network = untrained_network(configs.change(config, {"model.bsa_units": 2, **changes}), documents)
        model = network.model
        # Weights of which some entities and relations come.
        for number, weight in enumerate((model.crf.kernel, model.head_selection.scorer)):
            weight.assign(tf.random.stateless_normal(weight.shape, [2, number], stddev=5.0))
        return Predictor(network)

    return predictor


@pytest.fixture(scope="package")
def predictor(make):
    return make()
