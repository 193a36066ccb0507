"""An untrained tiny network, as a predictor."""

import pytest

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
        return Predictor(model, featurizer, schema, changed)

    return predictor


@pytest.fixture(scope="package")
def predictor(make):
    return make()
