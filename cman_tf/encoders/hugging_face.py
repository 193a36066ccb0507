"""A Hugging Face folder of BERT or MPNet: its parts, checked against each other."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cman_tf.data.formats.reading import located, read_text
from cman_tf.encoders.weight_names import NAMES, canonical
from cman_tf.errors import InputError

# Below, a window would hardly hold a long word.
_LEAST_POSITIONS = 16
_SPECIAL = {"bert": ("[CLS]", "[SEP]"), "mpnet": ("<s>", "</s>")}


class HuggingFaceFolder:
    """What a folder of BERT or MPNet holds.

    Args:
        kind: `"bert"` or `"mpnet"`.
        folder: str or path, with `config.json`, `vocab.txt` and `*.safetensors`; what `tokenizer_config.json` does not
            say, or a folder without one, is as for uncased models of the kind.

    Attributes:
        vocabulary: list of str.
        unknown, begin, end: str. Word pieces of `vocabulary`.
        lower_case, strip_accents: bool.
        layers, heads, positions, first_position: int.
        activation: str.
        epsilon, dropout, attention_dropout: float.
        weights: dict of names as `Transformer` takes them to float32 arrays.
        licence: str, as `README.md` says, or `"unknown"`.

    Raises:
        InputError: a file is missing or broken, the model is of another kind, or its parts do not fit each other.
    """

    def __init__(self, kind: str, folder: str | Path) -> None:
        folder = Path(os.path.expanduser(folder))
        if not folder.is_dir():
            raise InputError(f"A Hugging Face folder must be there. Received: {folder}")
        self.kind = kind
        self._read_config(folder / "config.json")
        self._read_tokenizer(folder / "tokenizer_config.json")
        self._read_vocabulary(folder / "vocab.txt")
        self.weights = canonical(kind, self.layers, read_tensors(folder), folder)
        with located(folder):
            self._check_weights()
        self.licence = _licence(folder / "README.md")

    def _read_config(self, path: Path) -> None:
        config = read_json(path)
        with located(path):
            if config.get("model_type") != self.kind:
                raise InputError(
                    f"`model_type` must be {self.kind}; this project converts {' and '.join(NAMES)}. "
                    f"Received: {config.get('model_type')!r}"
                )
            places = config.get("position_embedding_type", "absolute")
            if places != "absolute":
                raise InputError(f"`position_embedding_type` must be absolute. Received: {places!r}")
            self.layers = _number(config, "num_hidden_layers")
            self.heads = _number(config, "num_attention_heads")
            self.hidden = _number(config, "hidden_size")
            if self.hidden % self.heads:
                raise InputError(
                    "`hidden_size` must be a multiple of `num_attention_heads`. "
                    f"Received: hidden_size={self.hidden}, num_attention_heads={self.heads}"
                )
            self.activation = config.get("hidden_act", "gelu")
            from cman_tf.encoders.transformer import ACTIVATIONS

            if self.activation not in ACTIVATIONS:
                raise InputError(f"`hidden_act` must be {', '.join(ACTIVATIONS)}. Received: {self.activation!r}")
            self.epsilon = _number(config, "layer_norm_eps", float, 1e-12)
            self.dropout = _number(config, "hidden_dropout_prob", float, 0.1)
            self.attention_dropout = _number(config, "attention_probs_dropout_prob", float, 0.1)
            # MPNet counts positions from behind its padding's.
            self.first_position = _number(config, "pad_token_id", int, 1) + 1 if self.kind == "mpnet" else 0
            self._position_rows = _number(config, "max_position_embeddings")
            self.positions = self._position_rows - self.first_position
            if self.positions < _LEAST_POSITIONS:
                raise InputError(f"An encoder must have {_LEAST_POSITIONS} positions. Received: {self.positions}")

    def _read_tokenizer(self, path: Path) -> None:
        # A link to nowhere, as an incomplete copy of a cache has, is no folder without the file.
        config = read_json(path) if os.path.lexists(path) else {}
        with located(path):
            self.lower_case = _switch(config, "do_lower_case", True)
            self.strip_accents = _switch(config, "strip_accents", self.lower_case)
            if not _switch(config, "tokenize_chinese_chars", True):
                raise InputError("`tokenize_chinese_chars` must be true. Received: false")
            begin, end = _SPECIAL[self.kind]
            self.unknown = _token(config, "unk_token", "[UNK]")
            self.begin, self.end = _token(config, "cls_token", begin), _token(config, "sep_token", end)

    def _read_vocabulary(self, path: Path) -> None:
        self.vocabulary = read_text(path).replace("\r\n", "\n").removesuffix("\n").split("\n")
        with located(path):
            for piece in (self.unknown, self.begin, self.end):
                if piece not in self.vocabulary:
                    raise InputError(f"The vocabulary must hold the tokenizer's special pieces. Received: no {piece}")
            lines: dict[str, int] = {}
            for line, piece in enumerate(self.vocabulary, 1):
                if lines.setdefault(piece, line) != line:
                    raise InputError(
                        f"The vocabulary must name each piece once. Received: {piece!r} in lines {lines[piece]} and "
                        f"{line}"
                    )

    def _check_weights(self) -> None:
        rows, width = self.weights["layer_0/word"].shape
        if rows != len(self.vocabulary):
            raise InputError(
                f"The vocabulary must fit the weights. Received: {len(self.vocabulary)} word pieces in vocab.txt, "
                f"{rows} word embeddings"
            )
        places = self.weights["layer_0/position"].shape[0]
        if places != self._position_rows:
            raise InputError(
                "`max_position_embeddings` must fit the weights. "
                f"Received: {self._position_rows} in config.json, {places} position embeddings"
            )
        relative = self.weights.get("layer_0/relative")
        if relative is not None and (relative.shape[1] != self.heads or relative.shape[0] < 8):
            raise InputError(f"MPNet's relative bias must be (bins, {self.heads}). Received: {relative.shape}")
        if width != self.hidden:
            raise InputError(f"`hidden_size` must fit the weights. Received: {self.hidden} in config.json, {width}")


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        InputError: the file is missing, or holds no JSON object.
    """
    text = read_text(path)
    try:
        value = json.loads(text)
    except ValueError as error:
        raise InputError(f"{path.name} must be JSON. Received: {error} in {path}") from None
    if not isinstance(value, dict):
        raise InputError(f"{path.name} must hold a JSON object. Received: {type(value).__name__} in {path}")
    return value


def read_tensors(folder: str | Path) -> dict[str, np.ndarray]:
    """All tensors of a folder's `*.safetensors`, dict of names to arrays.

    Raises:
        InputError: there is no such file, one is broken, or the package that reads them is not installed.
    """
    try:
        from safetensors import SafetensorError
        from safetensors.numpy import load_file
    except ImportError:
        raise InputError(
            'This needs safetensors: pip install -e ".[convert]" in the checkout. Received: an environment without '
            "safetensors"
        ) from None
    files = sorted(Path(folder).glob("*.safetensors"))
    if not files:
        raise InputError(f"A Hugging Face folder must hold *.safetensors. Received: none in {folder}")
    tensors = {}
    for path in files:
        try:
            tensors.update(load_file(path))
        except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
            # KeyError and TypeError: number formats that NumPy has not, such as bfloat16.
            raise InputError(
                f"Weights must be whole, and in a format that NumPy knows. Received: {path} ({error})"
            ) from None
    return {name: value.astype(np.float32) for name, value in tensors.items() if value.dtype.kind == "f"}


def _number(
    config: Mapping[str, Any], name: str, kind: type[int] | type[float] = int, default: float | None = None
) -> Any:
    value = config.get(name, default)
    numbers = (int, float) if kind is float else (int,)
    if isinstance(value, bool) or not isinstance(value, numbers) or value < 0 or (default is None and value < 1):
        raise InputError(f"`{name}` must be {'a number' if kind is float else 'a whole number'}. Received: {value!r}")
    return value


def _switch(config: Mapping[str, Any], name: str, default: bool) -> bool:
    value = config.get(name)
    if value is not None and not isinstance(value, bool):
        raise InputError(f"`{name}` must be true or false. Received: {value!r}")
    return default if value is None else value


def _token(config: Mapping[str, Any], name: str, default: str) -> str:
    value = config.get(name, default)
    value = value.get("content") if isinstance(value, dict) else value
    if not isinstance(value, str):
        raise InputError(f"`{name}` must be a word piece. Received: {value!r}")
    return value


def _licence(path: Path) -> str:
    """What the page says in its first block, between lines of three dashes."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "unknown"
    found = re.search(r"\A---\n(?:.*\n)*?licen[sc]e:[ \t]*(\S+)", text)
    return found.group(1) if found else "unknown"
