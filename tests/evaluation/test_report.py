import re
from html.parser import HTMLParser

import pytest

from cman_tf.errors import InputError, printable
from cman_tf.evaluation.error_kinds import count_kinds
from cman_tf.evaluation.markup import sentence_html
from cman_tf.evaluation.report import write_extraction_page, write_report
from cman_tf.evaluation.scorer import score
from tests.evaluation.examples import by_hand, conll04_test, sentence

VOID = {"meta", "link", "input", "br", "line"}


class Page(HTMLParser):
    """The parts of a page that a reader sees, and every attribute that could fetch something."""

    def __init__(self, html):
        super().__init__()
        self.rows, self.chips, self.fetches, self.tags = [], [], [], []
        self.open = []
        self.feed(html)
        self.close()
        assert self.open == [], "unclosed elements"

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append(tag)
        self.fetches += [v for k, v in attributes.items() if k in ("src", "href", "srcset", "data", "action")]
        if tag not in VOID:
            self.open.append((tag, attributes.get("class", "")))
        if tag == "article":
            self.rows.append({"kinds": attributes["data-kinds"].split(), "lines": [], "text": ""})
        elif tag == "p":
            self.rows[-1:] and self.rows[-1]["lines"].append("")
        elif tag == "label":
            self.chips.append("")

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop()[0] == tag

    def handle_data(self, data):
        tags = [tag for tag, _ in self.open]
        if "label" in tags:
            self.chips[-1] += data
        if "article" in tags:
            self.rows[-1]["text"] += data
            if "p" in tags and tags[-1] == "bdi":
                self.rows[-1]["lines"][-1] += data

    def counts(self):
        """Name and number of each filter, in order: `[("✓ right", 3), ...]`."""
        return [(chip.rsplit(" ", 1)[0], int(chip.rsplit(" ", 1)[1])) for chip in self.chips]


def report(tmp_path, gold, predicted, **options):
    path = tmp_path / "report.html"
    write_report(path, gold, predicted, score(gold, predicted), **{"title": "A run", **options})
    return path.read_text(encoding="utf-8")


def hostile():
    """Tokens and names that would break out of a careless page."""
    text = '<script>alert(1)</script> & "quoted" ]]> $title ${x} \u202egnp.exe עברית \x07 \U0001f600 <!-- </style>'
    entities = [(0, 1, "<b>"), (6, 8, '"x" onclick="y')]
    return sentence(text, entities, [(0, 1, "<img src=x>")], id="<i>id</i>")


def test_every_sentence_is_there(tmp_path):
    gold, predicted = by_hand()
    page = Page(report(tmp_path, gold, predicted))
    assert len(page.rows) == 2
    for row, document in zip(page.rows, gold):
        assert row["lines"] == [document.text, document.text]


def test_one_line_where_both_agree(tmp_path):
    gold, _ = by_hand()
    page = Page(report(tmp_path, gold, gold))
    assert [row["lines"] for row in page.rows] == [[document.text] for document in gold]


def test_overlapping_entities_get_lines_of_their_own(tmp_path):
    gold = [sentence("New York University", [(0, 3, "Org"), (0, 2, "Loc")])]
    html = report(tmp_path, gold, gold)
    assert Page(html).rows[0]["lines"] == ["New York University"] * 2
    assert html.count("<mark") == 2


def test_relations_scores_and_kinds_are_told(tmp_path):
    text = Page(report(tmp_path, *by_hand())).rows[0]["text"]
    assert "✓ Ann Lee --Live_In--> Paris 0.50 right" in text
    assert "≈ Ann Lee Peop --Work_For--> Acme Loc 0.75 wrong entity" in text
    assert "gold: Ann Lee Peop --Work_For--> Acme Org" in text
    assert "≠ Loc 0.60" in text


def test_filters_count_what_the_errors_count(tmp_path):
    gold, predicted = by_hand()
    predicted[0] = predicted[0].with_annotation(predicted[0].entities, ())
    page = Page(report(tmp_path, gold, predicted))
    kinds = count_kinds(gold, predicted)
    expected = [*kinds["entities"].items(), *kinds["relations"].items()]
    assert [(name.split(" ", 1)[1], count) for name, count in page.counts()] == expected


def test_filters_find_the_sentences(tmp_path):
    html = report(tmp_path, *by_hand())
    values = re.findall(r'<input type="checkbox" value="(\w+)"', html)
    # Entities: right, wrong type, wrong boundary, missed, spurious; then the eight kinds of relations.
    assert values == [f"e{i}" for i in range(5)] + [f"r{i}" for i in range(8)]
    first, second = (row["kinds"] for row in Page(html).rows)
    assert sorted(first) == ["e0", "e1", "r0", "r3"]
    assert sorted(second) == ["e0", "e2", "r3"]


@pytest.mark.parametrize("kind", ["report", "extraction", "sentence"])
def test_everything_is_escaped_and_nothing_is_fetched(tmp_path, kind):
    document = hostile()
    path = tmp_path / "page.html"
    if kind == "report":
        html = report(tmp_path, [document], [document], title="</title><script>alert(2)</script> $rows", history=None)
    elif kind == "extraction":
        write_extraction_page(path, [document], title="</title><script>alert(2)</script> $rows")
        html = path.read_text(encoding="utf-8")
    else:
        html = sentence_html(document)
    page = Page(html)
    assert page.tags.count("script") == (0 if kind == "sentence" else 1)
    assert not {"b", "i"} & set(page.tags) - ({"b"} if kind == "report" else set())
    assert "alert(1)&lt;/script&gt;" in html
    assert 'onclick="' not in html
    assert page.fetches in ([], ["data:,"])
    assert "url(" not in html
    assert "@import" not in html
    if kind != "sentence":
        # The bell is shown by its picture; all else reads as it stands in the text.
        assert page.rows[0]["lines"][0] == printable(document.text)


def test_right_to_left(tmp_path):
    gold = [sentence("סבא גר בחיפה", [(0, 1, "Peop"), (2, 3, "Loc")]), sentence("Dr. כהן", [(1, 2, "Peop")])]
    html = report(tmp_path, gold, gold)
    assert re.findall(r'<p class="line" dir="(\w+)"', html) == ["rtl", "ltr"]
    assert "<bdi>כהן</bdi>" in html


def test_a_lone_surrogate_can_be_written(tmp_path):
    gold = [sentence("a \ud83d b", [(1, 2, "Loc")])]
    assert r"<bdi>\ud83d</bdi>" in report(tmp_path, gold, gold)


def test_text_is_shown_as_it_was_written(tmp_path):
    document = sentence(
        "Paris , France", [(0, 1, "Loc"), (2, 3, "Loc")], text="Paris, France", offsets=[(0, 5), (5, 6), (7, 13)]
    )
    path = tmp_path / "page.html"
    write_extraction_page(path, [document], title="t")
    assert Page(path.read_text(encoding="utf-8")).rows[0]["lines"] == ["Paris, France"]


def test_summary_tables_and_bars(tmp_path):
    html = report(tmp_path, *by_hand())
    assert "<b>60.00</b> entities F1" in html
    assert "<th>boundaries macro</th>" in html
    assert "<th>&gt;=50</th>" in html
    assert "<th>10-19</th>" in html
    # No score for a group of nothing.
    assert "<span>-</span> <small>0 gold</small>" in html
    assert "<span>0.00</span> <small>0 gold</small>" not in html


def test_curves_only_with_a_history(tmp_path):
    gold, predicted = by_hand()
    history = [{"epoch": 1, "loss": 2.0, "dev_ner_f1": 0.5, "dev_re_f1": 0.25}]
    assert "<svg" in report(tmp_path, gold, predicted, history=history)
    assert "<svg" not in report(tmp_path, gold, predicted)


def test_says_which_types_the_scores_leave_out(tmp_path):
    gold, predicted = by_hand()
    path = tmp_path / "report.html"
    write_report(path, gold, predicted, score(gold, predicted, exclude_types=["Org"]), title="t")
    assert "leave out entities of type <bdi>Org</bdi>" in path.read_text(encoding="utf-8")


def test_extraction_page_filters_by_type(tmp_path):
    path = tmp_path / "page.html"
    _, predicted = by_hand()
    write_extraction_page(path, predicted, title="Found")
    page = Page(path.read_text(encoding="utf-8"))
    assert page.counts() == [("Loc", 2), ("Peop", 3), ("Kill", 1), ("Live_In", 1), ("Work_For", 1)]
    assert [row["lines"] for row in page.rows] == [[document.text] for document in predicted]
    assert "Ann Lee --Work_For--> Acme 0.75" in page.rows[0]["text"]


@pytest.mark.parametrize("documents", [[], [sentence("")], [sentence("a")]], ids=["none", "empty", "plain"])
def test_little_to_show(tmp_path, documents):
    assert len(Page(report(tmp_path, documents, documents)).rows) == len(documents)


def test_other_sentences_are_refused(tmp_path):
    gold, predicted = by_hand()
    with pytest.raises(InputError, match="same sentences"):
        write_report(tmp_path / "report.html", gold, predicted[:1], {}, title="t")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_where_the_page_cannot_be_written(tmp_path):
    (tmp_path / "report.html").mkdir()
    gold, predicted = by_hand()
    with pytest.raises(InputError, match="report.html"):
        report(tmp_path, gold, predicted)
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_sentence_alone_brings_its_style():
    html = sentence_html(by_hand()[1][0])
    Page(html)
    assert html.startswith('<div class="cman"><style>')
    assert html.count("<mark") == 3
    assert "Peop" in html


def test_conll04_whole(tmp_path):
    gold = conll04_test()
    predicted = [document.with_annotation(document.entities[1:], ()) for document in gold]
    page = Page(report(tmp_path, gold, predicted))
    assert len(page.rows) == 288
    assert all(set(row["lines"]) == {document.text} for row, document in zip(page.rows, gold))
    counts = dict(page.counts())
    assert counts["− missed"] + counts["⊖ missed end"] == 422
