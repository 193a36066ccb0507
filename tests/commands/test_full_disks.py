"""Training on a disk that is full or cannot be written, and what a crash left there."""

import errno
import os

import pytest
import tensorflow as tf

from cman_tf import config as configs
from cman_tf.errors import InputError
from cman_tf.model.network import Network
from cman_tf.training.run import Run
from cman_tf.training.trainer import Trainer
from tests.commands.conftest import files


def test_a_run_folder_that_cannot_be_written(refused, tmp_path, corpus, monkeypatch):
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "run"
    told = refused("cman fit", "--corpus", corpus, "--run-dir", path)
    assert told.endswith(f"Cannot write the run folder {path}: not a directory.\n")

    def full(source, target):
        raise OSError(errno.ENOSPC, "No space left on device", source)

    monkeypatch.setattr(os, "replace", full)
    (tmp_path / "empty").mkdir()
    for name in ("run", "empty"):
        told = refused("cman fit", "--corpus", corpus, "--run-dir", tmp_path / name)
        assert ": no space left on device." in told
    assert files(tmp_path) == ["empty", "file"]


class FullDisk:
    """Stands for TensorFlow's writers on a disk without space."""

    latest_checkpoint = None

    def save(self):
        raise tf.errors.ResourceExhaustedError(None, None, "{{node Save}} ckpt-1; No space left on device [Op:SaveV2]")


def test_a_disk_that_fills_while_training(trained, tmp_path, documents, monkeypatch):
    run = Run(tmp_path / "run")
    run.path.mkdir()
    (run.path / "config.yaml").touch()
    network = Network(None, None, None, None, model=None)
    trainer = Trainer.__new__(Trainer)
    trainer.__dict__.update(
        run=run, network=network, model=None, dev=[],
        train=documents, average=None, history=[], epoch=tf.Variable(0, dtype=tf.int64),
        config=Run.open(trained).config({"training.epochs": 3}), checkpoints=FullDisk(),
        summaries=tf.summary.create_noop_writer(),
    )  # fmt: skip
    with pytest.raises(
        InputError, match=r"^Cannot read or write the checkpoints of .*run: ckpt-1; No space left on device$"
    ):
        trainer.end_epoch(0, {"loss": 1.0, "ner_loss": 1.0, "re_loss": 0.0}, 1.0)


def test_a_checkpoint_that_ends_too_early(trained, tmp_path):
    def trainer():
        result = Trainer.__new__(Trainer)
        state = tf.train.Checkpoint(weight=tf.Variable(tf.zeros([100])))
        checkpoints = tf.train.CheckpointManager(state, str(tmp_path / "checkpoints"), 1)
        result.__dict__.update(run=Run(tmp_path), checkpoints=checkpoints, epoch=tf.Variable(0))
        return result

    path = trainer().checkpoints.save()
    for suffix in (".data-00000-of-00001", ".index"):
        os.truncate(path + suffix, 20)
        with pytest.raises(InputError, match="Cannot read or write the checkpoints of "):
            trainer()._restore()


def test_weights_on_a_full_disk(tmp_path, monkeypatch):
    inputs = tf.keras.Input([3])
    model = tf.keras.Model(inputs, tf.keras.layers.Dense(2)(inputs))
    network = Network(configs.Config(), None, None, None, model)
    run = Run(tmp_path)
    run.save_weights(network)
    before = run.weights.read_bytes()

    def full(file):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    model.set_weights([weight + 1 for weight in model.get_weights()])
    with pytest.raises(InputError, match=r"weights.h5: no space left on device\.$"):
        run.save_weights(network)
    assert files(tmp_path) == ["weights.h5"]
    assert run.weights.read_bytes() == before
