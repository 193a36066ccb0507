"""Reads the two character language models inside a published Flair tagger, without Flair or PyTorch.

The file is in PyTorch's old format: four pickles, then the numbers of each storage. Of the pickles only containers,
strings and numbers are made; every other class is an empty stand-in, so that no code of the file runs.
"""

from __future__ import annotations

import codecs
import json
import pickle
import struct
from collections import OrderedDict, defaultdict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from cman_tf.errors import InputError, reason

_STORAGES = {
    "FloatStorage": np.float32,
    "LongStorage": np.int64,
    "IntStorage": np.int32,
    "ByteStorage": np.uint8,
    "BoolStorage": np.bool_,
}
_BUILTINS = {kind.__name__: kind for kind in (set, list, dict, int, str, tuple, bytes)}


def write_language_models(tagger: str | Path, folder: str | Path) -> None:
    """Write `lm.npz` and `char2id.json`, which `FlairFolder` reads.

    Args:
        tagger: str or path. A tagger of Flair with stacked forward and backward embeddings.
        folder: str or path, which exists.

    Raises:
        InputError: if the file is not such a tagger.
    """
    try:
        with open(tagger, "rb") as file:
            model, arrays = _read(file)
        layers = _state(_state(model["embeddings"])["_modules"]["list_embedding_0"])["_modules"]
        characters = _state(_state(layers["lm"])["dictionary"])["item2idx"]
        tensors = {}
        for position, direction in enumerate(("forward", "backward")):
            prefix = f"embeddings.list_embedding_{position}.lm."
            for name, tensor in model["state_dict"].items():
                if name.startswith(prefix):
                    tensors[f"{direction}/{name[len(prefix) :]}"] = _array(tensor, arrays)
        alphabet = {key.decode() if isinstance(key, bytes) else key: value for key, value in characters.items()}
    except (pickle.UnpicklingError, EOFError, KeyError, TypeError, ValueError, AttributeError, struct.error) as error:
        raise InputError(f"The file must be a Flair tagger. Received: {tagger} ({reason(error)})") from None
    np.savez(Path(folder) / "lm.npz", **tensors)  # type: ignore[arg-type]
    (Path(folder) / "char2id.json").write_text(json.dumps(alphabet, ensure_ascii=False), encoding="utf-8")


class _StandIn:
    """Any class of the file: takes what pickle gives it, and does nothing."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        self.__dict__["state"] = state

    def __call__(self, *args: Any, **kwargs: Any) -> _StandIn:
        return _StandIn()

    def append(self, item: Any) -> None:
        pass

    def __setitem__(self, key: Any, value: Any) -> None:
        pass


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self.types: dict[str, Any] = {}

    def find_class(self, module: str, name: str) -> Any:
        known: dict[tuple[str, str], Any] = {
            ("collections", "OrderedDict"): OrderedDict,
            ("collections", "defaultdict"): defaultdict,
            ("_codecs", "encode"): codecs.encode,
            ("torch._utils", "_rebuild_tensor_v2"): lambda storage, offset, size, stride, *rest: (
                storage,
                offset,
                size,
                stride,
            ),
            ("torch._utils", "_rebuild_parameter"): lambda data, *rest: data,
        }
        if (module, name) in known:
            return known[module, name]
        if module == "torch" and name in _STORAGES:
            return name
        if module == "builtins" and name in _BUILTINS:
            return _BUILTINS[name]
        return type(name, (_StandIn,), {})

    def persistent_load(self, pid: Any) -> Any:
        if pid[0] == "module":
            return pid[1]
        _, kind, key, _, _, view = pid
        self.types.setdefault(key, _STORAGES[kind])
        return key, view[1] if view is not None else 0


def _read(file: BinaryIO) -> tuple[Any, dict[str, np.ndarray]]:
    """The tagger, and the numbers of its storages."""
    for _ in range(3):
        _Unpickler(file).load()  # magic number, version, machine
    unpickler = _Unpickler(file)
    model = unpickler.load()
    arrays = {}
    for key in _Unpickler(file).load():
        (count,) = struct.unpack("<q", file.read(8))
        kind = np.dtype(unpickler.types[key])
        arrays[key] = np.frombuffer(file.read(count * kind.itemsize), kind)
    return model, arrays


def _array(tensor: Any, arrays: dict[str, np.ndarray]) -> np.ndarray:
    (key, view), offset, size, stride = tensor
    numbers = arrays[key][view + offset :]
    if sum((length - 1) * step for length, step in zip(size, stride)) >= len(numbers):
        raise ValueError(f"a tensor of shape {tuple(size)} in {len(numbers)} numbers")
    steps = [step * numbers.itemsize for step in stride]
    return np.lib.stride_tricks.as_strided(numbers, size, steps).copy()


def _state(thing: Any) -> Any:
    return thing.__dict__.get("state") or thing.__dict__
