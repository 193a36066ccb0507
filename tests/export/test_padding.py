"""Rows of different width that a stock server makes equal in its own way, which is not the one of this project."""

import numpy as np
import tensorflow as tf

from cman_tf.data.answers import annotated, left_out
from cman_tf.data.document import Document
from export.serving.remote import Remote
from tests.export.tiny import rows


def stock_batch(requests):
    """Their `tokens` in one tensor, as `AddPadding` of TensorFlow Serving's batching_util.cc does it."""
    arrays = [tf.make_ndarray(request.inputs["tokens"]) for request in requests]
    width = max(array.shape[1] for array in arrays)
    # Not with "": with the first element of each tensor.
    return np.concatenate(
        [np.pad(a, [(0, 0), (0, width - a.shape[1])], constant_values=a.flat[0]) for a in arrays]
    ).astype(object)


def test_a_client_is_answered_the_same_where_a_stock_server_pads(served, run_predictor):
    texts = ["Ana", "Ana lives in Oslo .", "Bo Ek of New Lima met Ana", "Ana and Bo live in Lima , Peru ."]
    documents = [Document(tuple(text.split())) for text in texts]
    with Remote("127.0.0.1:1") as remote:
        tokens = stock_batch([remote._request(document) for document in documents])
    found = {name: value.tolist() for name, value in served.call("tokens", tokens=tf.constant(tokens)).items()}
    expected = run_predictor.extract(documents)
    assert any(document.relations for document in expected)
    for row, (document, wanted) in enumerate(zip(documents, expected)):
        assert annotated(document, found, row) == wanted
        assert left_out(found, row) == 0


def test_indices_and_offsets_are_those_of_the_tokens_without_gaps(served):
    plain, led = (
        rows(served.answers("tokens", "tokens", [row]))[0] for row in (["Ana", "of", "Oslo"], ["", "Ana", "of", "Oslo"])
    )
    assert led["tokens"] == ["Ana", "of", "Oslo"]
    assert led["offsets"] == [[0, 3], [4, 6], [7, 11]]
    assert led["tags"] == plain["tags"]
    assert [item[:-1] for item in led["entities"]] == [item[:-1] for item in plain["entities"]]
    assert led["entities"]


def test_scores_pass_over_the_gap(served):
    plain, led = (served.call("scores", tokens=served.strings([row])) for row in (["Ana", "of"], ["", "Ana", "of"]))
    assert led["tokens"][0].tolist() == [b"Ana", b"of", b""]
    np.testing.assert_allclose(led["emissions"][:, :2], plain["emissions"], atol=1e-5)
