"""The page of `cman data check`: it has what the text has, and what a corpus contains stays text."""

import pytest

from cman_tf.data import checks
from cman_tf.data.checks import Finding
from cman_tf.errors import InputError
from cman_tf.evaluation.corpus_page import MOST, write_corpus_page
from tests.conftest import sentence
from tests.evaluation.test_report import Page

HOSTILE = "</style><script>alert(1)</script>\u202e&amp;{{ 7 * 7 }}"


def page(tmp_path, splits, findings=None, title="corpus"):
    found = checks.findings(splits) if findings is None else findings
    write_corpus_page(tmp_path / "page.html", splits, found, title=title)
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    return Page(html), html


def test_counts_and_findings_are_on_the_page(tmp_path, documents):
    again = sentence("Ana lives in Oslo .", [(0, 1, "Peop"), (3, 4, "Org")], [(0, 1, "Live_In")], id="again")
    parsed, html = page(tmp_path, {"train": documents, "dev": [again]})
    assert "1 <bdi>sentences in both train and dev</bdi>" in html
    assert "<bdi>Oslo: Loc 2, Org 1</bdi>" in html
    assert "<tr><th>Live_In: Peop to Org</th><td>0</td><td>1</td></tr>" in " ".join(html.split())
    assert "<tr><th>Peop</th><td>5</td><td>1</td></tr>" in html
    assert '--share:100.00%">5 <small>100.00 %</small>' in html
    assert set(parsed.fetches) == {"data:,"}


def test_text_of_a_corpus_stays_text(tmp_path):
    hostile = sentence(f"{HOSTILE.split()[0]} lives", [(0, 1, HOSTILE), (1, 2, "Loc")], [(0, 1, HOSTILE)], id=HOSTILE)
    parsed, html = page(tmp_path, {"train": [hostile], "dev": [hostile]}, title=HOSTILE)
    assert "script" not in parsed.tags
    assert "<script" not in html
    assert "\u202e" not in html
    assert "{{ 7 * 7 }}" in html
    assert html.count("</style>") == 1


def test_little_and_much(tmp_path, documents):
    assert "<p>Nothing.</p>" in page(tmp_path, {"train": documents}, [])[1]
    many = Finding("many", [f"number {n}" for n in range(MOST + 7)])
    html = page(tmp_path, {"train": documents}, [many])[1]
    assert html.count("number ") == MOST
    assert "and 7 more" in html


def test_a_page_that_cannot_be_written(tmp_path, documents):
    with pytest.raises(InputError, match="Cannot write"):
        write_corpus_page(tmp_path, {"train": documents}, [], title="t")
