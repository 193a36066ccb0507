"""The TensorFlow and Keras that the package runs on, and the private names that it needs of them.

Two stacks are supported, and `setup.py` chooses between them by Python and machine: TensorFlow 2.15 with
tensorflow-addons, and the newest TensorFlow with `tf-keras`. The code is written for Keras 2, which is part of the
first and the package `tf-keras` in the second.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata
from types import ModuleType
from typing import Any

OLDEST, NEWEST = (3, 9), (3, 13)
LEGACY_KERAS = "TF_USE_LEGACY_KERAS"


def prepare() -> None:
    """Check Python's version and choose Keras 2, before TensorFlow is imported. Called by `import cman_tf`.

    Raises:
        ImportError: if this Python is not supported, or TensorFlow was imported earlier with Keras 3.
    """
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        raise ImportError(
            f"cman_tf needs Python {'.'.join(map(str, OLDEST))} to {'.'.join(map(str, NEWEST))}. Received: Python "
            + ".".join(map(str, sys.version_info[:3]))
        )
    try:
        newer = tuple(map(int, metadata.version("tensorflow").split(".")[:2])) > (2, 15)
    except metadata.PackageNotFoundError:  # a client may do without
        newer = False
    chosen = os.environ.get(LEGACY_KERAS, "").lower() in ("1", "true")
    if newer and not chosen and "tensorflow" in sys.modules:
        raise ImportError(
            "TensorFlow was imported before cman_tf, with Keras 3. Import cman_tf first, or set the environment "
            f"variable {LEGACY_KERAS}=1."
        )
    if newer:
        os.environ[LEGACY_KERAS] = "1"
    # TensorFlow's start-up messages would bury our own output; -v or TF_CPP_MIN_LOG_LEVEL=0 shows them.
    if "TF_CPP_MIN_LOG_LEVEL" not in os.environ:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
    sys.meta_path.insert(0, _QuietImport())


class _QuietImport(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Hides what newer TensorFlows write to standard error while they are imported, whatever the log level is."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != "tensorflow":
            return None
        sys.meta_path.remove(self)
        try:
            spec = importlib.util.find_spec(name)
        finally:
            sys.meta_path.insert(0, self)
        if spec is None or spec.loader is None or os.environ.get("TF_CPP_MIN_LOG_LEVEL") != "3":
            return spec
        self._loader = spec.loader
        spec.loader = self
        return spec

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        sys.meta_path.remove(self)
        assert module.__spec__
        module.__spec__.loader = module.__loader__ = self._loader
        with _without_stderr():
            self._loader.exec_module(module)


@contextlib.contextmanager
def _without_stderr() -> Iterator[None]:
    """Discard what is written to file descriptor 2, which is where C++ code writes."""
    try:
        kept = os.dup(2)
    except OSError:  # standard error is closed
        yield
        return
    try:
        with open(os.devnull, "wb") as null:
            os.dup2(null.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def keras(module: str = "") -> ModuleType:
    """The package that `tf.keras` is part of, `keras` or `tf_keras`; or a module of it, e.g. `"src.saving"`."""
    import tensorflow as tf

    package = tf.keras.layers.Layer.__module__.split(".")[0]
    return importlib.import_module(f"{package}.{module}" if module else package)


def save_weights_to_hdf5_group(group: Any, model: Any) -> None:
    """Write a model's weights into an open HDF5 file.

    Keras's public function takes the name of a file alone, and HDF5 does not survive a disk that fills while it writes.
    """
    keras("src.saving.legacy.hdf5_format").save_weights_to_hdf5_group(group, model)


def load_saved_model(path: str) -> Any:
    """`tf.saved_model.load`; tensorflow-text is imported only for a graph that needs its operations.

    Raises:
        ImportError: if the graph needs tensorflow-text and it is not installed.
        OSError, ValueError, RuntimeError, tf.errors.OpError: if the SavedModel cannot be loaded.
    """
    import tensorflow as tf

    return with_tensorflow_text(lambda: tf.saved_model.load(path))


def with_tensorflow_text(load: Callable[[], Any]) -> Any:
    """Return `load()`; if it lacks an operation, import tensorflow-text, which may have it, and load again.

    Raises:
        ImportError: if tensorflow-text may be needed and is not installed.
    """
    try:
        return load()
    except Exception as error:
        # TensorFlow's versions and ways of loading raise errors of different classes for this.
        if "not registered" not in str(error):
            raise
    import_tensorflow_text()
    return load()


def import_tensorflow_text() -> ModuleType:
    """The module `tensorflow_text`.

    Raises:
        ImportError: if it is not installed.
    """
    try:
        import tensorflow_text
    except ModuleNotFoundError:
        raise ImportError(
            "Encoders with word pieces need tensorflow-text, which is not installed: it has no wheel for this machine."
        ) from None
    return tensorflow_text


def with_default_fields() -> dict[str, bool]:
    """The option of `json_format.MessageToJson` that writes fields with default values; protobuf 5 renamed it."""
    newer = int(metadata.version("protobuf").split(".")[0]) >= 5
    return {"always_print_fields_with_no_presence" if newer else "including_default_value_fields": True}


def gradient_registry() -> dict[str, Any]:
    """TensorFlow's table of gradients. It keeps every `tf.custom_gradient` of a graph, and with it the graph."""
    from tensorflow.python.framework import ops

    return ops.gradient_registry._registry
