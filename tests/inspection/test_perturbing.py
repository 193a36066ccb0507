import numpy as np
import pytest

from cman_tf.errors import InputError
from cman_tf.inspection.perturbing import perturb
from tests.conftest import sentence

pytestmark = pytest.mark.usefixtures("eager")


@pytest.mark.slow
def test_the_worst_direction_is_worse_than_random_ones(predictor, documents):
    found = perturb(predictor, documents[4], alphas=(0.0, 0.001, 0.1), directions=3)
    assert found.tokens == documents[4].tokens
    assert found.worst.shape == (3, 2)
    assert found.random.shape == (3, 3, 2)
    assert found.shares.shape == (len(documents[4]),)
    assert found.shares.sum() == pytest.approx(1, abs=1e-5)
    # Where nothing moves all agree; where the loss is nearly linear, none is worse than along its gradient.
    np.testing.assert_allclose(found.random[:, 0], np.tile(found.worst[0], (3, 1)), rtol=1e-5)
    total, others = found.worst.sum(axis=1), found.random.sum(axis=2)
    assert (total[1] > others[:, 1]).all()
    assert total[0] < total[1]


def test_sentences_without_relations_and_of_other_types(predictor, documents):
    assert np.isfinite(perturb(predictor, documents[1], alphas=(0.1,), directions=0).worst).all()
    # Dropout is as it was before.
    assert predictor.network.model.entity_network.get_layer("embedding_dropout").rate == pytest.approx(0.2)
    with pytest.raises(InputError, match="Received: 'Org'"):
        perturb(predictor, sentence("Acme .", [(0, 1, "Org")]))
