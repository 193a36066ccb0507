import re

import pytest

from cman_tf.evaluation.curves import curves_html


def row(epoch, loss=1.0, ner=0.5, re=0.25):
    return {"epoch": epoch, "loss": loss, "dev_ner_f1": ner, "dev_re_f1": re}


def paths(html, name):
    return re.findall(rf'class="curve {name}" d="([^"]+)"', html)


def test_one_curve_of_loss_two_of_scores():
    html = curves_html([row(1), row(2, ner=0.75), row(3, re=0.3)])
    assert html.count("<svg") == 2
    assert [paths(html, name)[0].count(",") for name in ("loss", "entities", "relations")] == [3, 3, 3]
    assert "entities, best 75.00" in html
    assert "relations, best 30.00" in html


def test_a_higher_score_is_drawn_higher():
    html = curves_html([row(1, ner=0.2), row(2, ner=0.8)])
    (_, low), (_, high) = (point.split(",") for point in paths(html, "entities")[0][1:].split("L"))
    assert float(high) < float(low)


@pytest.mark.parametrize("gap", [None, "", float("nan"), float("inf"), "nan"])
def test_what_is_missing_leaves_a_gap(gap):
    html = curves_html([row(1), row(2), row(3, ner=gap), row(4)])
    assert len(paths(html, "entities")) == 2
    assert len(paths(html, "relations")) == 1
    assert "nan" not in html
    assert "inf" not in html


def test_text_as_from_a_csv_file():
    numbers = [row(1), row(2, loss=0.5)]
    assert curves_html([{name: str(value) for name, value in r.items()} for r in numbers]) == curves_html(numbers)


@pytest.mark.parametrize("rows", [[row(1)], [row(7, loss=0.0, ner=0.0, re=0.0)], [row(0, loss=-3.0)]])
def test_one_epoch_is_a_dot(rows):
    assert paths(curves_html(rows), "loss")[0].endswith("Z")


def test_no_epoch_no_figure():
    assert curves_html([]) == ""
    assert curves_html([{"epoch": 1}]) == ""
