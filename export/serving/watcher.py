"""Watches a model folder: loads new versions, unloads old ones once no request uses them."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
from tensorflow_serving.apis.get_model_status_pb2 import ModelVersionStatus

from cman_tf.errors import printable
from cman_tf.interop.saved_model import versions
from export.serving import logs
from export.serving import status as statuses
from export.serving.servable import Servable
from export.serving.status import ServingError, invalid

if TYPE_CHECKING:
    from tensorflow_serving.apis import model_pb2


@dataclass
class ServedVersion:
    """State of one numbered folder. Guarded by the lock of `Watcher`."""

    number: int
    fingerprint: tuple = ()
    state: int = ModelVersionStatus.START
    error: ServingError | None = None
    servable: Servable | None = None
    users: int = field(default=0)


class Watcher:
    """Serves the newest version in a folder, and the versions with a label, and follows changes of the folder.

    A version replaces another only after it is loaded and warmed up; the last one is never unloaded. A version that
    cannot be loaded is tried again when its files change.

    Args:
        model: str. Name of the model in requests.
        folder: path. Contains the versions `1/`, `2/`, ...
        labels: dict of str to int.
        poll_seconds: float. Seconds between two looks at the folder.
        load: callable, path -> `Servable`.
        changed: callable without arguments, called when a version has become available or unavailable.
        patience: float. Seconds that the newest version may load before an older one is loaded beside it, if none is
            available.
    """

    def __init__(
        self,
        model: str,
        folder: str | Path,
        labels: Mapping[str, int] | None = None,
        poll_seconds: float = 1.0,
        load: Callable[[Path], Servable] = Servable,
        changed: Callable[[], object] = lambda: None,
        patience: float = 10.0,
    ) -> None:
        self.model = model
        self.folder = Path(folder)
        self.labels = dict(labels or {})
        self.poll_seconds = poll_seconds
        self.load = load
        self.changed = changed
        self.patience = patience
        self.looked = threading.Event()
        self._versions: dict[int, ServedVersion] = {}
        self._seen: dict[int, tuple[Any, ...]] = {}
        self._lock = threading.Condition()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watcher", daemon=True)

    def start(self) -> None:
        """Load the versions in the folder and watch it, on a thread.

        `looked`, a `threading.Event`, is set once a version is available, or none of the folder can be loaded.
        """
        self._seen = self._scan()
        self._thread.start()

    def stop(self, seconds: float | None = None) -> bool:
        """Stop watching the folder, and load no more. Loaded versions still answer.

        Args:
            seconds: float or None. Longest wait for a version that is being loaded, which cannot be interrupted.

        Returns:
            bool, whether nothing is being loaded any more.
        """
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(seconds)
        return not self._thread.is_alive()

    def available(self) -> list[int]:
        """Numbers of the available versions, ascending."""
        with self._lock:
            return self._available()

    def status(self, spec: model_pb2.ModelSpec) -> list[ModelVersionStatus]:
        """`ModelVersionStatus` of all versions, or of the one with the number in `spec`.

        A label is ignored, even an unknown one, as in TensorFlow Serving.
        """
        if spec.name != self.model:
            raise ServingError(grpc.StatusCode.NOT_FOUND, f"Could not find any versions of model {spec.name}")
        number = spec.version.value if spec.HasField("version") else None
        with self._lock:
            chosen = [v for n, v in sorted(self._versions.items(), reverse=True) if number in (None, n)]
            if not chosen:
                what = "any versions" if number is None else f"version {number}"
                raise ServingError(grpc.StatusCode.NOT_FOUND, f"Could not find {what} of model {self.model}")
            return [_status(version) for version in chosen]

    @contextlib.contextmanager
    def use(self, spec: model_pb2.ModelSpec) -> Iterator[tuple[int, Servable]]:
        """Yield `(number, Servable)` for a `ModelSpec`. The version stays loaded until the block ends."""
        if not spec.name:
            raise invalid("ModelSpec has no name specified.")
        number = self._number(spec) if spec.name == self.model else None
        with self._lock:
            loaded = self._available() if spec.name == self.model else []
            if not loaded or number not in (None, *loaded):
                wanted = f"Latest({spec.name})" if number is None else f"Specific({spec.name}, {number})"
                raise ServingError(grpc.StatusCode.NOT_FOUND, f"Servable not found for request: {wanted}")
            version = self._versions[loaded[-1] if number is None else number]
            version.users += 1
        try:
            yield version.number, version.servable  # type: ignore[misc]  # an available version has one
        finally:
            with self._lock:
                version.users -= 1
                self._lock.notify_all()

    def _number(self, spec: model_pb2.ModelSpec) -> int | None:
        choice = spec.WhichOneof("version_choice")
        if choice == "version_label":
            if spec.version_label not in self.labels:
                raise invalid(f"Unrecognized servable version label: {spec.version_label}")
            return self.labels[spec.version_label]
        return spec.version.value if choice == "version" else None

    def _available(self) -> list[int]:
        return sorted(n for n, v in self._versions.items() if v.state == ModelVersionStatus.AVAILABLE)

    def _watch(self) -> None:
        while not self._stop.is_set():
            try:
                self.poll()
            except Exception as error:  # no state of the folder may end the watch
                logs.error("poll_failed", kind=type(error).__name__)
            self.looked.set()
            self._stop.wait(self.poll_seconds)

    def poll(self) -> None:
        """Look at the folder once: load new versions to be served, then unload the others."""
        found = self._scan()
        settled = {number for number in found if self._seen.get(number) == found[number]}
        self._seen = found
        newest = self._newest(found, settled)
        labelled = {n for n in set(self.labels.values()) & set(found) if self._ready(n, found[n], n in settled)}
        wanted = labelled | ({newest} - {None})
        if newest is not None and not self._stop.is_set():
            for number in set(self.available()) - wanted:
                self._unload(number)
        with self._lock:
            for number in set(self._versions) - set(found):
                if self._versions[number].error is not None:
                    del self._versions[number]

    def _newest(self, found: Mapping[int, tuple[Any, ...]], settled: Collection[int]) -> int | None:
        """The newest version that is available, after an attempt to load each newer one; None if there is none.

        While none is available, the oldest is loaded once the newest has failed, or takes long: it has most likely
        served before, and must not wait for all that came after it.
        """
        numbers = sorted(found, reverse=True)
        for number in numbers:
            if number in self.available():
                return number
            version = self._to_load(number, found[number], number in settled)
            if version is None:
                continue
            attempt = _Attempt(self._load, version)
            attempt.join(None if self.available() else self.patience)
            if not attempt.ready and not self.available():
                self._ready(numbers[-1], found[numbers[-1]], numbers[-1] in settled)
            attempt.join()
            if attempt.ready:
                return number
        return None

    def _scan(self) -> dict[int, tuple[Any, ...]]:
        """Fingerprints of the numbered folders, dict of int to tuple."""
        with contextlib.suppress(OSError):
            found = versions(self.folder).items()
            return {number: (str(path), _fingerprint(path)) for number, path in found if path.is_dir()}
        return {}

    def _ready(self, number: int, fingerprint: tuple[Any, ...], settled: bool) -> bool:
        """Whether a version is available, after an attempt to load it if it is new or has changed."""
        if number in self.available():
            return True
        version = self._to_load(number, fingerprint, settled)
        return version is not None and self._load(version)

    def _to_load(self, number: int, fingerprint: tuple[Any, ...], settled: bool) -> ServedVersion | None:
        """A version that is not available, if it is to be loaded now: it is new, or its files have changed."""
        with self._lock:
            version = self._versions.get(number)
            loading = version is not None and version.state == ModelVersionStatus.LOADING
            failed_as_is = version is not None and version.error is not None and version.fingerprint == fingerprint
            # Not settled: the files may still be being copied.
            if loading or failed_as_is or not settled or self._stop.is_set():
                return None
            version = self._versions[number] = ServedVersion(number, fingerprint, ModelVersionStatus.LOADING)
            return version

    def _load(self, version: ServedVersion) -> bool:
        servable = None
        logs.info("loading", version=version.number)
        try:
            servable = self.load(Path(version.fingerprint[0]))
            records = servable.warm_up()
        except Exception as error:  # a broken folder may raise anything in the loader
            if servable is not None:
                servable.close()
            with self._lock:
                version.state, version.error = ModelVersionStatus.END, statuses.of(error)
            # Of the model's files, not of a request.
            why = printable(version.error.message)
            logs.error("load_failed", version=version.number, code=version.error.code.name, why=why)
            return False
        with self._lock:
            version.state, version.servable = ModelVersionStatus.AVAILABLE, servable
        logs.info("loaded", version=version.number, warmup_records=records)
        self.changed()
        self.looked.set()
        return True

    def _unload(self, number: int) -> None:
        with self._lock:
            version = self._versions[number]
            version.state = ModelVersionStatus.UNLOADING
            self._lock.wait_for(lambda: version.users == 0)
            version.state, servable, version.servable = ModelVersionStatus.END, version.servable, None
        servable.close()  # type: ignore[union-attr]
        logs.info("unloaded", version=number)
        self.changed()


class _Attempt(threading.Thread):
    """A call on a thread of its own; `ready` is its result, False until it ends."""

    def __init__(self, call: Callable[..., bool], *arguments: Any) -> None:
        super().__init__(name="loader", daemon=True)
        self.call, self.arguments, self.ready = call, arguments, False
        self.start()

    def run(self) -> None:
        self.ready = self.call(*self.arguments)


def _fingerprint(path: Path) -> tuple[Any, ...]:
    files = []
    with contextlib.suppress(OSError):  # a file may vanish between the two calls
        for file in sorted(path.rglob("*")):
            stat = file.stat()
            files.append((str(file.relative_to(path)), stat.st_size, stat.st_mtime_ns))
    return tuple(files)


def _status(version: ServedVersion) -> ModelVersionStatus:
    result = ModelVersionStatus(version=version.number, state=version.state)
    if version.error is not None:
        result.status.error_code = version.error.code.value[0]
        result.status.error_message = version.error.message
    else:
        result.status.error_code = 0
    return result
