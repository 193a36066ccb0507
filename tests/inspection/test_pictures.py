import io

import numpy as np
import pytest

from cman_tf.errors import InputError
from cman_tf.inspection.inside import Inside
from cman_tf.inspection.perturbing import Perturbing
from cman_tf.inspection.pictures import attention_picture, marginals_picture, perturbing_picture, relations_picture

TOKENS = ("Ana", "$5_^", "x" * 40, "in", "Łódź")
TAGS = ("B-Peop", "O", "O", "O", "B-Loc")
UNIFORM = np.full((3, 5, 5), 0.2, np.float32)


@pytest.fixture(scope="module")
def inside():
    relations = np.zeros((5, 5, 4), np.float32)
    relations[0, 4, 2] = 0.9
    return Inside(
        TOKENS, TAGS, {"bsa_1": UNIFORM, "bla_1": UNIFORM}, UNIFORM[0], relations,
        ("O", "B-Loc", "I-Loc", "B-Peop", "I-Peop"), ("A", "B", "Live_In", "D"),
    )  # fmt: skip


def drawn(figure):
    """The picture is drawn whole; returns its titles."""
    data = io.BytesIO()
    figure.savefig(data, format="png")
    assert data.getvalue().startswith(b"\x89PNG")
    return [axes.get_title() for axes in figure.axes if axes.get_title()]


def labels(axes):
    return [text.get_text() for text in axes.get_xticklabels()], [text.get_text() for text in axes.get_yticklabels()]


def test_attention_over_tokens_and_over_labels(inside):
    assert drawn(attention_picture(inside, "bsa_1", heads=True)) == ["bsa_1 head 1", "bsa_1 head 2", "bsa_1 head 3"]
    figure = attention_picture(inside, "bla_1")
    assert drawn(figure) == ["bla_1"]
    columns, rows = labels(figure.axes[0])
    assert columns[0] == "Ana B-Peop"
    assert rows[1:3] == [r"\$5_^", "x" * 15 + "…"]
    with pytest.raises(InputError, match="one of bsa_1, bla_1. Received: bla_2; nearest: bla_1"):
        attention_picture(inside, "bla_2")


def test_marginals_with_the_decoded_tags(inside):
    figure = marginals_picture(inside)
    drawn(figure)
    assert figure.axes[0].collections[0].get_offsets().tolist() == [[0, 3], [1, 0], [2, 0], [3, 0], [4, 1]]
    assert labels(figure.axes[0])[1] == list(inside.tag_names)


def test_relations_above_the_threshold_have_a_frame(inside):
    figure = relations_picture(inside)
    assert drawn(figure) == ["A", "B", "Live_In", "D"]
    [frame] = [patch for axes in figure.axes[:4] for patch in axes.patches]
    assert frame.get_xy() == (3.5, -0.5)
    assert not any(axes.patches for axes in relations_picture(inside, 0.95).axes[:4])


def test_perturbation():
    losses = np.linspace(0, 1, 6, dtype=np.float32).reshape(3, 2)
    found = Perturbing(TOKENS, UNIFORM[0, 0], (0, 0.1, 0.2), losses, np.stack([losses] * 2))
    assert drawn(perturbing_picture(found)) == ["share of the perturbation", "loss of tags", "loss of relations"]
