import multiprocessing
import os

import numpy as np
import pytest
import tensorflow as tf

from cman_tf import cli
from cman_tf.encoders import store as command
from cman_tf.encoders.feature_store import FeatureStore, stores
from cman_tf.errors import InputError

SENTENCES = [["Ana", "lives", "in", "Lima"], ["Rain", "."], [], ["Oslo", "😀", "Ana"], ["Rain", "."]]


class Lengths:
    """A stand-in whose vectors tell the token: its length in bytes, once as it is and once doubled."""

    name, layers, width = "lengths", 2, 3

    def __init__(self, fingerprint="f" * 64):
        self.fingerprint = fingerprint
        self.calls = 0

    def __call__(self, tokens):
        self.calls += 1
        lengths = tf.cast(tf.strings.length(tokens), tf.float32)[:, :, None, None]
        return lengths * tf.constant([1.0, 2.0])[None, None, :, None] * tf.ones([3])


def expected(sentence):
    lengths = np.array([len(token.encode()) for token in sentence], np.float16).reshape(-1, 1, 1)
    return lengths * np.array([1, 2], np.float16)[:, None] * np.ones(3, np.float16)


def check(vectors, sentences=SENTENCES):
    assert len(vectors) == len(sentences)
    for found, sentence in zip(vectors, sentences):
        assert found.dtype == np.float16
        assert found.shape == (len(sentence), 2, 3)
        np.testing.assert_array_equal(found, expected(sentence))


def test_each_sentence_is_computed_once(tmp_path):
    encoder, progress = Lengths(), []
    check(FeatureStore(encoder, tmp_path).vectors(SENTENCES, lambda *given: progress.append(given)))
    assert encoder.calls == 1
    assert progress == [(3, 3)]  # the empty one needs none, and one stands there twice
    again = Lengths()
    check(FeatureStore(again, tmp_path).vectors(SENTENCES))
    assert again.calls == 0
    more = [*SENTENCES, ["new"]]
    check(FeatureStore(again, tmp_path).vectors(more), more)
    assert again.calls == 1


def test_another_encoder_has_its_own_store(tmp_path):
    FeatureStore(Lengths("a" * 64), tmp_path).vectors(SENTENCES)
    other = Lengths("b" * 64)
    FeatureStore(other, tmp_path).vectors(SENTENCES)
    assert other.calls == 1
    assert [row["fingerprint"][0] for row in stores(tmp_path)] == ["a", "b"]


def test_tokens_are_no_text(tmp_path):
    sentences = [["a", "b"], ["a b"], ['a", "b']]
    check(FeatureStore(Lengths(), tmp_path).vectors(sentences), sentences)


@pytest.mark.parametrize("left", [0.5, 100, 0])
def test_a_damaged_file_is_made_anew_and_said(tmp_path, capsys, left):
    many = [[f"w{number}"] * 200 for number in range(50)]
    store = FeatureStore(Lengths(), tmp_path)
    store.vectors(many)
    path = store.path / "data.mdb"
    del store
    size = path.stat().st_size
    os.truncate(path, int(size * left) if left < 1 else left)
    encoder = Lengths()
    check(FeatureStore(encoder, tmp_path).vectors(many), many)
    assert encoder.calls
    if left:
        assert "damaged; they are computed again" in capsys.readouterr().err


def test_a_foreign_file_is_made_anew(tmp_path, capsys):
    path = FeatureStore(Lengths(), tmp_path).path
    (path / "data.mdb").write_bytes(b"something else " * 1000)
    check(FeatureStore(Lengths(), tmp_path).vectors(SENTENCES))
    assert "damaged" in capsys.readouterr().err


def fill(folder, first):
    FeatureStore(Lengths(), folder).vectors([[str(number)] * 50 for number in range(first, first + 200)])


def test_two_processes_at_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=fill, args=(tmp_path, first)) for first in (0, 100)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    encoder, sentences = Lengths(), [[str(number)] * 50 for number in range(300)]
    check(FeatureStore(encoder, tmp_path).vectors(sentences), sentences)
    assert encoder.calls == 0


def test_a_full_store(tmp_path):
    store = FeatureStore(Lengths(), tmp_path, limit_gb=1e-4)
    with pytest.raises(InputError, match=r"must stay below 0.0001 GB; make room with .* clear. Received: "):
        store.vectors([[str(number)] * 1000 for number in range(50)])


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="must be writable and have room"):
        FeatureStore(Lengths(), tmp_path / "file")


def test_info_and_clear(tmp_path, capsys):
    FeatureStore(Lengths(), tmp_path).vectors(SENTENCES)

    def told(*arguments):
        code = cli.run("store", command.command, [*arguments, "--folder", str(tmp_path)])
        return code, "".join(capsys.readouterr())

    assert told("info")[0] == 0
    assert "lengths: " in told("info")[1]
    assert ", 3 sentences, " in told("info", "lengths")[1]
    assert told("clear", "other") == (2, f"store: The encoder must have a store in {tmp_path}. Received: other\n")
    assert told("remove")[0] == 2
    assert "removed lengths" in told("clear", "lengths")[1]
    assert told("info") == (0, f"No vectors in {tmp_path}\n")
