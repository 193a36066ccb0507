"""Frozen contextual vectors, computed once and kept on disk."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import sys
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lmdb
import numpy as np
import platformdirs

from cman_tf.errors import InputError

try:
    import fcntl
except ImportError:  # Windows; there two processes must not begin a store at the same time
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from cman_tf.config.fields import EncoderConfig
    from cman_tf.data.document import Document
    from cman_tf.encoders.combined import Encoders
    from cman_tf.encoders.contextual import ContextualEncoder

STORE_VARIABLE = "CMAN_TF_STORE"
GIGABYTE = 2**30

# LMDB wants a file to be opened once in a process; trainings in one process share it.
_OPEN: weakref.WeakValueDictionary = weakref.WeakValueDictionary()

# Tokens encoded at once: bounds memory, and what a kill can lose.
TOKENS = 1024


def store_folder(folder: str | Path | None = None) -> Path:
    """Where the stores lie: `folder`, else the environment's `CMAN_TF_STORE`, else the user's cache folder."""
    folder = folder or os.environ.get(STORE_VARIABLE)
    return Path(folder).expanduser() if folder else platformdirs.user_cache_path("cman-tf") / "vectors"


class FeatureStore:
    """The vectors of one encoder: an LMDB file, memory-mapped, that only grows and that several processes may use.

    A sentence's key is the SHA-256 of its tokens; its value is float16 `(tokens, layers, width)`. The folder's name
    holds the encoder's fingerprint, so another encoder never answers from it.

    Args:
        encoder: object with `name`, `fingerprint`, `layers`, `width`, called with string `(batch, tokens)` padded with
            `""`, giving float32 `(batch, tokens, layers, width)`: a `ContextualEncoder`.
        folder: str, path or None. See `store_folder`.
        limit_gb: float. Largest size of the file. Default 32.

    Raises:
        InputError: the folder cannot be written, or the disk or the store is full.

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
        """The vectors of sentences; those that are missing are computed and kept.

        Args:
            sentences: sequence of sequences of str, tokens.
            progress: callable or None. Called with `(done, total)` in sentences after each batch that is computed.

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
        with self._written(), self._alone():
            environment = _OPEN.get(self.path)
            if environment is not None:
                return environment
            self.path.mkdir(exist_ok=True)
            if not _whole(self.path, about):
                print(
                    f"The vectors in {self.path} are damaged, or another encoder's; they are computed again.",
                    file=sys.stderr,
                )
                shutil.rmtree(self.path)
                self.path.mkdir()
            # Whole is what was synchronised; a lost last batch is computed again.
            environment = lmdb.open(
                str(self.path), map_size=int(self.limit_gb * GIGABYTE), metasync=False, max_readers=512
            )
            with environment.begin(write=True) as transaction:
                transaction.put(b"about", json.dumps(about).encode())
            _OPEN[self.path] = environment
        return environment

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Let no other process look at a file that is only half begun, and take it for a damaged one."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path.with_name(f"{self.path.name}.lock"), "w") as file:
            if fcntl:
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @contextlib.contextmanager
    def _written(self) -> Iterator[None]:
        try:
            yield
        except lmdb.MapFullError:
            raise InputError(
                f"The store of an encoder must stay below {self.limit_gb:g} GB; make room with python -m "
                f"cman_tf.encoders.store clear. Received: {self.path}"
            ) from None
        except (OSError, lmdb.Error) as error:
            raise InputError(
                f"The folder for contextual vectors must be writable and have room; name another by encoder.store or "
                f"{STORE_VARIABLE}. Received: {self.path} ({getattr(error, 'strerror', None) or error})"
            ) from None


class StoredVectors(Sequence):
    """A sequence of float16 arrays `(tokens, layers, width)` that are read from the disk when they are asked for."""

    def __init__(
        self, environment: lmdb.Environment, keys: Sequence[bytes], shapes: Sequence[tuple[int, int, int]]
    ) -> None:
        self._transaction = environment.begin(buffers=True)
        self.keys = keys
        self.shapes = shapes

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, row: int) -> np.ndarray:
        if self.shapes[row][0] == 0:
            return np.zeros(self.shapes[row], np.float16)
        return np.frombuffer(self._transaction.get(self.keys[row]), np.float16).reshape(self.shapes[row])


def stored_vectors(
    encoders: Encoders | None, options: EncoderConfig, documents: Sequence[Document]
) -> dict[str, StoredVectors] | None:
    """The stored vectors of documents, which training and scoring read; those that are missing are computed and kept.

    Args:
        encoders: `Encoders` or None.
        options: `EncoderConfig`.
        documents: sequence of `Document`.

    Returns:
        dict of the network's input names to `StoredVectors`; None without encoders or documents, and where encoders are
        trained, for theirs are other vectors after every step.

    Raises:
        InputError: as `FeatureStore`.
    """
    if not encoders or options.trainable or not documents:
        return None
    sentences = [document.tokens for document in documents]
    stores = [FeatureStore(encoder, options.store, options.store_gb) for encoder in encoders.encoders]
    return {
        name: store.vectors(sentences, console_progress(store.encoder.name))
        for name, store in zip(input_names(stores), stores)
    }


def stores(folder: str | Path | None = None) -> list[dict[str, Any]]:
    """What lies in the store: a list of dicts with `path`, `name`, `fingerprint`, `sentences`, `bytes`."""
    result = []
    for path in sorted(store_folder(folder).glob("*/data.mdb")):
        row = {"path": str(path.parent), "name": None, "fingerprint": None, "sentences": 0}
        row["bytes"] = path.stat().st_blocks * 512
        if _whole(path.parent):
            options = {"readonly": True, "lock": False}
            with lmdb.open(str(path.parent), **options) as environment, environment.begin() as transaction:
                about = json.loads(transaction.get(b"about", b"{}"))
                row |= {name: about.get(name) for name in ("name", "fingerprint")}
                row["sentences"] = max(environment.stat()["entries"] - 1, 0)
        result.append(row)
    return result


def console_progress(name: str) -> Callable[[int, int], None]:
    """`progress` for `FeatureStore.vectors` that tells on standard error how far it is and how long it takes."""
    started, last = time.monotonic(), [0.0]

    def show(done: int, total: int) -> None:
        now = time.monotonic()
        if now - last[0] < 5 and done < total:
            return
        last[0] = now
        left = (now - started) / done * (total - done)
        print(f"vectors of {name}: {done} of {total} sentences, {left:.0f} s left", file=sys.stderr, flush=True)

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
    # Lengths too: no token can play the separator.
    return hashlib.sha256(json.dumps(list(sentence)).encode()).digest()


def _whole(path: Path, about: Mapping[str, Any] | None = None) -> bool:
    """Whether the file holds all the pages it counts, and vectors of the encoder of `about`, if one is given.

    Reading beyond the end of a mapped file kills the process.
    """
    file = path / "data.mdb"
    if not file.exists():
        return True
    try:
        with lmdb.open(str(path), readonly=True, lock=False, create=False) as environment:
            pages = environment.info()["last_pgno"] + 1
            if file.stat().st_size < pages * environment.stat()["psize"]:
                return False
            if about is None or not environment.stat()["entries"]:
                return True
            with environment.begin() as transaction:
                found = json.loads(transaction.get(b"about", b"{}"))
            # An encoder may be renamed.
            decisive = ("fingerprint", "layers", "width")
            return isinstance(found, dict) and all(found.get(name) == about[name] for name in decisive)
    except (lmdb.Error, ValueError):
        return False


def input_names(encoders: Iterable[object]) -> list[str]:
    """The network's input for each encoder: `contextual_1`, `contextual_2`, ..."""
    return [f"contextual_{number}" for number, _ in enumerate(encoders, 1)]
