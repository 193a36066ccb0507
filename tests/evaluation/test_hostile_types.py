"""Types with terminal escapes, markup and direction marks: no table and no page lets them through."""

import json
import re

import pytest

from cman_tf.errors import printable
from cman_tf.evaluation.breakdowns import by_entity_distance, by_sentence_length
from cman_tf.evaluation.markup import sentence_html
from cman_tf.evaluation.report import write_extraction_page, write_report
from cman_tf.evaluation.scorer import score
from cman_tf.evaluation.tables import evaluation_text, text_table
from tests.conftest import sentence

HOSTILE = [
    "\x1b[2J\x1b[31mred",
    "\x9b31mC1",
    "[bold]b[/bold]",
    r"\[/bold]",
    "\u202egnp.exe",
    "\u2066isolate\u2069",
    "\u200fmark\u061c",
    "<script>alert(1)</script>",
    "\x08\x08back",
    "line\u2028end",
    "\u200bnothing\ufeff",
]
RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def documents():
    return [
        sentence("a b", [(0, 1, type), (1, 2, type)], [(0, 1, type)], id=f"{number} {type}")
        for number, type in enumerate(HOSTILE)
    ]


def metrics():
    gold = documents()
    scores = score(gold, gold, exclude_types=())
    scores["by_sentence_length"] = by_sentence_length(gold, gold)
    scores["by_entity_distance"] = by_entity_distance(gold, gold)
    scores["without_types"] = score(gold, gold, exclude_types=HOSTILE[:2])
    return scores


@pytest.mark.parametrize("type", HOSTILE)
def test_printable_shows_them_escaped(type):
    assert not RAW.search(printable(type))
    assert printable(printable(type)) == printable(type)


@pytest.mark.parametrize(
    "text", ["Łódź", "a\tb", "👩\u200d👩\u200d👧", "نامه\u200cای", "12\u00a0000", "e\u0301", "[bold]", "עברית", "東京"]
)
def test_printable_leaves_the_scripts_of_the_world_alone(text):
    assert printable(text) == text


@pytest.mark.parametrize("shown", [text_table, evaluation_text])
def test_tables_for_the_terminal(shown):
    text = shown(metrics())
    assert not RAW.search(text)
    lines = [re.split(r" {2,}", line.strip())[0] for line in text.splitlines()]
    for type in HOSTILE:
        # As they are: an entity type and a relation type; and a part of the row "without ...", which is wrapped.
        assert lines.count(printable(type)) >= 2
    excluded = text_table(score(documents(), documents(), exclude_types=HOSTILE))
    assert not RAW.search(excluded)


@pytest.mark.parametrize("kind", ["report", "extraction", "fragment"])
def test_pages(tmp_path, kind):
    gold, path = documents(), tmp_path / "page.html"
    title = "run \u202egnp\x1b[2J"
    if kind == "report":
        write_report(path, gold, gold, {**metrics(), "exclude_types": HOSTILE}, title=title)
    elif kind == "extraction":
        write_extraction_page(path, gold, title=title)
    page = sentence_html(gold[0]) if kind == "fragment" else path.read_text(encoding="utf-8")
    assert not RAW.search(page)
    assert "<script>alert" not in page
    assert page.count(r"\x1b[2J") > 2
    if kind != "fragment":
        assert r"<title>run \u202egnp\x1b[2J</title>" in page
        assert r"<h1>run \u202egnp\x1b[2J</h1>" in page


def test_the_check_of_a_corpus(tmp_path, capsys):
    from cman_tf.commands import cli, data
    from cman_tf.data import formats
    from cman_tf.data.document import is_type

    # Of those, the types that a corpus may have.
    kept = [document for document, type in zip(documents(), HOSTILE) if is_type(type)]
    for split in ("train", "dev", "test"):
        formats.write(kept, tmp_path / "corpus" / f"{split}.jsonl", "jsonl")
    assert cli.run("cman data", data.command, ["check", str(tmp_path / "corpus"), "--examples", "50"]) == 0
    out = capsys.readouterr().out
    assert not RAW.search(out)
    assert r"\u202egnp.exe" in out


def test_displacy():
    pytest.importorskip("spacy")
    from cman_tf.interop import displacy

    for document in documents():
        for style in ("ent", "dep"):
            html = displacy.render(document, style)
            assert not RAW.search(html)
            assert "<script>" not in html


def test_the_page_of_a_search(tmp_path):
    pytest.importorskip("keras_tuner")
    from tuning.report import write_report as write_search_report

    search = {
        "config": HOSTILE[0],
        "tuner": HOSTILE[4],
        "objective": "val_f1",
        "trials": [
            {
                "id": "0",
                "status": "FAILED",
                "values": {"a": HOSTILE[7]},
                "reason": HOSTILE[1],
                "epochs": 1,
                "val_f1": None,
            }
        ],
        "finalists": [],
        "base": {},
    }
    write_search_report(tmp_path / "report.html", json.loads(json.dumps(search)))
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not RAW.search(page)
    assert r"\x9b31mC1" in page


def test_the_check_of_an_export():
    from export.check import text

    findings = {"operations": [HOSTILE[0]], "problems": [HOSTILE[1], HOSTILE[4]], "path": HOSTILE[9]}
    findings["signatures"] = {HOSTILE[5]: {"inputs": [HOSTILE[6]], "outputs": []}}
    assert not RAW.search(text(findings))
    findings |= {"problems": [], "tensorflow": HOSTILE[0], "warmup_requests": 1}
    assert not RAW.search(text(findings))
