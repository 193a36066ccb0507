import pytest

from cman_tf.errors import InputError
from cman_tf.inspection.marked import errors_html, found_html
from tests.conftest import sentence

ANA = sentence("Ana left Oslo", [(0, 1, "Peop"), (2, 3, "Loc")], [(0, 1, "Left")])
RAIN = sentence("Rain <b> here")


def test_found_sentences_stand_one_below_the_other():
    html = found_html([ANA, RAIN])
    assert html.index("Left") < html.index("Rain &lt;b&gt; here")
    assert html.count("<style>") == 1
    assert found_html([]).startswith("<div")


def test_only_sentences_with_errors_are_shown_the_worst_first():
    bo = sentence("Bo left", [(0, 1, "Peop")])
    gold = [RAIN, bo, ANA]
    predicted = [RAIN, bo.with_annotation([], []), ANA.with_annotation([], [])]
    html = errors_html(gold, predicted)
    assert "Rain" not in html
    assert html.index("Ana") < html.index("Bo")
    assert "Bo" not in errors_html(gold, predicted, limit=1)
    with pytest.raises(InputError):
        errors_html(gold, predicted[::-1])
