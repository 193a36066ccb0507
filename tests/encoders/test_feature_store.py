import contextlib
import json
import multiprocessing
import os
import resource
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import filelock
import lmdb
import numpy as np
import pytest
import tensorflow as tf

from cman_tf.commands import cli, encoder
from cman_tf.encoders.feature_store import FeatureStore, console_progress
from cman_tf.encoders.store_files import stores
from cman_tf.errors import InputError

SENTENCES = [["Ana", "lives", "in", "Lima"], ["Rain", "."], [], ["Oslo", "😀", "Ana"], ["Rain", "."]]


class Lengths:
    """A stand-in whose vectors are a token's length in bytes, once unchanged and once doubled."""

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
    assert progress == [(3, 3)]  # the empty one needs none, and one is there twice
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
        assert "are damaged or from another encoder; recomputing them" in capsys.readouterr().err


def test_a_foreign_file_is_made_anew(tmp_path, capsys):
    path = FeatureStore(Lengths(), tmp_path).path
    (path / "data.mdb").write_bytes(b"something else " * 1000)
    check(FeatureStore(Lengths(), tmp_path).vectors(SENTENCES))
    assert "damaged" in capsys.readouterr().err


@pytest.mark.parametrize("change", [{"fingerprint": "f" * 16 + "0" * 48}, {"layers": 1}, {"width": 4}, None])
def test_a_file_of_another_encoder_is_made_anew(tmp_path, capsys, change):
    store = FeatureStore(Lengths(), tmp_path)
    store.vectors(SENTENCES)
    path = str(store.path)
    del store
    with lmdb.open(path) as environment, environment.begin(write=True) as transaction:
        about = {**json.loads(transaction.pop(b"about")), **(change or {})}
        if change:
            transaction.put(b"about", json.dumps(about).encode())
    encoder = Lengths()
    check(FeatureStore(encoder, tmp_path).vectors(SENTENCES))
    assert encoder.calls == 1
    assert "or from another encoder; recomputing them" in capsys.readouterr().err


def test_a_renamed_encoder_keeps_its_file(tmp_path):
    store = FeatureStore(Lengths(), tmp_path)
    store.vectors(SENTENCES)
    path = store.path
    del store
    renamed = Lengths()
    renamed.name = "renamed"
    path.rename(path.with_name(path.name.replace("lengths", "renamed")))
    check(FeatureStore(renamed, tmp_path).vectors(SENTENCES))
    assert renamed.calls == 0


def test_a_file_that_is_half_begun_is_not_taken_for_damaged(tmp_path, monkeypatch, capsys):
    begun, begin = threading.Event(), lmdb.open

    def slow(path, **options):
        if not options.get("readonly") and not begun.is_set():
            Path(path, "data.mdb").touch()
            begun.set()
            time.sleep(0.5)  # for the second, that it should wait
        return begin(path, **options)

    monkeypatch.setattr(lmdb, "open", slow)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(FeatureStore, Lengths(), tmp_path)
        assert begun.wait(60)
        second = pool.submit(FeatureStore, Lengths(), tmp_path)
        for store in (first.result(), second.result()):
            check(store.vectors(SENTENCES))
    assert "damaged" not in capsys.readouterr().err


def fill(folder, first):
    FeatureStore(Lengths(), folder).vectors([[str(number)] * 50 for number in range(first, first + 200)])


@pytest.mark.slow
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
    with pytest.raises(InputError, match=r"have reached the limit of 0.0001 GB. .* `cman encoder clear`"):
        store.vectors([[str(number)] * 1000 for number in range(50)])


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="Cannot write contextual vectors to .*: File exists. Set another folder"):
        FeatureStore(Lengths(), tmp_path / "file")


def test_a_file_system_without_locks(tmp_path, monkeypatch):
    def refuse(*_):
        raise NotImplementedError("FileSystem does not appear to support flock")

    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    with pytest.raises(InputError, match="Cannot write contextual vectors to .*: FileSystem does not .* Set another"):
        FeatureStore(Lengths(), tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_read_only(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(InputError, match="Cannot write contextual vectors to .*: Permission denied. Set another"):
            FeatureStore(Lengths(), tmp_path)
    finally:
        tmp_path.chmod(0o700)


class FullDisk:
    """An environment on a disk without space, on which LMDB fails at the end of a transaction."""

    def __init__(self, environment):
        self.environment = environment

    @contextlib.contextmanager
    def begin(self, write=False):
        with self.environment.begin(write=write) as transaction:
            yield transaction
            if write:
                raise lmdb.DiskError("mdb_txn_commit: No space left on device")


def test_a_full_disk(tmp_path):
    store = FeatureStore(Lengths(), tmp_path)
    store._environment = FullDisk(store._environment)
    with pytest.raises(InputError) as caught:
        store.vectors(SENTENCES)
    assert str(caught.value) == (
        f"Cannot write contextual vectors to {store.path}: mdb_txn_commit: No space left on device. Set another folder "
        "with encoder.store or CMAN_TF_STORE."
    )


def test_a_disk_that_takes_no_more(tmp_path):
    store = FeatureStore(Lengths(), tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(InputError, match="Cannot write contextual vectors to"):
            store.vectors([[f"{number}"] * 1000 for number in range(100)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    # What was kept is whole.
    many = [[f"{number}"] * 1000 for number in range(100)]
    check(store.vectors(many), many)


def test_progress_is_printed_every_five_seconds_and_at_the_end(monkeypatch, capsys):
    clock = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    show = console_progress("toy")
    for seconds, done in ((2, 10), (4, 20), (6.5, 30), (7.5, 50), (8, 100)):
        clock[0] = 1000 + seconds
        show(done, 100)
    # 10 in 2 s leave 18 s for 90.
    assert capsys.readouterr().err.splitlines() == [
        "vectors of toy: 10 of 100 sentences, 18 s left",
        "vectors of toy: 50 of 100 sentences, 8 s left",
        "vectors of toy: 100 of 100 sentences, 0 s left",
    ]


def test_info_and_clear(tmp_path, capsys):
    FeatureStore(Lengths(), tmp_path).vectors(SENTENCES)

    def run(*arguments):
        code = cli.run("cman encoder", encoder.command, [*arguments, "--folder", str(tmp_path)])
        return code, "".join(capsys.readouterr())

    assert run("info")[0] == 0
    assert "lengths: " in run("info")[1]
    assert ", 3 sentences, " in run("info", "lengths")[1]
    assert run("clear", "other") == (2, f"cman encoder: There are no vectors of other in {tmp_path}.\n")
    assert run("remove")[0] == 2
    assert "removed lengths" in run("clear", "lengths")[1]
    assert run("info") == (0, f"No vectors in {tmp_path}\n")
