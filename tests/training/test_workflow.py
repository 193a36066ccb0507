"""One training from its corpus to its scores."""

import json
from pathlib import Path

import pytest

from cman_tf import config as configs
from cman_tf.data import corpora, formats
from cman_tf.errors import InputError
from cman_tf.evaluation.tables import text_table
from cman_tf.inspection.inside import look_inside
from cman_tf.training import workflow
from cman_tf.training.progress import TrainingProgress
from cman_tf.training.results import evaluate_run
from cman_tf.training.run import Run
from tests.conftest import TINY_PLAIN, sentence
from tests.encoders.toys import Toy, write

pytestmark = pytest.mark.usefixtures("eager")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory, documents):
    folder = tmp_path_factory.mktemp("data") / "corpus"
    folder.mkdir()
    # An overlap, so that a score is added for each policy.
    nested = sentence("Ana of New Lima", [(0, 1, "Peop"), (2, 4, "Loc"), (3, 4, "Loc")], [(0, 1, "Live_In")])
    for split, part in (("train", documents), ("dev", documents[3:]), ("test", [documents[0], nested])):
        formats.write(part, folder / f"{split}.json", "spert")
    return folder


@pytest.fixture
def config(corpus):
    values = {**TINY_PLAIN, "corpus": {"name": str(corpus), "overlap": "keep_outer"}}
    return configs.from_dict({**values, "training": {"epochs": 2, "batch_size": 3, "learning_rate": 0.02}})


@pytest.fixture
def reads(monkeypatch):
    """The arguments of every call of `corpora.load`."""
    calls, load = [], corpora.load

    def counted(*arguments, **options):
        calls.append(arguments)
        return load(*arguments, **options)

    monkeypatch.setattr(corpora, "load", counted)
    return calls


CASES = Path(__file__).parents[1] / "data" / "cases"


def trained_case(name, path):
    """A run of the corpus in `tests/data/cases`, opened."""
    values = {**TINY_PLAIN, "corpus": {"name": str(CASES / name)}}
    config = configs.from_dict({**values, "training": {"epochs": 1, "batch_size": 16}})
    run, _, _ = workflow.train(config, path)
    return Run.open(run.path)


def test_a_corpus_with_entities_alone_trains_a_tagger(tmp_path):
    run = trained_case("entities_only", tmp_path / "run")
    network = run.network()
    assert (network.schema.relation_types, network.model.has_relations) == ((), False)
    assert not [weight.name for weight in network.model.weights if "head_selection" in weight.name]
    evaluation = evaluate_run(run.path)
    text = text_table(evaluation.metrics)
    assert "only entities are scored" in text
    assert "Relation type" not in text
    assert "only entities are scored" in run.report.read_text(encoding="utf-8")
    [document] = run.predictor().extract([evaluation.documents[0]])
    assert not document.relations
    inside = look_inside(run.predictor(), document)
    assert inside.relations.shape == (6, 6, 0)


def test_types_with_blanks_are_shown_as_they_are(tmp_path):
    run = trained_case("blank_in_types", tmp_path / "run")
    assert run.schema().entity_types == ("Natural person", "Place name")
    assert run.schema().relation_types == ("lives in",)
    assert run.network().model.has_relations
    evaluation = evaluate_run(run.path, changes={"corpus.name": str(CASES / "blank_in_types")})
    text = text_table(evaluation.metrics)
    assert "Natural person " in text
    assert "lives in " in text
    assert "Natural person" in run.report.read_text(encoding="utf-8")
    excluded = evaluate_run(run.path, exclude_types=["Place name"])
    assert list(excluded.metrics["without_types"]["per_type"]["strict"]["entities"]) == ["Natural person"]


def assert_scored_as_by_its_run(run, metrics, predictions):
    """Scores of a training are those of a network that was loaded anew, to the last digit."""
    found = evaluate_run(run.path, allow_encoders=run.config().encoder.modules)
    own = {name: value for name, value in metrics.items() if name not in ("protocol", "dev")}
    assert found.metrics == own
    assert found.predictions == predictions
    assert any(document.entities for document in predictions)
    assert json.loads(run.metrics.read_text(encoding="utf-8")) == metrics


@pytest.mark.slow
def test_average_and_trained_encoders_are_scored_and_the_corpus_is_read_once(tmp_path, config, reads):
    changes = {"encoder.modules": [write(tmp_path, "toy", 1)], "encoder.trainable": True, "encoder.learning_rate": 0.05}
    changes |= {"training.average_decay": 0.5}
    run, metrics, predictions = workflow.train(configs.change(config, changes), tmp_path / "run")
    assert len(reads) == 1
    assert "all" in metrics["overlap_policies"]
    reads.clear()
    assert_scored_as_by_its_run(run, metrics, predictions)
    assert len(reads) == 1


@pytest.mark.slow
def test_the_best_epoch_is_scored_not_the_last(tmp_path, config):
    changes = {"training.epochs": 4, "training.learning_rate": 0.2}
    run, *scored = workflow.train(configs.change(config, changes), tmp_path / "run")
    assert_scored_as_by_its_run(run, *scored)


def test_a_changed_corpus_or_encoder_is_refused_and_the_run_keeps_its_configuration(tmp_path, config, documents):
    places = {name: write(tmp_path, name, seed, kind=Toy) for name, seed in (("toy", 1), ("other", 2))}
    config = configs.change(config, {"encoder.modules": [places["toy"]], "encoder.trainable": True})
    run, *_ = workflow.begin(config, tmp_path / "run")
    before = (run.path / "config.yaml").read_bytes()
    with pytest.raises(InputError, match=f"fingerprint {1:064d}.*fingerprint {2:064d}"):
        workflow.resume(run.path, {"encoder.modules": [places["other"]]})
    other = tmp_path / "corpus"
    other.mkdir()
    for split in ("train", "dev", "test"):
        formats.write(documents, other / f"{split}.json", "spert")
    with pytest.raises(InputError, match=r"`model\.bla` is False in .*run\. Received: True$"):
        workflow.resume(run.path, {"model.bla": True})
    began = Run.open(run.path, trained=False).environment()["corpus_sha256"]
    with pytest.raises(InputError, match=rf"of {other} changed\. `corpus_sha256` was {began}, is now [0-9a-f]{{64}}$"):
        workflow.resume(run.path, {"corpus.name": str(other)})
    assert (run.path / "config.yaml").read_bytes() == before


class Stopped(Exception):
    """Raised in place of the first epoch."""


def printed_before(config, path, capsys, progress):
    def stop(*arguments, **options):
        raise Stopped

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workflow, "Trainer", stop)
        with pytest.raises(Stopped):
            workflow.train(config, path, progress=progress)
    return capsys.readouterr().err.splitlines()


def test_findings_about_the_users_corpus_are_printed_before_training(config, corpus, tmp_path, capsys):
    repeated, rare = printed_before(config, tmp_path / "run", capsys, TrainingProgress)
    assert repeated.startswith("Corpus: 2 sentences in both train and dev, 1 sentences in both train and test, so ")
    assert rare == (
        "Corpus: 2 types with fewer than 5 training examples (e.g. Live_In: 4; Located_In: 2). "
        f"See cman data check {corpus}"
    )
    both = configs.change(config, {"protocol": "train+dev"})
    [repeated, rare] = printed_before(both, tmp_path / "both", capsys, TrainingProgress)
    assert "train and dev" not in repeated
    assert "Located_In: 4" in rare


def test_nothing_is_printed_of_the_sample_or_without_progress(config, tmp_path, capsys):
    sample = configs.change(config, {"corpus.name": "sample"})
    assert printed_before(sample, tmp_path / "sample", capsys, TrainingProgress) == []
    assert printed_before(config, tmp_path / "own", capsys, None) == []
