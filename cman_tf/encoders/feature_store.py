"""Computes the vectors of frozen contextual encoders once and stores them on disk."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
import sys
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import filelock
import lmdb
import numpy as np

from cman_tf.encoders.store_files import STORE_VARIABLE, is_whole, store_folder
from cman_tf.errors import InputError, printable, reason

if TYPE_CHECKING:
    from cman_tf.config.fields import EncoderConfig
    from cman_tf.data.document import Document
    from cman_tf.encoders.combined import Encoders
    from cman_tf.encoders.contextual import ContextualEncoder

# LMDB allows a process to open a file only once, so stores of one process share it.
_OPEN: weakref.WeakValueDictionary = weakref.WeakValueDictionary()

# Tokens encoded at once: bounds memory, and the loss when the process is killed.
TOKENS = 1024

GIGABYTE = 2**30


class FeatureStore:
    """The vectors of one encoder: a memory-mapped LMDB file that only grows and that processes can share.

    A sentence's key is the SHA-256 of its tokens; its value is float16 `(tokens, layers, width)`. The folder's name
    contains the encoder's fingerprint, so each encoder has its own folder.

    Args:
        encoder: object with `name`, `fingerprint`, `layers`, `width`, called with string `(batch, tokens)` padded with
            `""`, returns float32 `(batch, tokens, layers, width)`: a `ContextualEncoder`.
        folder: str, path or None. See `store_folder`.
        limit_gb: float. Largest size of the file. Default 32.

    Raises:
        InputError: if the folder cannot be written, or the disk or the store is full.

    Example:
        >>> store = FeatureStore(load_encoder("encoders/minilm"))
        >>> vectors = store.vectors([["Ana", "lives", "in", "Lima"]])
        >>> vectors[0].shape
        (4, 7, 384)
    """

    def __init__(self, encoder: ContextualEncoder, folder: str | Path | None = None, limit_gb: float = 32.0) -> None:
        self.encoder = encoder
        self.limit_gb = limit_gb
        name = re.sub(r"[^\w.-]", "_", encoder.name)[:40]
        self.path = store_folder(folder) / f"{name}-{encoder.fingerprint[:16]}"
        self._environment = self._open()

    def vectors(
        self, sentences: Sequence[Sequence[str]], progress: Callable[[int, int], object] | None = None
    ) -> StoredVectors:
        """Vectors of sentences. Computes and stores the missing ones.

        Args:
            sentences: sequence of sequences of str, tokens.
            progress: callable or None. Called with `(done, total)` sentences after each computed batch.

        Returns:
            `StoredVectors`, one array for each sentence.
        """
        keys = [_key(sentence) for sentence in sentences]
        with self._environment.begin() as transaction:
            missing = {key: row for row, key in enumerate(keys) if len(sentences[row]) and transaction.get(key) is None}
        rows = sorted(missing.values(), key=lambda row: len(sentences[row]))
        done = 0
        for batch in _batches(rows, sentences):
            self._keep({keys[row]: value for row, value in zip(batch, self._encode([sentences[r] for r in batch]))})
            done += len(batch)
            if progress:
                progress(done, len(rows))
        shape = self.encoder.layers, self.encoder.width
        return StoredVectors(self._environment, keys, [(len(sentence), *shape) for sentence in sentences])

    def _encode(self, sentences: Sequence[Sequence[str]]) -> list[np.ndarray]:
        longest = max(map(len, sentences))
        tokens = [[t.encode("utf-8", "replace") for t in s] + [b""] * (longest - len(s)) for s in sentences]
        vectors = self.encoder(np.array(tokens, object)).numpy().astype(np.float16)
        return [np.ascontiguousarray(vectors[row, : len(s)]) for row, s in enumerate(sentences)]

    def _keep(self, values: Mapping[bytes, np.ndarray]) -> None:
        with self._written(), self._environment.begin(write=True) as transaction:
            for key, value in values.items():
                transaction.put(key, value.tobytes(), overwrite=False)

    def _open(self) -> lmdb.Environment:
        about = {name: getattr(self.encoder, name) for name in ("name", "fingerprint", "layers", "width")}
        with self._written():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Else another process could see a file that is only begun, and take it for a damaged one.
            with filelock.FileLock(f"{self.path}.lock"):
                return self._open_locked(about)

    def _open_locked(self, about: Mapping[str, object]) -> lmdb.Environment:
        environment = _OPEN.get(self.path)
        if environment is not None:
            return environment
        self.path.mkdir(exist_ok=True)
        if not is_whole(self.path, about):
            print(f"The vectors in {self.path} are damaged or from another encoder; recomputing them.", file=sys.stderr)
            shutil.rmtree(self.path)
            self.path.mkdir()
        # After a crash the file is intact; at most the last batch is lost, and computed again.
        environment = lmdb.open(str(self.path), map_size=int(self.limit_gb * GIGABYTE), metasync=False, max_readers=512)
        with environment.begin(write=True) as transaction:
            transaction.put(b"about", json.dumps(about).encode())
        _OPEN[self.path] = environment
        return environment

    @contextlib.contextmanager
    def _written(self) -> Iterator[None]:
        try:
            yield
        except lmdb.MapFullError:
            raise InputError(
                f"The contextual vectors in {self.path} have reached the limit of {self.limit_gb:g} GB. Raise "
                "encoder.store_gb, or remove vectors with `cman encoder clear`."
            ) from None
        except (OSError, NotImplementedError, lmdb.Error) as error:
            # NotImplementedError: a file system without locks.
            raise InputError(
                f"Cannot write contextual vectors to {self.path}: {reason(error)}. Set another folder with "
                f"encoder.store or {STORE_VARIABLE}."
            ) from None


class StoredVectors(Sequence):
    """A sequence of float16 arrays `(tokens, layers, width)`, each read from the disk when it is used."""

    def __init__(
        self, environment: lmdb.Environment, keys: Sequence[bytes], shapes: Sequence[tuple[int, int, int]]
    ) -> None:
        self._transaction = environment.begin(buffers=True)
        self.keys = keys
        self.shapes = shapes

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, row: int) -> np.ndarray:  # type: ignore[override]  # slices are not supported
        if self.shapes[row][0] == 0:
            return np.zeros(self.shapes[row], np.float16)
        value: Any = self._transaction.get(self.keys[row])
        return np.frombuffer(value, np.float16).reshape(self.shapes[row])


def stored_vectors(
    encoders: Encoders | None, options: EncoderConfig, documents: Sequence[Document]
) -> dict[str, StoredVectors] | None:
    """Stored vectors of documents, for training and scoring. Computes and stores the missing ones.

    Args:
        encoders: `Encoders` or None.
        options: `EncoderConfig`.
        documents: sequence of `Document`.

    Returns:
        dict of the network's input names to `StoredVectors`. None without encoders or documents, and if encoders are
        trained, because their vectors change with every step.

    Raises:
        InputError: see `FeatureStore`.
    """
    if not encoders or options.trainable or not documents:
        return None
    sentences = [document.tokens for document in documents]
    stores = [FeatureStore(encoder, options.store, options.store_gb) for encoder in encoders.encoders]
    return {
        name: store.vectors(sentences, console_progress(store.encoder.name))
        for name, store in zip(encoders.input_names, stores)
    }


def console_progress(name: str) -> Callable[[int, int], None]:
    """`progress` for `FeatureStore.vectors`: prints sentences and time left to standard error."""
    started, last = time.monotonic(), [0.0]

    def show(done: int, total: int) -> None:
        now = time.monotonic()
        if now - last[0] < 5 and done < total:
            return
        last[0] = now
        left = (now - started) / done * (total - done)
        print(
            f"vectors of {printable(name)}: {done} of {total} sentences, {left:.0f} s left", file=sys.stderr, flush=True
        )

    return show


def _batches(rows: Sequence[int], sentences: Sequence[Sequence[str]]) -> Iterator[list[int]]:
    batch: list[int] = []
    for row in rows:
        if batch and (len(batch) + 1) * len(sentences[row]) > TOKENS:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def _key(sentence: Sequence[str]) -> bytes:
    # JSON, so that no token can act as a separator.
    return hashlib.sha256(json.dumps(list(sentence)).encode()).digest()
