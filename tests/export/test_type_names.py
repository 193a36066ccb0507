"""Names of types that contain blanks and are long, in an export and in the answers of a server."""

from dataclasses import replace

from cman_tf.predictor import Predictor
from cman_tf.training.run import Run
from export.parity import differences
from export.savedmodel import export
from export.serving.app import Server, ServerOptions
from tests.conftest import TINY_PLAIN, untrained_run
from tests.export.extracting import found
from tests.export.serving import Asker

TEXT = "Ana and Bo live in Lima , Peru ."


def long(name):
    """A name of 100 characters with blanks."""
    return f"{name} of a natural person ".ljust(100, "x")


def renamed(document):
    return document.with_annotation(
        *([replace(item, type=long(item.type)) for item in items] for items in (document.entities, document.relations))
    )


def test_an_export_and_a_server_answer_with_long_names_with_blanks(tmp_path, documents, monkeypatch):
    run, network, _ = untrained_run(tmp_path, [renamed(document) for document in documents], TINY_PLAIN)
    predictor = Predictor(network)
    monkeypatch.setattr(Run, "predictor", lambda run, overrides=None: predictor)
    export(run, tmp_path / "model", max_entities=16, max_relations=16, max_tokens=64)
    [expected] = predictor([TEXT], split=False)
    kinds = {item.type for items in (expected.entities, expected.relations) for item in items}
    assert len(kinds) > 1
    assert {len(kind) for kind in kinds} == {100}

    server = Server(ServerOptions(tmp_path / "model", port=0, rest_port=0))
    server.start()
    try:
        asker = Asker(server.port, server.rest_port)
        tensors, answer = asker.predict([TEXT]), found(asker, text=TEXT)
    finally:
        server.stop(5)
    assert differences(expected, tensors, 0) == []
    for key in ("entities", "relations"):
        assert [item["type"] for item in answer[key]] == [item.type for item in getattr(expected, key)]
