"""An untrained tiny network, as a predictor."""

import pytest
import tensorflow as tf

from cman_tf import config as configs
from cman_tf.data.featurizer import Featurizer
from cman_tf.data.vocabulary import Vocabulary
from cman_tf.model.assembly import build_cman
from cman_tf.predictor import Predictor


@pytest.fixture(scope="package")
def make(documents, schema, config):
    def predictor(**changes):
        changed = configs.change(config, changes)
        vocabulary, _ = Vocabulary.of(documents, changed.words)
        featurizer = Featurizer(vocabulary, changed.characters.max_length)
        counts = {"num_trained_words": vocabulary.num_trained + 2, "num_fixed_words": 0}
        model = build_cman(changed, schema, num_characters=featurizer.num_characters, **counts)
        # Weights of which some entities and relations come.
        for number, weight in enumerate((model.crf.kernel, model.head_selection.scorer)):
            weight.assign(tf.random.stateless_normal(weight.shape, [2, number], stddev=5.0))
        return Predictor(model, featurizer, schema, changed)

    return predictor


@pytest.fixture(scope="package")
def predictor(make):
    return make()
