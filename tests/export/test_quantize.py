"""Smaller word tables: how much smaller, how near, and refused where they cost too much."""

import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from cman_tf.commands import cli
from cman_tf.errors import InputError
from cman_tf.layers.word_embedding import WordEmbedding
from cman_tf.training import workflow
from cman_tf.training.run import Run
from export import quantize as quantizing
from export import savedmodel
from export.card import read_card
from export.check import check
from export.quantize import measured, quantize, stored_weights, summary
from export.savedmodel import export


class Model:
    """A network of word vectors alone."""

    def __init__(self, num_fixed):
        words = tf.keras.Input([None], dtype=tf.int32)
        layer = WordEmbedding(5, num_fixed, 8, name="word_embedding")
        self.token_embedding = tf.keras.Model(words, layer(words))
        random = np.random.default_rng(0)
        layer.trained.assign(random.normal(size=[5, 8]))
        # The padding word, and one with large numbers.
        layer.trained[0].assign(tf.zeros([8]))
        layer.trained[3].assign(tf.range(8.0) * 100)
        if num_fixed:
            layer.fixed.assign(random.normal(size=[num_fixed, 8]))

    @property
    def weights(self):
        return self.token_embedding.weights


@pytest.mark.parametrize(("kind", "bound"), [("float16", 1 / 2048), ("int8", 0.5 / 127 + 1e-6)])
@pytest.mark.parametrize("num_fixed", [0, 4])
def test_vectors_stay_near(kind, bound, num_fixed):
    model, ids = Model(num_fixed), tf.range(5 + num_fixed)[None]
    before = model.token_embedding(ids).numpy()
    sizes = quantize(model, kind)
    after = model.token_embedding(ids).numpy()
    assert sizes[0] == 5 * 8 * 4 + num_fixed * 8 * 2
    assert sizes[1] == (5 + num_fixed) * (16 if kind == "float16" else 12)
    assert after.dtype == np.float32
    assert not after[0, 0].any()
    assert (np.abs(after - before).max(axis=2) <= bound * np.abs(before).max(axis=2) + 1e-7).all()
    # The last bits did go: this is no comparison of a table with itself.
    assert num_fixed == 0 or kind == "float16" or (after != before).any()


def test_the_larger_tables_are_not_stored():
    model = Model(4)
    assert [weight.dtype for weight in stored_weights(model)] == [tf.float32, tf.float16]
    quantize(model, "int8")
    assert [weight.dtype for weight in stored_weights(model)] == [tf.int8, tf.float32, tf.int8, tf.float32]


@pytest.fixture
def scored(monkeypatch, documents):
    """Let the two measurements give these F1."""

    def use(before, after):
        scores = iter([({"entities": 80.0, "relations": value}, 100.0) for value in (before, after)])
        monkeypatch.setattr(quantizing, "_documents", lambda run, data_dir: ("dev", documents))
        monkeypatch.setattr(quantizing, "_score", lambda predictor, documents: next(scores))
        monkeypatch.setattr(Run, "predictor", lambda run: None)

    return use


class Holder:
    def __init__(self):
        self.model = Model(4)
        self.extractor = SimpleNamespace(encoders=None)


def test_a_loss_within_the_bound_is_reported(scored, tmp_path):
    scored(60.0, 59.9)
    report = measured(Run(tmp_path), Holder(), "int8", 0.2)
    assert report["f1"]["after"]["relations"] == 59.9
    assert "relations F1 on dev 60.00 -> 59.90" in summary(report)


def test_a_larger_loss_is_refused(scored, tmp_path):
    scored(60.0, 59.7)
    with pytest.raises(InputError, match="relations from 60.00 to 59.70 on dev"):
        measured(Run(tmp_path), Holder(), "int8", 0.2)


@pytest.fixture
def moved_run(trained_run, tmp_path):
    """The run without the corpus that it was trained on."""
    run = Run(shutil.copytree(trained_run.path, tmp_path / "run"))
    config = run.path / "config.yaml"
    config.write_text(config.read_text().replace(trained_run.config().corpus.name, str(tmp_path / "gone")))
    return run


def test_without_the_corpus_it_is_refused_and_nothing_written(moved_run, tmp_path, quick, capsys):
    command = [str(moved_run.path), str(tmp_path / "model"), "--quantize", "int8"]
    assert cli.run("cman-export", savedmodel.command, command) == 2
    err = capsys.readouterr().err
    assert err.startswith("cman-export: --quantize needs the run's corpus")
    assert "--data-dir" in err
    assert err.count("\n") == 1
    assert not (tmp_path / "model").exists()


def test_without_dev_and_test_it_is_refused(monkeypatch, trained_run):
    monkeypatch.setattr(workflow, "load_corpus", lambda *args, **options: SimpleNamespace(splits={"train": []}))
    with pytest.raises(InputError, match="--data-dir.*neither dev nor test"):
        measured(trained_run, Holder(), "int8", 0.2)


def test_it_may_be_left_unmeasured_if_one_says_so(tmp_path):
    report = measured(Run(tmp_path), Holder(), "float16", None)
    assert report["table_bytes"]["after"] < report["table_bytes"]["before"]
    assert "not measured" in summary(report)


def test_the_folder_of_the_corpus_may_be_named(monkeypatch, trained_run):
    asked = []
    monkeypatch.setattr(
        workflow, "load_corpus", lambda *args, **options: asked.append(options) or SimpleNamespace(splits={})
    )
    with pytest.raises(InputError):
        measured(trained_run, Holder(), "int8", 0.2, "copies")
    assert asked == [{"splits": (), "data_dir": "copies"}]


@pytest.mark.slow
def test_an_export_of_fewer_bits_is_smaller_and_answers_as_its_run_does_with_them(trained_run, exported, tmp_path):
    """From the command to the verdict of the check, whose comparison is with the run quantised the same."""
    version, about = export(trained_run, tmp_path / "model", quantize="int8", max_f1_drop=100)
    size = about["quantize"]["table_bytes"]
    assert size["after"] < size["before"] / 2
    assert read_card(version)["quantize"]["f1"].keys() == {"before", "after"}
    # The tables of the checkpoint: bytes where there were floats.
    kinds = dict(tf.train.load_checkpoint(str(version / "variables" / "variables")).get_variable_to_dtype_map())
    assert tf.int8 in kinds.values()
    assert (
        tf.int8
        not in tf.train.load_checkpoint(str(exported / "variables" / "variables")).get_variable_to_dtype_map().values()
    )
    findings = check(version, trained_run.path)
    assert findings["problems"] == []
    assert findings["compared"] > 10
