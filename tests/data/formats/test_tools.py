"""Particulars of the files of annotation tools."""

import json
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cman_tf.data import formats
from cman_tf.data.document import Document, Entity, Relation
from cman_tf.data.formats.concepts import Concepts
from cman_tf.data.formats.losses import Reading
from cman_tf.data.formats.spans import Span, Text
from cman_tf.errors import InputError
from tests.data.examples import ann, documents, sentence, write_json
from tests.data.formats.test_cases import CASES, shown

TEXT = "Ana Lima lives in Oslo."
DATE = "Ana kam am 3. Mai nach Oslo. Bo auch."


def task(*annotations, text=TEXT, **others):
    return {"id": 3, "data": {"text": text}, "annotations": list(annotations), **others}


def region(id, start, end, label, text=None):
    mention = {} if text is None else {"text": text}
    return {"id": id, "type": "labels", "value": {"start": start, "end": end, "labels": [label], **mention}}


def annotated(*results, by=1, **others):
    return {"completed_by": by, "result": list(results), **others}


def link(head, tail, direction="right", labels=("Live_In",)):
    return {"type": "relation", "from_id": head, "to_id": tail, "direction": direction, "labels": list(labels)}


ANA, OSLO = region("a", 0, 8, "Peop"), region("b", 18, 22, "Loc")


def read(path, content, **choices):
    reading = Reading(**choices)
    write_json(path, content)
    return [shown(document) for document in formats.read(path, reading=reading)], reading


def test_label_studio_asks_for_one_of_several_annotators(tmp_path):
    content = [task(annotated(ANA, by=1), annotated(ANA, OSLO, by={"id": 2, "email": "b@x"}))]
    with pytest.raises(InputError, match=r"one with --annotator\. Received: 1, b@x in .*a$"):
        read(tmp_path / "a", content)
    found, reading = read(tmp_path / "a", content, annotator="b@x")
    assert len(found[0][0]) == 2
    assert reading.left_out == {"annotations of other annotators": 1}
    with pytest.raises(InputError, match="must be one of 1, b@x. Received: c"):
        read(tmp_path / "a", content, annotator="c")


def test_label_studio_leaves_out_what_was_cancelled_and_reads_predictions_without_annotations(tmp_path):
    content = [task(annotated(ANA, was_cancelled=True), annotated(ANA, OSLO, by=2))]
    assert len(read(tmp_path / "a", content)[0][0][0]) == 2
    content = [task(predictions=[annotated(ANA, OSLO, link("a", "b"))])]
    assert read(tmp_path / "a", content)[0][0][1] == [("Ana Lima", "Live_In", "Oslo")]


@pytest.mark.parametrize(
    ("direction", "expected"),
    [
        ("right", ("Ana Lima", "Live_In", "Oslo")),
        ("left", ("Oslo", "Live_In", "Ana Lima")),
        ("bi", ("Ana Lima", "Live_In", "Oslo")),
    ],
)
def test_label_studio_directions(tmp_path, direction, expected):
    assert read(tmp_path / "a", [task(annotated(ANA, OSLO, link("a", "b", direction)))])[0][0][1] == [expected]


@pytest.mark.parametrize(
    ("text", "start", "mention"),
    [
        ("A &amp; B met Bo", 10, "Bo"),  # offsets of the text that is shown
        ("A & B met Bo", 14, "Bo"),  # offsets of the escaped text
        ("😀 met Bo", 7, "Bo"),  # UTF-16 units
        ("😀 met Bo", 6, "Bo"),
    ],
)
def test_label_studio_offsets_are_those_of_the_mentions(tmp_path, text, start, mention):
    content = [task(annotated(region("a", start, start + 2, "Peop", mention)), text=text)]
    found, reading = read(tmp_path / "a", content)
    assert found[0][0] == [("Bo", "Peop")]
    assert not reading.left_out


@pytest.mark.parametrize(
    ("data", "name", "mention"),
    [
        ({"source": "https://example.org/7", "content": TEXT}, "x", "Ana Lima"),
        ({"title": "Of Ana Lima", "content": TEXT}, "content", "Ana Lima"),
        ({"title": "Of Ana Lima", "content": TEXT}, "content", None),
        ({"title": "Of Ana Lima", "text": TEXT}, "x", None),
        ({"text": "Of Oslo", "content": TEXT}, "text", "Ana Lima"),
        ({"content": TEXT, "id": "7"}, "x", None),
        ({"content": "&lt;" + TEXT, "text": "", "id": 7}, "x", "Ana Lima"),
    ],
)
def test_label_studio_reads_the_text_that_was_annotated(tmp_path, data, name, mention):
    shift = data["content"].index("Ana") if data.get("content", "").startswith("&") else 0
    result = {**region("a", shift, shift + 8, "Peop", mention), "to_name": name}
    found, reading = read(tmp_path / "a", [{**task(annotated(result)), "data": data}])
    assert (found, reading.left_out) == ([([("Ana Lima", "Peop")], [])], {})


@pytest.mark.parametrize("results", [(), (region("a", 0, 8, "Peop"),), (region("a", 0, 2, "Peop", "Bo"),)])
def test_label_studio_does_not_guess_which_text_was_annotated(tmp_path, results):
    tasks = [{**task(annotated(*results)), "data": {"source": "https://example.org/7", "content": TEXT}}]
    with pytest.raises(InputError, match=r"text as `text` in `data`\. Received: keys 'source', 'content' in .*task 1"):
        read(tmp_path / "a", tasks)
    found, reading = read(tmp_path / "a", [*tasks, task(annotated(ANA))])
    assert (len(found), reading.left_out) == (1, {"malformed tasks": 1})


def test_label_studio_counts_what_is_no_entity_or_relation(tmp_path):
    choice = {"id": "c", "type": "choices", "value": {"choices": ["good"]}}
    unnamed = link("a", "b", labels=())
    wrong = region("d", 0, 8, "Peop", "Bo Ek")
    _, reading = read(tmp_path / "a", [task(annotated(ANA, OSLO, choice, unnamed, wrong, link("a", "x")))])
    assert reading.left_out == {
        "results of type 'choices'": 1,
        "malformed results": 1,
        "entities that do not fit their text": 1,
        "relations that do not fit their entities": 1,
    }
    assert "must have a label" in reading.examples["malformed results"]


@pytest.mark.parametrize(
    "record",
    [
        {"id": 1, "text": TEXT, "label": [[0, 8, "Peop"], [18, 22, "Loc"]]},
        {"id": 1, "text": TEXT, "labels": [[0, 8, "Peop"], [18, 22, "Loc"]], "meta": {}},
        {"doc_id": "1", "text": TEXT, "spans": [{"begin": 0, "end": 8, "type": "Peop"}, [18, 22, "Loc"]]},
        {"text": TEXT, "entities": [{"offsets": [[0, 3], [4, 8]], "type": "Peop"}, [18, 22, "Loc"]]},
    ],
)
def test_spans_in_several_forms(tmp_path, record):
    found, reading = read(tmp_path / "a", record)
    assert found == [([("Ana Lima", "Peop"), ("Oslo", "Loc")], [])]
    assert not reading.left_out


def test_ends_of_relations_are_ids_or_indices(tmp_path):
    spans = [{"id": 1, "start": 0, "end": 8, "label": "Peop"}, {"id": 0, "start": 18, "end": 22, "label": "Loc"}]
    relation = {"head": 0, "tail": 1, "type": "Lives"}
    record = {"text": TEXT, "entities": spans, "relations": [relation]}
    assert read(tmp_path / "a", record)[0][0][1] == [("Oslo", "Lives", "Ana Lima")]
    for span in spans:
        del span["id"]
    assert read(tmp_path / "a", record)[0][0][1] == [("Ana Lima", "Lives", "Oslo")]
    record["relations"] = [{**relation, "tail": 5}, {**relation, "head": None}, {"head": 0}]
    found, reading = read(tmp_path / "a", record)
    assert (found[0][1], sum(reading.left_out.values())) == ([], 3)


def test_inclusive_ends_of_characters(tmp_path):
    record = {"text": TEXT, "entities": [{"start": 0, "end": 7, "label": "Peop"}]}
    assert read(tmp_path / "a", record, ends="inclusive")[0] == [([("Ana Lima", "Peop")], [])]


def packed(path, **files):
    """Write an archive of JSON lines, as doccano exports it."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, records in files.items():
            archive.writestr(f"{name}.jsonl", "".join(json.dumps(record) + "\n" for record in records))
    return path


def test_doccano_archives(tmp_path):
    path = packed(tmp_path / "a.zip", all=[json.loads(line) for line in (CASES / "doccano.jsonl").open()])
    assert formats.recognise(path) == "doccano"
    expected = formats.read(CASES / "doccano.jsonl")
    assert formats.read(path) == expected


def test_doccano_archives_have_a_file_for_each_annotator(tmp_path):
    one, other = {"text": TEXT, "label": [[0, 8, "Peop"]]}, {"text": "Bo left.", "label": [[0, 2, "Peop"]]}
    assert len(formats.read(packed(tmp_path / "a.zip", unknown=[], admin=[one], bo=[other]))) == 2
    path = packed(tmp_path / "b.zip", admin=[one], bo=[{**one, "label": []}, other])
    with pytest.raises(InputError, match=r"with --annotator\. Received: admin, bo in .*b\.zip$"):
        formats.read(path)
    reading = Reading(annotator="bo")
    found = formats.read(path, reading=reading)
    assert [shown(document)[0] for document in found] == [[], [("Bo", "Peop")]]
    assert reading.left_out == {"texts of other annotators": 1}
    with pytest.raises(InputError, match=r"must be in one of the formats .*ZIP archive with .*x\.jsonl"):
        formats.read(packed(tmp_path / "c.zip", x=[{"y": 1}]))


def prodigy(**changes):
    return {**json.loads((CASES / "prodigy.jsonl").read_text()), **changes}


def test_prodigy_leaves_out_what_was_rejected_and_asks_for_one_annotator(tmp_path):
    lines = [prodigy(), prodigy(text="Bo left.", answer="reject", spans=[], relations=[])]
    found, reading = read(tmp_path / "a", lines)
    assert (len(found), reading.left_out) == (2, {"texts that were rejected or ignored": 1})
    lines = [prodigy(_annotator_id="x"), prodigy(_annotator_id="y", relations=[])]
    with pytest.raises(InputError, match=r"with --annotator\. Received: x, y in"):
        read(tmp_path / "a", lines)
    assert len(read(tmp_path / "a", lines, annotator="x")[0]) == 2


def test_prodigy_gets_what_rel_manual_asks_for(tmp_path):
    [document, other] = formats.read(CASES / "prodigy.jsonl")
    formats.write([document, sentence("")], tmp_path / "a", "prodigy")
    [line] = (tmp_path / "a").read_text().splitlines()  # none for the text without tokens
    record, expected = json.loads(line), prodigy()
    assert record["tokens"] == [*expected["tokens"][:5], {**expected["tokens"][5], "ws": False}]
    assert (record["spans"], record["relations"]) == (expected["spans"][:2], expected["relations"])


def test_prodigy_keeps_apart_entities_of_the_same_words(tmp_path):
    entities = [Entity(0, 1, "Peop"), Entity(0, 1, "Org"), Entity(1, 2, "Loc")]
    document = Document(["Lima", "Oslo"], entities, [Relation(1, 2, "In"), Relation(1, 0, "Of")], id="7")
    formats.write([document], tmp_path / "a", "prodigy")
    assert formats.read(tmp_path / "a") == [document]


def test_dygie_counts_what_it_cannot_read(tmp_path):
    record = json.loads((CASES / "dygie.jsonl").read_text())
    record["clusters"] = [[[0, 1], [6, 6]]]
    record["ner"][1].append([0, 1, "Peop"])  # of another sentence
    record["relations"][1].append([9, 10, 6, 6, "Work_For"])  # to no entity
    found, reading = read(tmp_path / "a", record)
    assert found == [shown(document) for document in formats.read(CASES / "dygie.jsonl")]
    assert reading.left_out == {"clusters": 1, "malformed entities": 1, "malformed relations": 1}


def test_triples_find_their_mentions(tmp_path):
    record = {"text": "Oslonian Bo met Bo in Oslo .", "triple_list": [["Bo", "Lives", "Oslo"], ["Bo", "Is", "Ek"]]}
    found, reading = read(tmp_path / "a", [record])
    assert found == [([("Bo", "Entity"), ("Oslo", "Entity")], [("Bo", "Lives", "Oslo")])]
    assert reading.left_out == {"malformed relations": 1}
    entities = [{"text": "Bo", "label": "Peop"}, {"text": "Bo", "label": "Dog"}, {"text": "lo", "label": "Loc"}]
    relation = {"em1Text": "Bo", "em2Text": "Oslo", "label": "None"}
    record = {"sentText": record["text"], "entityMentions": entities, "relationMentions": [relation]}
    found, reading = read(tmp_path / "a", [record])
    assert found == [([("Bo", "Peop"), ("Bo", "Dog")], [])]
    assert reading.left_out == {"entities that are not in their text": 1}
    (tmp_path / "a").write_text(json.dumps({**record, "articleId": "nyt/7.xml", "sentId": "3"}))
    assert [document.id for document in formats.read(tmp_path / "a")] == ["nyt/7.xml:3"]


STACKED = """#FORMAT=WebAnno TSV 3.3
#T_SP=webanno.custom.Span|value
#T_SP=webanno.custom.Bare|
#T_RL=webanno.custom.Link|BT_webanno.custom.Span

#Text=Ana left
#Text=Oslonian towns
1-1\t0-3\tAna\tPeop[1]|Dog\\_x[2]\t*\t_\t
1-2\t4-8\tleft\t_\t_\t_\t
1-3\t9-17\tOslonian\t_\t_\t_\t
1-3.1\t9-13\tOslo\tLoc\t_\t1-1[2_0]\t
1-4\t18-23\ttowns\t_\t_\tnowhere\t
"""


def test_webanno_stacked_annotations_parts_of_tokens_and_layers_without_features(tmp_path):
    (tmp_path / "a").write_text(STACKED)
    reading = Reading()
    [document] = formats.read(tmp_path / "a", reading=reading)
    assert document.text == "Ana left\nOslonian towns"
    entities, relations = shown(document)
    assert entities == [("Ana", "Peop"), ("Ana", "Dog_x"), ("Ana", "Bare"), ("Oslo", "Loc")]
    assert relations == [("Ana", "Link", "Oslo")]
    assert document.relations[0].head.type == "Dog_x"
    assert reading.left_out == {"malformed relations": 1}


SLOTS = """#FORMAT=WebAnno TSV 3.3
#T_SP=de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity|identifier|value
#T_SP=webanno.custom.Job|ROLE_webanno.custom.Job:holders_webanno.custom.Holder|webanno.custom.Person

#Text=Ana works
1-1\t0-3\tAna\thttp://example.org/7\t*\t_\t_\t
1-2\t4-9\tworks\t_\t_\tworker;boss\t1-1;1-1\t
"""


def test_webanno_roles_and_concepts_are_no_types(tmp_path):
    (tmp_path / "a").write_text(SLOTS)
    reading = Reading()
    [document] = formats.read(tmp_path / "a", reading=reading)
    assert shown(document)[0] == [("Ana", "NamedEntity"), ("works", "Job")]
    assert reading.left_out == {"slots of annotations": 1}


def test_webanno_takes_the_feature_that_a_cas_takes(tmp_path):
    header = "#FORMAT=WebAnno TSV 3.3\n#T_SP=webanno.custom.Span|other|label|value\n\n#Text=Ana left Bo\n"
    rows = "1-1\t0-3\tAna\tx\ty\tz\t\n1-2\t4-8\tleft\tx\ty\t*\t\n1-3\t9-11\tBo\tx\t*\t*\t\n"
    (tmp_path / "a").write_text(header + rows)
    assert shown(formats.read(tmp_path / "a")[0])[0] == [("Ana", "z"), ("left", "y"), ("Bo", "x")]


def test_webanno_projects_ask_for_an_annotator(tmp_path):
    for text in ("a.txt", "b.txt"):
        for person in ("x", "y"):
            (tmp_path / "annotation" / text).mkdir(parents=True, exist_ok=True)
            (tmp_path / "annotation" / text / f"{person}.tsv").write_text(STACKED)
    with pytest.raises(InputError, match=r"with --annotator\. Received: x, y in"):
        formats.read(tmp_path)
    reading = Reading(annotator="x")
    assert [document.id for document in formats.read(tmp_path, reading=reading)] == ["a.txt", "b.txt"]
    assert reading.left_out["texts of other annotators"] == 2


@pytest.mark.parametrize(
    ("format", "content"),
    [
        ("pubtator", f"7|t|{DATE}\n7\t0\t3\tAna\tPeop\tA\n7\t23\t27\tOslo\tLoc\tB\n7\tIn\tA\tB\n"),
        (
            "doccano",
            json.dumps(
                {
                    "text": DATE,
                    "entities": [
                        {"id": 1, "label": "Peop", "start_offset": 0, "end_offset": 3},
                        {"id": 2, "label": "Loc", "start_offset": 23, "end_offset": 27},
                    ],
                    "relations": [{"id": 3, "from_id": 1, "to_id": 2, "type": "In"}],
                }
            ),
        ),
    ],
)
@pytest.mark.parametrize("sentences", [None, "split"])
def test_texts_are_split_in_their_language(tmp_path, format, content, sentences):
    (tmp_path / "a").write_text(content + "\n")
    german, english = (Reading(sentences=sentences, language=language) for language in ("de", "en"))
    found = formats.read(tmp_path / "a", format, reading=german)
    assert [document.text for document in found] == ["Ana kam am 3. Mai nach Oslo.", "Bo auch."]
    assert [relation.type for document in found for relation in document.relations] == ["In"]
    assert (len(formats.read(tmp_path / "a", format, reading=english)), english.relations) == (3, 0)


def test_concepts_that_are_none_and_two_concepts_of_one_mention_have_no_relation():
    text = Text("Ana met Bo", "a", spans={key: Span([span], "Peop") for key, span in enumerate([(0, 3), (8, 10)])})
    concepts = Concepts()
    for key, names in ((0, "A|B"), (0, "-1"), (1, "-1"), (1, "C")):
        concepts.add(key, names)
    assert concepts.nearest(text, "A", "C", Reading(sentences="split")) == (0, 1)
    for head, tail in (("A", "B"), ("-1", "-1")):
        with pytest.raises(InputError, match=rf"must link concepts of entities\. Received: {head} and {tail}"):
            concepts.nearest(text, head, tail, Reading(sentences="split"))


def test_pre_annotations_have_scores(tmp_path):
    document = ann().with_annotation(
        [entity.__class__(entity.start, entity.end, entity.type, 0.5) for entity in ann().entities],
        [relation.__class__(relation.head, relation.tail, relation.type, 0.25) for relation in ann().relations],
    )
    formats.write([document], tmp_path / "a.json", "label_studio")
    [record] = json.loads((tmp_path / "a.json").read_text())
    [prediction] = record["predictions"]
    assert (prediction["score"], prediction["result"][0]["score"]) == (0.25, 0.5)
    assert prediction["result"][0]["value"] == {"start": 0, "end": 7, "text": "Ann Lee", "labels": ["Peop"]}
    assert prediction["result"][3]["labels"] == ["Work_For"]
    formats.write([document], tmp_path / "a.jsonl", "doccano")
    record = json.loads((tmp_path / "a.jsonl").read_text())
    assert record["entities"][1] == {"id": 2, "label": "Org", "start_offset": 11, "end_offset": 15, "score": 0.5}
    assert record["relations"][0] == {"id": 4, "from_id": 1, "to_id": 2, "type": "Work_For", "score": 0.25}


WORDS = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=5)


@pytest.mark.parametrize("name", ["label_studio", "doccano", "prodigy"])
@settings(deadline=None, max_examples=25)
@given(documents(WORDS, spaced=True))
def test_entities_and_relations_come_back(tmp_path_factory, name, drawn):
    path = tmp_path_factory.getbasetemp() / f"round-{name}"
    formats.write(drawn, path, name)
    found = formats.read(path, name, reading=Reading(sentences="text", strict=True))
    assert [(d.text, *sets(d)) for d in found] == [(d.text, *sets(d)) for d in drawn]


def sets(document):
    """Its entities and relations, whatever their order: a set each."""
    entities, relations = shown(document)
    return set(entities), set(relations)
