"""The spaCy component on a real run and its real export."""

import shutil

import pytest
import spacy

from cman_tf.data.document import Document
from cman_tf.data.formats import spacy_docs
from cman_tf.errors import InputError
from cman_tf.interop.saved_model import SavedModel, load_model
from cman_tf.training.run import Run

TEXTS = ["Ana lives in Oslo .", "", "Bo Ek of New Lima met Ana", " \n", "Ana and Bo live in Lima , Peru ."]


@pytest.fixture(scope="module")
def pipelines(run, exported, predictor):
    """Pipelines of the run, of a version, and of the folder of versions."""
    made = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "predictor", lambda run, overrides=None: predictor)  # tracing another takes its time
        for name, path in {"run": run.path, "version": exported, "versions": exported.parent}.items():
            made[name] = spacy.blank("en")
            made[name].add_pipe("cman", config={"model": str(path)})
    return made


def found(doc):
    relations = [(doc.ents[r["head"]].text, r["type"], doc.ents[r["tail"]].text) for r in doc._.relations]
    return [(span.text, span.label_) for span in doc.ents], relations


def test_run_and_export_find_the_same_as_prediction(pipelines, predictor):
    docs = list(pipelines["run"].pipe(TEXTS))
    assert [found(doc) for doc in pipelines["version"].pipe(TEXTS, batch_size=2)] == [found(doc) for doc in docs]
    assert [found(pipelines["versions"](text)) for text in TEXTS] == [found(doc) for doc in docs]
    assert any(doc._.relations for doc in docs)
    for doc in docs:
        parts = spacy_docs.sentences(doc)
        expected = predictor.extract([document for document, _ in parts])
        assert spacy_docs.from_doc(doc) == expected
        if expected:
            scores = [entity.score for entity in expected[0].entities]
            assert [span._.score for span in doc.ents] == pytest.approx(scores, abs=1e-4)


def test_each_sentence_is_read_by_itself(pipelines):
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    component = pipelines["run"].get_pipe("cman")
    text = "Ana lives in Oslo . Bo lives in Lima ."
    doc = component(nlp(text))
    halves = [component(nlp(part)) for part in ("Ana lives in Oslo .", "Bo lives in Lima .")]
    assert found(doc)[0] == [entity for half in halves for entity in found(half)[0]]
    assert found(doc)[1] == [relation for half in halves for relation in found(half)[1]]


def test_what_was_there_is_replaced(pipelines):
    doc = pipelines["run"](TEXTS[0])
    before = found(doc)
    assert before[0]
    assert found(pipelines["run"].get_pipe("cman")(doc)) == before


def test_the_component_is_found_by_its_name_and_its_config_is_kept(pipelines, tmp_path):
    pipelines["version"].to_disk(tmp_path / "nlp")
    assert found(spacy.load(tmp_path / "nlp")(TEXTS[0])) == found(pipelines["run"](TEXTS[0]))


def test_a_model_must_be_given_and_there(tmp_path):
    with pytest.raises(InputError, match="which is not a folder"):
        spacy.blank("en").add_pipe("cman", config={"model": str(tmp_path / "missing")})
    with pytest.raises(ValueError, match="model"):
        spacy.blank("en").add_pipe("cman")


def test_an_export_that_is_broken(exported, tmp_path):
    copy = shutil.copytree(exported, tmp_path / "1")
    (copy / "saved_model.pb").write_bytes(b"abc")
    with pytest.raises(InputError, match=f"Cannot load the SavedModel in {copy}: "):
        load_model(copy)


def test_what_has_no_place_is_counted(exported, caplog):
    model = SavedModel(exported, batch_size=2)
    long = Document(["Ana"] * 600)
    found = model.extract([long, Document(["Ana"])])
    assert len(found[0].entities) <= 64
    [message] = [record.getMessage() for record in caplog.records if "no room" in record.getMessage()]
    assert int(message.split("; ")[1].split()[0]) >= 600 - 512


def test_a_model_of_another_kind(tmp_path):
    import tensorflow as tf

    tf.saved_model.save(tf.Module(), str(tmp_path / "1"))
    with pytest.raises(InputError, match="export of cman_tf.*without signature 'tokens'"):
        load_model(tmp_path)
