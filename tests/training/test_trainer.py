import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

from cman_tf import config as configs
from cman_tf.errors import InputError, WriteError
from cman_tf.files import free_folder
from cman_tf.training.averaging import WeightAverage
from cman_tf.training.corpus import load_corpus
from cman_tf.training.run import Run
from cman_tf.training.schedule import Schedule
from cman_tf.training.trainer import Trainer
from tests.conftest import TINY, TINY_PLAIN, untrained_network

EPOCHS = 2

# That steps are traced, and once, is test_cman's; a killed process with graphs is a slow test's.
pytestmark = pytest.mark.usefixtures("eager")


@pytest.fixture(scope="module")
def config():
    # One pass for each step: the adversarial one is test_cman's too.
    return configs.change(configs.from_dict(TINY_PLAIN), {"training.adversarial_alpha": 0.0})


@pytest.fixture(scope="module")
def changed(config):
    # All that has a state of its own which a resumed training must find again.
    changes = {"training.epochs": EPOCHS, "training.average_decay": 0.9, "training.relation_negatives": 0.5}
    return configs.change(config, changes)


def begin(path, config, documents):
    return Run.create(path, untrained_network(config, documents), "fingerprint")


def train(run, documents, **options):
    """Train with the first four sentences, measured on the rest."""
    trainer = Trainer(run, run.network(trained=False), documents[:4], documents[2:], **options)
    return trainer, trainer.fit()


def weights(run):
    return run.network().model.get_weights()


@pytest.fixture(scope="module")
def finished(tmp_path_factory, changed, documents):
    run = begin(tmp_path_factory.mktemp("runs") / "run", changed, documents)
    _, history = train(run, documents)
    return run, history


def test_a_run_keeps_its_best_epoch_and_its_history(finished):
    run, history = finished
    assert [row["epoch"] for row in history] == list(range(1, EPOCHS + 1))
    assert run.history() == [pytest.approx(row) for row in history]
    assert run.weights.is_file()
    assert not run.checkpoints.exists()
    assert list(run.logs.glob("events.out.tfevents.*"))


def test_the_epoch_with_the_best_mean_of_both_scores_is_kept(tmp_path, config, documents, monkeypatch):
    # The first has the best relations, the third the best entities.
    f1 = iter([(0.0, 0.4), (0.3, 0.3), (0.5, 0.0)])

    def scored(gold, predicted):
        return {"strict": {"micro": {item: {"f1": value} for item, value in zip(("entities", "relations"), next(f1))}}}

    monkeypatch.setattr("cman_tf.training.trainer.score", scored)
    seen = []

    class Shown:
        def step(self, steps):
            pass

        def begin(self, *about):
            pass

        def epoch(self, row, best, seconds_left):
            seen.append((best, trainer.model.get_weights()))

    run = begin(tmp_path / "run", configs.change(config, {"training.epochs": 3}), documents)
    trainer = Trainer(run, run.network(trained=False), documents[:4], documents[2:], Shown())
    history = trainer.fit()
    assert [(row["dev_ner_f1"], row["dev_re_f1"]) for row in history] == [(0.0, 0.4), (0.3, 0.3), (0.5, 0.0)]
    assert [best for best, _ in seen] == [True, True, False]
    kept = weights(run)
    for number, (_, after) in enumerate(seen, 1):
        assert all(map(np.array_equal, kept, after)) is (number == 2)


class KilledError(Exception):
    pass


class Killer:
    """Ends the training in the middle of an epoch, as a kill would."""

    def __init__(self, epoch):
        self.left = epoch

    def step(self, steps):
        if self.left == 0:
            raise KilledError

    def begin(self, *about):
        pass

    def epoch(self, row, best, seconds_left):
        self.left -= 1


@pytest.mark.parametrize("epoch", [pytest.param(0, marks=pytest.mark.slow), 1])
def test_a_resumed_run_ends_with_the_weights_of_an_uninterrupted_one(tmp_path, changed, documents, finished, epoch):
    run = begin(tmp_path / "run", changed, documents)
    with pytest.raises(KilledError):
        train(run, documents, progress=Killer(epoch))
    _, history = train(Run.open(run.path, trained=False), documents)
    for row, expected in zip(history, finished[1]):
        assert {**row, "sentences_per_second": 0} == {**expected, "sentences_per_second": 0}
    for found, expected in zip(weights(run), weights(finished[0])):
        np.testing.assert_array_equal(found, expected)


class Remover(Killer):
    """Removes the run folder during an epoch, as a user or another program might."""

    def __init__(self, path):
        super().__init__(-1)
        self.path = path

    def step(self, steps):
        shutil.rmtree(self.path)


def test_a_run_folder_that_disappears_ends_the_training_and_is_not_created_again(tmp_path, config, documents):
    run = begin(tmp_path / "run", configs.change(config, {"training.epochs": 1}), documents)
    with pytest.raises(WriteError, match=f"The run folder {run.path} was removed or renamed during the training"):
        train(run, documents, progress=Remover(run.path))
    assert list(tmp_path.iterdir()) == []


def test_a_moved_run_answers_the_same(tmp_path, finished, documents):
    shutil.copytree(finished[0].path, tmp_path / "moved")
    moved, here = (run.predictor().extract(documents) for run in (Run.open(tmp_path / "moved"), finished[0]))
    assert moved == here
    # Entities alone may be the same by chance.
    scores = [[entity.score for document in found for entity in document.entities] for found in (moved, here)]
    assert scores[0] == scores[1] != []


def test_a_loss_that_is_no_number_is_bad_input(tmp_path, config, documents):
    run = begin(tmp_path / "run", configs.change(config, {"training.learning_rate": 1e30}), documents)
    with pytest.raises(InputError, match="learning_rate"):
        train(run, documents)


def test_without_dev_the_last_epoch_is_kept(tmp_path, config, documents):
    run = begin(tmp_path / "run", configs.change(config, {"training.epochs": 1}), documents)
    trainer = Trainer(run, run.network(trained=False), documents[:4], [])
    history = trainer.fit()
    assert history[-1]["dev_ner_f1"] is None
    for found, expected in zip(weights(run), trainer.model.get_weights()):
        np.testing.assert_array_equal(found, expected)


def test_schedule():
    rise_and_fall = Schedule(1.0, warmup_steps=4, total_steps=12, decay=True)
    np.testing.assert_allclose([rise_and_fall(step) for step in (0, 3, 4, 8, 12)], [0.25, 1, 1, 0.5, 0], atol=1e-6)
    constant = Schedule(0.5, warmup_steps=0, total_steps=12, decay=False)
    np.testing.assert_allclose([constant(step) for step in (0, 11)], [0.5, 0.5])
    assert Schedule.from_config(rise_and_fall.get_config()).get_config() == rise_and_fall.get_config()


def test_weight_average():
    weight = tf.Variable([0.0])
    average = WeightAverage([weight], decay=0.5)
    expected = 0.0
    for step in range(1, 6):
        weight.assign([float(step)])
        average.update()
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * step
    average.swap()
    np.testing.assert_allclose(weight, [expected], rtol=1e-5)
    average.swap()
    np.testing.assert_allclose(weight, [5.0])


def test_pretrained_vectors_start_the_words_they_have(tmp_path, documents, config):
    file = tmp_path / "vectors.txt"
    file.write_text("ana 1 2 3\nelsewhere 4 5 6\n", encoding="utf-8")
    config = configs.change(config, {"words.vectors": str(file), "words.size": 3})
    network = untrained_network(config, documents)
    layer = network.model.token_embedding.get_layer("word_embedding")
    ids = network.featurizer(tf.constant([["Ana", "elsewhere", "unheard"]]))["words"]
    np.testing.assert_array_equal(layer(ids)[0, :2], [[1, 2, 3], [4, 5, 6]])
    assert ids[0, 2] == 1


def test_a_run_killed_in_its_first_epoch_starts_again_from_its_word_vectors(tmp_path, documents, config):
    from cman_tf.training import workflow

    (tmp_path / "corpus").mkdir()
    write_corpus(tmp_path / "corpus", documents)
    file = tmp_path / "vectors.txt"
    file.write_text("ana 1 2 3\nelsewhere 4 5 6\n", encoding="utf-8")
    changes = {"corpus.name": str(tmp_path / "corpus"), "words.vectors": str(file)}
    run, first, *_ = workflow.begin(configs.change(config, changes), tmp_path / "run[1]")
    for _ in range(2):
        _, again, *_ = workflow.resume(run.path)
        for found, expected in zip(again.model.get_weights(), first.model.get_weights()):
            np.testing.assert_array_equal(found, expected)
        # The second time with what a kill leaves that comes between a checkpoint's index and its being named.
        run.checkpoints.mkdir(exist_ok=True)
        (run.checkpoints / "ckpt-1.index").write_bytes(b"")
    file.write_text("ana 1 2 3\nsomewhere 4 5 6\n", encoding="utf-8")
    with pytest.raises(
        InputError, match=r"`words\.vectors`, .*vectors\.txt, changed\. Word \d+ was 'elsewhere', is now 'somewhere'$"
    ):
        workflow.resume(run.path)
    # With a checkpoint, or with all epochs done, the file is not asked for.
    file.unlink()
    saved = tf.train.Checkpoint(weight=tf.Variable(0.0)).save(str(run.checkpoints / "ckpt"))
    assert run.checkpoint() == saved
    workflow.resume(run.path)
    run.remove_checkpoints()
    run.save_history([{"epoch": epoch} for epoch in range(run.config().training.epochs)])
    run.save_weights(first)
    workflow.resume(run.path)


def test_a_run_finds_its_corpus_from_anywhere(tmp_path, documents, config, monkeypatch):
    from cman_tf.training import workflow

    for name in ("corpus", "data"):
        (tmp_path / name).mkdir()
    write_corpus(tmp_path / "corpus", documents)
    monkeypatch.chdir(tmp_path)
    changes = {"corpus.name": "corpus", "corpus.data_dir": "data", "words.vectors": None}
    run, _, corpus = workflow.begin(configs.change(config, changes), "run")
    monkeypatch.chdir("/")
    run = Run.open(tmp_path / "run", trained=False)
    assert run.config().corpus.data_dir == str(tmp_path / "data")
    assert load_corpus(run.config()).splits["train"] == corpus.splits["train"]


def test_folders_are_numbered_when_taken(tmp_path):
    assert free_folder(tmp_path, "a").name == "a"
    (tmp_path / "a").mkdir()
    (tmp_path / "a-2").mkdir()
    assert free_folder(tmp_path, "a").name == "a-3"


def write_corpus(folder, documents):
    from cman_tf.data import formats

    for split, part in (("train", documents[:4]), ("dev", documents[2:]), ("test", documents[:2])):
        formats.write(part, folder / f"{split}.json", "spert")


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [None, 0.0, 1.0, 3.0])
def test_sigkill_and_resume_from_the_command_line(tmp_path, documents, seconds):
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    write_corpus(corpus, documents)
    values = {f"{section}.{name}": value for section, own in TINY.items() for name, value in own.items()}
    options = [f"--{name}={value}" for name, value in {**values, "training.epochs": 60}.items()]
    (tmp_path / "vectors.txt").write_text("ana 1 2 3 4 5 6\nelsewhere 4 5 6 7 8 9\n", encoding="utf-8")
    options += ["--corpus", str(corpus), f"--words.vectors={tmp_path / 'vectors.txt'}"]

    def command(run, *arguments):
        return [sys.executable, "-m", "cman_tf.fit", "--run-dir", str(run), *arguments]

    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run(command(whole, *options), check=True, capture_output=True)
    process = subprocess.Popen(command(killed, *options), stdout=subprocess.DEVNULL)
    # None: in the first epoch, before there is a checkpoint.
    begun = killed / "environment.json" if seconds is None else killed / "checkpoints" / "checkpoint"
    while not begun.exists():
        assert process.poll() is None
        time.sleep(0.05)
    time.sleep(seconds or 0)
    assert process.poll() is None, "the training ended before it could be killed"
    assert (killed / "checkpoints" / "checkpoint").exists() == (seconds is not None)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    subprocess.run(command(killed, "--resume"), check=True, capture_output=True)
    for found, expected in zip(weights(Run.open(killed)), weights(Run.open(whole))):
        np.testing.assert_array_equal(found, expected)
