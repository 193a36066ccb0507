"""`POST /v1/extract`: whole documents over HTTP, as a loaded model answers them."""

import json
import logging
import urllib.error
import urllib.request

import pytest

from export.serving.app import Server, ServerOptions
from tests.export.extracting import LINES, extract, found, servers
from tests.export.serving import Asker
from tests.export.tiny import Echo

TEXT = "Ana lives in Oslo. Bo Ek\nof New Lima met Ana!\n\n- Rain\n- Oslo , Norway"


@pytest.fixture(scope="module")
def serve(tmp_path_factory):
    with servers(tmp_path_factory) as start:
        yield start


@pytest.fixture(scope="module")
def asker(serve):
    return serve()[1]


def test_a_document_is_answered_as_by_a_loaded_model(real, run_predictor):
    texts = [TEXT, "", " \n", "Oslo , Norway", "\N{GRINNING FACE} Ana and Bo live in Lima , Peru ."]
    answers = found(real, texts=texts)["documents"]
    assert sum(len(answer["entities"]) for answer in answers) > 5
    assert sum(len(answer["relations"]) for answer in answers) > 0
    for answer, document in zip(answers, run_predictor(texts)):
        assert [entity["id"] for entity in answer["entities"]] == [*range(len(document.entities))]
        assert [
            (entity["type"], entity["text"], (entity["start"], entity["end"])) for entity in answer["entities"]
        ] == [(entity.type, entity.text, document.char_span(entity)) for entity in document.entities]
        assert [(relation["type"], relation["head"], relation["tail"]) for relation in answer["relations"]] == [
            (relation.type, relation.head, relation.tail) for relation in document.relations
        ]
        spans = [(sentence["start"], sentence["end"]) for sentence in answer["sentences"]]
        assert spans == [document.sentence_span(number) for number in range(len(document.sentences))]
        assert [entity["sentence"] for entity in answer["entities"]] == [
            document.sentence_of(entity) for entity in document.entities
        ]
        for kind in ("entities", "relations"):
            scores = [item.score for item in getattr(document, kind)]
            assert [item["score"] for item in answer[kind]] == pytest.approx(scores, abs=2e-4)


def test_offsets_are_those_of_the_document(asker):
    text = "\N{GRINNING FACE} Ana lives in Oslo.\n\nBo lives in Peru."
    answer = found(asker, text=text)
    assert answer == {
        "entities": [
            {"id": 0, "type": "Peop", "text": "\N{GRINNING FACE}", "start": 0, "end": 1, "sentence": 0, "score": 0.75},
            {"id": 1, "type": "Loc", "text": "Oslo.", "start": 15, "end": 20, "sentence": 0, "score": 0.5},
            {"id": 2, "type": "Peop", "text": "Bo", "start": 22, "end": 24, "sentence": 1, "score": 0.75},
            {"id": 3, "type": "Loc", "text": "Peru.", "start": 34, "end": 39, "sentence": 1, "score": 0.5},
        ],
        "relations": [
            {"type": "Live_In", "head": 0, "tail": 1, "score": 0.25},
            {"type": "Live_In", "head": 2, "tail": 3, "score": 0.25},
        ],
        "sentences": [{"start": 0, "end": 20}, {"start": 22, "end": 39}],
    }
    assert found(asker, texts=[text]) == {"documents": [answer]}


def test_documents_are_split_in_their_language(asker):
    text = "Ana kam am 3. Mai nach Oslo. Bo auch."
    counts = [len(found(asker, text=text, **asked)["sentences"]) for asked in ({}, {"language": "de"})]
    assert counts == [3, 2]
    assert len(found(asker, text=text, language="zz-Latn")["sentences"]) == 3


def test_what_the_export_has_no_room_for_is_counted(asker):
    assert "left_out" not in found(asker, text="a b c")
    assert found(asker, text="a b c d e f g\n\na b c d e f\n\na")["left_out"] == 2


def test_uncertain_items_are_left_out(asker):
    assert found(asker, text="Ana Oslo", min_score=0.3)["relations"] == []
    assert [entity["type"] for entity in found(asker, text="Ana Oslo", min_score=0.6)["entities"]] == ["Peop"]
    assert found(asker, text="Ana Oslo", min_score=1) == {
        "entities": [],
        "relations": [],
        "sentences": [{"start": 0, "end": 8}],
    }


@pytest.mark.parametrize(
    ("types", "entities", "relations"),
    [
        (["Peop"], ["Peop"], []),
        (["Live_In"], ["Peop", "Loc"], [("Live_In", 0, 1)]),
        (["Loc", "Live_In"], ["Peop", "Loc"], [("Live_In", 0, 1)]),
        (["Loc"], ["Loc"], []),
        ([], [], []),
    ],
)
def test_types_that_are_wanted(asker, types, entities, relations):
    answer = found(asker, text="Ana Oslo", types=types)
    assert [entity["type"] for entity in answer["entities"]] == entities
    assert [entity["id"] for entity in answer["entities"]] == [*range(len(entities))]
    assert [(relation["type"], relation["head"], relation["tail"]) for relation in answer["relations"]] == relations


def test_documents_are_lines_if_asked(asker):
    texts = ["Ana Oslo", "", "Bo Lima. " * 100, "Bo"]
    status, kind, text = extract(asker, {"texts": texts}, LINES)
    assert (status, kind) == (200, "application/x-ndjson")
    assert [json.loads(line) for line in text.splitlines()] == found(asker, texts=texts)["documents"]
    assert extract(asker, {"texts": []}, LINES)[2] == ""
    assert json.loads(extract(asker, {"text": "Ana Oslo"}, LINES)[2]) == found(asker, text="Ana Oslo")


WRONG = [
    (b"{", 400, "The body must be JSON"),
    (b"[]", 400, "The body must be a JSON object"),
    (b'{"text": "caf\xe9"}', 400, "must be UTF-8. Received: 0xe9 at byte 13"),
    (b'{"text": "\\ud800"}', 400, "lone surrogate at byte 10"),
    ({}, 400, "Exactly one of text and texts is required"),
    ({"text": "a", "texts": ["a"]}, 400, "Exactly one of text and texts is required"),
    ({"text": 1}, 400, "`text` must be a valid string"),
    ({"text": None}, 400, "`text` must be a valid string"),
    ({"texts": "a"}, 400, "`texts` must be a valid list"),
    ({"texts": ["a", 1]}, 400, "`texts/1` must be a valid string"),
    ({"texts": [""] * 10_001}, 400, "at most 10000 items"),
    ({"text": "a" * 1_000_001}, 400, "at most 1000000 characters"),
    ({"text": "é" * 5000}, 400, "A sentence must have at most 5000 bytes. Received: 6000, from character 0"),
    ({"text": "a", "min_score": 1.5}, 400, "`min_score` must be less than or equal to 1"),
    ({"text": "a", "min_score": "1"}, 400, "`min_score` must be a valid number"),
    (b'{"text": "a", "min_score": NaN}', 400, "`min_score` must be"),
    ({"text": "a", "types": "Peop"}, 400, "`types` must be a valid list"),
    ({"text": "a", "language": 1}, 400, "`language` must be a valid string"),
    ({"text": "a", "language": None}, 400, "`language` must be a valid string"),
    ({"text": "a", "language": "German!"}, 400, "`language` must match pattern"),
    ({"text": "a", "language": ""}, 400, "`language` must match pattern"),
    ({"text": "a", "more": 1}, 400, "Unknown field: more"),
    ({"txt": "a"}, 400, "Unknown field: txt; nearest: text"),
    ({"text": "a", "model": "other"}, 404, "Servable not found"),
    (b" " * (5 << 20), 413, "A body must have at most 4194304 bytes"),
]


@pytest.fixture(scope="module")
def narrow(serve):
    return serve(max_row_bytes=5000)[1]


@pytest.mark.parametrize(("body", "expected", "told"), WRONG, ids=lambda value: str(value)[:40])
@pytest.mark.parametrize("headers", [{}, LINES], ids=["json", "lines"])
def test_errors_are_problem_details(narrow, body, expected, told, headers):
    status, kind, text = extract(narrow, body, headers)
    problem = json.loads(text)
    assert (status, kind) == (expected, "application/problem+json")
    assert problem.keys() == {"title", "status", "detail", "code"}
    assert problem["status"] == expected
    assert told in problem["detail"]


def test_types_of_an_export_are_known(real):
    status, _, text = extract(real, {"text": "a", "types": ["Peop", "Prop"]})
    assert status == 400
    assert json.loads(text)["detail"].endswith("Loc, Peop, Live_In, Located_In. Received: Prop")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_other_methods_are_refused(asker, method):
    address = f"http://127.0.0.1:{asker.rest_port}/v1/extract"
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(urllib.request.Request(address, method=method), timeout=60)
    assert (caught.value.code, caught.value.headers["allow"]) == (405, "POST")
    assert json.load(caught.value)["status"] == 405


def test_another_model_than_an_export_is_told_so(serve):
    _, asker = serve(Echo(1))
    status, _, text = extract(asker, {"text": "a"})
    assert status == 501
    assert "not an export of cman_tf" in json.loads(text)["detail"]


def test_without_a_version_it_is_unavailable(tmp_path):
    server = Server(ServerOptions(tmp_path, port=0, rest_port=0))
    server.start()
    try:
        assert extract(Asker(server.port, server.rest_port), {"text": "a"})[0] == 503
    finally:
        server.stop(5)


def test_each_request_is_one_line_and_one_count_and_no_text(serve, caplog):
    server, asker = serve()
    caplog.set_level(logging.INFO, "export.serving")
    extract(asker, {"texts": ["Secret Oslo. Secret Lima.", "Secret"]})
    extract(asker, {"texts": ["Secret Oslo. Secret Lima."]}, LINES)
    extract(asker, {"text": "Secret", "Secret": 1})
    lines = [record.fields for record in caplog.records if record.getMessage() == "request"]
    assert [(line["what"], line["status"], line["http"], line.get("rows")) for line in lines] == [
        ("extract", "OK", 200, 3),
        ("extract", "OK", 200, 2),
        ("extract", "INVALID_ARGUMENT", 400, None),
    ]
    page = server.metrics.page()
    assert ':tensorflow:serving:request_count{model_name="cman",status="OK"} 2' in page
    assert ':cman:serving:rest_count{what="extract",http="200"} 2' in page
    assert "Secret" not in page + str([record.__dict__ for record in caplog.records])
