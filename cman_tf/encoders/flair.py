"""Reads a folder of Flair's character language models."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from cman_tf.encoders.hugging_face import read_json
from cman_tf.errors import InputError, reason

_TENSORS = {
    "embedding": "encoder.weight",
    "input": "rnn.weight_ih_l0",
    "recurrent": "rnn.weight_hh_l0",
    "bias": "rnn.bias_ih_l0",
    "second bias": "rnn.bias_hh_l0",
}


class FlairFolder:
    """Content of a folder of Flair's language models.

    Args:
        folder: str or path, with `char2id.json` (characters to ids; 0 is for all others) and `lm.npz` (PyTorch's
            tensors, `forward/encoder.weight`, `forward/rnn.weight_ih_l0` and so on, and the same for `backward`).

    Attributes:
        characters: dict of str to int.
        weights: dict of the names that `CharacterModels` uses to float32 arrays.
        width: int. Of both states together.

    Raises:
        InputError: if a file is missing or damaged, or the alphabet does not fit the weights.
    """

    def __init__(self, folder: str | Path) -> None:
        folder = Path(os.path.expanduser(folder))
        self.characters = read_json(folder / "char2id.json")
        tensors = _read(folder / "lm.npz")
        self.weights = {}
        for direction in ("forward", "backward"):
            self.weights.update(_direction(direction, tensors, self.characters, folder))
        self.width = sum(self.weights[f"layer_0/{name}/recurrent"].shape[0] for name in ("forward", "backward"))


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        # AttributeError and TypeError: a NumPy file that is not an archive.
        raise InputError(f"Flair's weights must be an .npz file. Received: {path} ({reason(error)})") from None


def _direction(
    direction: str, tensors: Mapping[str, np.ndarray], characters: Mapping[str, int], folder: Path
) -> dict[str, np.ndarray]:
    found = {}
    for name, source in _TENSORS.items():
        value = tensors.get(f"{direction}/{source}")
        if value is None or value.dtype.kind != "f" or value.ndim != (1 if "bias" in name else 2):
            what = "none" if value is None else f"{value.dtype} {value.shape}"
            raise InputError(f"lm.npz must contain {direction}/{source}. Received: {what} in {folder}")
        if not np.isfinite(value).all():
            raise InputError(f"The weights must be finite. Received: {direction}/{source} in {folder}")
        found[name] = value.astype(np.float32)
    if f"{direction}/rnn.weight_ih_l1" in tensors:
        raise InputError(f"Flair's models must have one LSTM layer. Received: more in {folder}")
    rows, size = found["embedding"].shape
    ids = list(characters.values())
    if any(type(id) is not int for id in ids) or sorted(ids) != list(range(rows)):
        raise InputError(
            f"The alphabet must fit the weights: char2id.json must use each id from 0 to {rows - 1} once. "
            f"Received: {len(ids)} characters in {folder}"
        )
    units = found["recurrent"].shape[1]
    shapes = {"input": (4 * units, size), "recurrent": (4 * units, units)}
    for name in ("input", "recurrent", "bias", "second bias"):
        expected = shapes.get(name, (4 * units,))
        if found[name].shape != expected:
            raise InputError(
                f"{direction}/{_TENSORS[name]} must be {expected}. Received: {found[name].shape} in {folder}"
            )
    return {
        f"layer_0/{direction}/embedding": found["embedding"],
        f"layer_0/{direction}/input": found["input"].T.copy(),
        f"layer_0/{direction}/recurrent": found["recurrent"].T.copy(),
        f"layer_0/{direction}/bias": found["bias"] + found["second bias"],
    }
