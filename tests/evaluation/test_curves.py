import xml.etree.ElementTree as ET

import pytest

from cman_tf.evaluation.curves import curves_svg, training_curves
from tests.inspection.test_pictures import drawn


def row(epoch, loss=1.0, ner=0.5, re=0.25):
    return {"epoch": epoch, "loss": loss, "dev_ner_f1": ner, "dev_re_f1": re}


def test_loss_and_scores_with_their_best():
    figure = training_curves([row(1.0), row(2.0, ner=0.75), row(3.0, re=0.3)])
    assert drawn(figure) == ["training loss", "strict micro F1 on dev, %"]
    assert figure.axes[1].lines[0].get_ydata().tolist() == pytest.approx([50, 75, 50])
    assert [text.get_text() for text in figure.axes[1].get_legend().texts] == [
        "entities, best 75.00",
        "relations, best 30.00",
    ]


def test_a_training_without_dev_scores():
    figure = training_curves([row(1.0, ner=None, re=None), row(2.0, loss=0.5, ner=None, re=None)])
    assert figure.axes[0].lines[0].get_ydata().tolist() == [1.0, 0.5]
    assert [text.get_text() for text in figure.axes[1].get_legend().texts] == ["entities", "relations"]


def test_one_epoch_is_a_dot():
    assert training_curves([row(1.0)]).axes[0].lines[0].get_marker() == "."


def test_the_page_gets_text_in_its_own_colour_and_the_same_svg_each_time():
    history = [row(1.0), row(2.0, loss=0.5)]
    svg = curves_svg(history)
    assert "best 50.00" in "".join(ET.fromstring(svg.replace("xlink:", "")).itertext())
    assert "#000000" not in svg
    assert curves_svg(history) == svg
    assert curves_svg([]) == ""
