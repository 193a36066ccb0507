"""Thresholds of a run: fitted, stored, used by every command and the export, removed."""

import json
import shutil
import statistics

import numpy as np
import pytest
import tensorflow as tf

import cman_tf
from cman_tf.commands import cli, evaluate
from cman_tf.data import formats
from cman_tf.data.answers import annotated
from cman_tf.errors import InputError
from cman_tf.evaluation import calibrating
from cman_tf.evaluation.candidates import considered
from cman_tf.interop.saved_model import load_model
from cman_tf.model.calibration import Calibration, Scale
from cman_tf.training import shipped
from cman_tf.training.run import Run
from cman_tf.training.thresholds import fit_thresholds, remove_thresholds
from export.manifest import read_manifest
from export.savedmodel import export
from export.signatures import Signatures
from tests.conftest import sentence

STRICT = Calibration(0.5, {"Live_In": 0.9, "Located_In": 0.2}, Scale(0.9, -0.1), Scale(0.8, -0.2))


@pytest.fixture
def run(tmp_path, trained_run):
    return Run.open(shutil.copytree(trained_run.path, tmp_path / "run"))


@pytest.fixture
def other(tmp_path, documents):
    """A corpus of other sentences than those of the run."""
    folder = tmp_path / "other"
    for split in ("dev", "test"):
        parts = [
            sentence(f"Today {document.text}", [(e.start + 1, e.end + 1, e.type) for e in document.entities])
            for document in documents
        ]
        formats.write(parts, folder / f"{split}.json", "spert")
    return {"corpus.name": str(folder)}


def answer(documents):
    return [
        (
            [(entity.start, entity.end, entity.type, round(entity.score, 4)) for entity in document.entities],
            [(*relation_key(relation), round(relation.score, 4)) for relation in document.relations],
        )
        for document in documents
    ]


def relation_key(relation):
    return int(relation.head), int(relation.tail), relation.type


def in_text(document, relation):
    head, tail = document.entities[relation.head], document.entities[relation.tail]
    return head.start, head.end, tail.start, tail.end, relation.type


def test_stored_thresholds_are_used_and_removed(run, run_predictor, documents):
    before = run_predictor.extract(documents)
    STRICT.save(run.calibration)
    network = Run.open(run.path).network()
    assert network.calibration == STRICT
    # The same network as a predictor whose graph is there already.
    predictor = run_predictor.with_calibration(network.calibration)
    found = predictor.extract(documents)
    for one, other in zip(before, found):
        scores = {(e.start, e.end, e.type): float(STRICT.entity_scale(e.score)) for e in one.entities}
        expected = {key: pytest.approx(score, abs=1e-5) for key, score in scores.items() if score >= 0.5}
        assert {(e.start, e.end, e.type): e.score for e in other.entities} == expected
    relations = [relation for document in found for relation in document.relations]
    assert {relation.type for relation in relations} == {"Live_In", "Located_In"}
    assert all(relation.score > STRICT.relation_thresholds[relation.type] for relation in relations)
    assert sum(len(document.entities) for document in found) < sum(len(document.entities) for document in before)
    # The scores are those of `considered`: the BLA units get the tags of entities that are left out too.
    for one, other in zip(considered(run_predictor, documents), found):
        scores = {in_text(one, relation): float(STRICT.relation_scale(relation.score)) for relation in one.relations}
        for relation in other.relations:
            assert relation.score == pytest.approx(scores[in_text(other, relation)], abs=1e-5)
    # One threshold that is given replaces those of the types, here and in a loaded predictor.
    given = predictor.with_decoding(threshold=0.4)
    assert given.network.calibration == STRICT.without(["threshold"])
    assert any(0.4 < r.score < 0.9 for document in given.extract(documents) for r in document.relations)
    assert run.network({"decoding.threshold": 0.4}).calibration == STRICT.without(["threshold"])
    assert answer(predictor.with_calibration(None).extract(documents)) == answer(before)
    remove_thresholds(run.path)
    remove_thresholds(run.path)
    assert run.network().calibration is None


def test_unsure_entities_are_left_out_with_their_relations(run_predictor, documents):
    before = run_predictor.extract(documents)
    lowest = statistics.median(entity.score for document in before for entity in document.entities)
    found = run_predictor.with_decoding(entity_threshold=lowest).extract(documents)
    assert sum(len(document.relations) for document in found) < sum(len(document.relations) for document in before)
    for one, other in zip(before, found):
        kept = {(e.start, e.end, e.type) for e in one.entities if e.score >= np.float32(lowest)}
        assert {(e.start, e.end, e.type) for e in other.entities} == kept
        expected = [
            in_text(one, relation)
            for relation in one.relations
            if min(one.entities[relation.head].score, one.entities[relation.tail].score) >= np.float32(lowest)
        ]
        assert sorted(in_text(other, relation) for relation in other.relations) == sorted(expected)


@pytest.mark.slow
def test_the_graph_of_an_export_has_them(run_predictor, documents):
    calibrated = run_predictor.with_calibration(STRICT)
    graph = Signatures(calibrated.extractor, calibrated.network.schema)
    tokens = tf.ragged.constant([list(document.tokens) for document in documents]).to_tensor("")
    found = {name: value.numpy() for name, value in graph.from_tokens(tokens).items()}
    expected = calibrated.extract(documents)
    for row, (document, other) in enumerate(zip(documents, expected)):
        [one], [same] = answer([annotated(document, found, row)]), answer([other])
        assert one[0] == same[0]
        assert sorted(one[1]) == sorted(same[1])
        tagged = sum(tag not in (b"O", b"") for tag in found["tags"][row])
        assert tagged == sum(entity.end - entity.start for entity in other.entities)
    assert answer(expected) != answer(run_predictor.extract(documents))


@pytest.mark.slow
def test_an_export_carries_them(run, run_predictor, documents, tmp_path, monkeypatch):
    calibrated = run_predictor.with_calibration(STRICT)
    monkeypatch.setattr(Run, "predictor", lambda run, overrides=None: calibrated)
    folder, _ = export(run, tmp_path / "model", max_entities=64, max_relations=64, max_tokens=512)
    found, expected = load_model(folder).extract(documents), calibrated.extract(documents)
    for one, other in zip(answer(found), answer(expected)):
        assert one[0] == other[0]
        assert sorted(one[1]) == sorted(other[1])
    assert read_manifest(folder)["calibration"]["entity_threshold"] == 0.5


def test_they_are_fitted_on_a_split(run, run_predictor, other, monkeypatch):
    asked = []
    monkeypatch.setattr(Run, "predictor", lambda run, overrides=None: asked.append(overrides) or run_predictor)
    monkeypatch.setattr(calibrating, "SUPPORT", 2)
    found = fit_thresholds(run.path, "dev", {**other, "decoding.type_constrained": True})
    assert asked == [{"decoding.type_constrained": True}]
    assert Calibration.read(run.calibration, run.schema()) == found
    assert found.fitted_on == {
        "corpus": "other", "split": "dev", "sentences": 5, "entities": 11, "relations": {"Live_In": 0, "Located_In": 0}
    }  # fmt: skip


def test_what_is_not_fitted(run, other, documents, tmp_path):
    with pytest.raises(InputError, match="not be fitted on the split that measures them. Received: test"):
        fit_thresholds(run.path, "test", other)
    with pytest.raises(InputError, match="not trained on. Received: dev of .*, 5 of 5 sentences are in its training"):
        fit_thresholds(run.path, "dev")
    for name in shipped.names():
        with pytest.raises(InputError, match="thresholds of a shipped model cannot be changed"):
            remove_thresholds(name)
    assert not run.calibration.exists()


def test_new_weights_have_no_thresholds(run, run_predictor):
    STRICT.save(run.calibration)
    run.save_weights(run_predictor.network)
    assert not run.calibration.exists()


def test_a_link_to_another_place_is_refused(run, tmp_path):
    STRICT.save(tmp_path / "calibration.json")
    run.calibration.symlink_to(tmp_path / "calibration.json")
    with pytest.raises(InputError, match="files of a run must be in its folder"):
        cman_tf.load(run.path)


def test_the_command(run, run_predictor, other, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(Run, "predictor", lambda run, overrides=None: run_predictor)

    def call(*argv):
        code = cli.run("cman evaluate", evaluate.command, [str(run.path), "--corpus", other["corpus.name"], *argv])
        return code, *capsys.readouterr()

    code, out, _ = call("--fit-thresholds", "dev", "--json", str(tmp_path / "scores.json"))
    assert code == 0
    assert out.index("Fitted on dev of other, 5 sentences.") < out.index("strict micro")
    # Without --split, the split of the thresholds is scored: test is not touched.
    assert json.loads((tmp_path / "scores.json").read_text())["split"] == "dev"
    assert run.calibration.exists()
    assert call("--fit-thresholds", "none")[0] == 0
    assert not run.calibration.exists()
    for split, message in (("test", "split that measures them"), ("tset", "nearest: test")):
        code, out, err = call("--fit-thresholds", split)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert message in err
    assert not run.calibration.exists()
