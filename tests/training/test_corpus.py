"""Training data under the protocols, and with the sentences of a further corpus."""

import json

import pytest

from cman_tf import config as configs
from cman_tf.data import formats
from cman_tf.errors import InputError
from cman_tf.training import workflow
from cman_tf.training.corpus import headlines, load_corpus, training_data, with_epochs
from cman_tf.training.origin import fingerprint
from cman_tf.training.results import sentences_trained_on


@pytest.fixture
def folders(tmp_path, documents):
    formats.write(documents[:2], tmp_path / "own" / "train.json", "spert")
    formats.write(documents[2:3], tmp_path / "own" / "dev.json", "spert")
    formats.write(documents[3:4], tmp_path / "more" / "train.json", "spert")
    formats.write(documents[4:5], tmp_path / "more" / "test.json", "spert")
    return tmp_path


def tokens(documents):
    return [document.tokens for document in documents]


@pytest.mark.parametrize(
    ("protocol", "train", "dev"), [("train", [0, 1, 3, 4], [2]), ("train+dev", [0, 1, 2, 3, 4], [])]
)
def test_all_sentences_of_a_further_corpus_are_trained_on_and_none_chooses_the_epoch(
    folders, documents, config, protocol, train, dev
):
    changes = {"corpus.name": str(folders / "own"), "corpus.extra": str(folders / "more"), "protocol": protocol}
    changed = configs.change(config, changes)
    found = training_data(changed, load_corpus(changed, splits=("train",)))
    assert [tokens(part) for part in found] == [tokens([documents[row] for row in rows]) for rows in (train, dev)]


def test_a_run_finds_its_further_corpus_from_anywhere(folders, documents, config, monkeypatch):
    monkeypatch.chdir(folders)
    changed = configs.change(config, {"corpus.name": "own", "corpus.extra": "more"})
    run = workflow.begin(changed, folders / "run")[0]
    assert run.config().corpus.extra == str(folders / "more")
    trained = [documents[row] for row in (0, 1, 3, 4)]
    assert run.environment()["corpus_sha256"] == fingerprint(trained, documents[2:3])


def test_scoring_finds_a_further_corpus_that_was_moved(folders, documents, config):
    changed = configs.change(config, {"corpus.name": str(folders / "own"), "corpus.extra": str(folders / "more")})
    run, _, corpus = workflow.begin(changed, folders / "run")
    (folders / "more").rename(folders / "moved")
    with pytest.raises(InputError, match="Received: .*more, which does not exist$"):
        sentences_trained_on(run, corpus, {})
    found = sentences_trained_on(run, corpus, {"corpus.extra": str(folders / "moved")})
    assert tokens(found) == tokens([documents[row] for row in (0, 1, 3, 4)])


def test_a_run_does_not_train_on_its_own_test_sentences(folders, config, monkeypatch):
    monkeypatch.chdir(folders)
    changed = configs.change(config, {"corpus.name": "own", "corpus.extra": str(folders / "own")})
    with pytest.raises(InputError, match="must be another corpus than `corpus.name`.* Received: .*own for both"):
        workflow.begin(changed, folders / "run")
    assert not (folders / "run").exists()


def test_a_further_corpus_that_is_not_there_is_named(folders, config):
    changed = configs.change(config, {"corpus.name": str(folders / "own"), "corpus.extra": "nowhere"})
    with pytest.raises(InputError, match="Received: nowhere"):
        training_data(changed, load_corpus(changed, splits=("train",)))


@pytest.fixture
def german(tmp_path):
    """A corpus and a further one, whose texts have two sentences in German, and three in English."""
    text = {
        "text": "Ana kam am 3. Mai nach Oslo. Bo auch.",
        "label": [[0, 3, "Peop"], [23, 27, "Loc"], [29, 31, "Peop"]],
    }
    for name in ("own/train", "own/dev", "own/test", "more/train"):
        path = tmp_path / f"{name}.jsonl"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(text) + "\n")
    return {"corpus.name": str(tmp_path / "own"), "corpus.extra": str(tmp_path / "more")}


def test_texts_of_a_corpus_are_split_in_its_language(german, config, tmp_path):
    for language, count in (("en", 3), ("de", 2)):
        changed = configs.change(config, {**german, "corpus.language": language})
        run, _, corpus = workflow.begin(changed, tmp_path / language)
        assert run.config().corpus.language == language
        assert [len(part) for part in training_data(run.config(), corpus)] == [2 * count, count]
    # Evaluation reads with that of the run, or with another one on request.
    for changes, count in (({}, 2), ({"corpus.language": "en"}, 3)):
        assert len(load_corpus(run.config(changes), splits=("test",)).splits["test"]) == count
    with pytest.raises(InputError, match=r"`corpus\.language` is de in .*Received: en$"):
        workflow.resume(run.path, {"corpus.language": "en"})


def test_the_command_that_shows_all_findings_has_the_language(german, config):
    changed = configs.change(config, {**german, "corpus.language": "de"})
    corpus = load_corpus(changed)
    line = headlines(changed, *training_data(changed, corpus), corpus)[-1]
    assert line.endswith(f"See cman data check {german['corpus.name']} --language de")


@pytest.mark.parametrize(("sentences", "epochs"), [(3, 600), (20, 600), (50, 240), (399, 31), (400, 30), (5000, 30)])
def test_few_sentences_are_seen_more_often(config, sentences, epochs):
    config = configs.change(config, {"training.epochs": 0})
    assert with_epochs(config, sentences).training.epochs == epochs
    chosen = configs.change(config, {"training.epochs": 7})
    assert with_epochs(chosen, sentences) == chosen


def test_a_run_has_the_number_of_epochs_that_fits_its_sentences(folders, config):
    changes = {"corpus.name": str(folders / "own"), "training.epochs": 0}
    run, network, _ = workflow.begin(configs.change(config, changes), folders / "run")
    assert run.config().training.epochs == network.config.training.epochs == 600
