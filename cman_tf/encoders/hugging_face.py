"""Reads a Hugging Face folder of BERT or MPNet and checks that its parts fit."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cman_tf.data.formats.reading import located, read_text
from cman_tf.data.formats.records import check_object, parse_json
from cman_tf.encoders.transformer import ACTIVATIONS
from cman_tf.encoders.weight_names import NAMES, canonical
from cman_tf.errors import InputError, check_choice

# A shorter window could not contain a long word.
_LEAST_POSITIONS = 16
_SPECIAL = {"bert": ("[CLS]", "[SEP]"), "mpnet": ("<s>", "</s>")}


class HuggingFaceFolder:
    """Content of a folder of BERT or MPNet.

    Args:
        kind: `"bert"` or `"mpnet"`.
        folder: str or path, with `config.json`, `vocab.txt`, `*.safetensors` and optionally `tokenizer_config.json`,
            whose defaults are those of uncased models of the kind.

    Attributes:
        vocabulary: list of str.
        unknown, begin, end: str. Word pieces of `vocabulary`.
        lower_case, strip_accents: bool.
        layers, heads, positions, first_position: int.
        activation: str.
        epsilon, dropout, attention_dropout: float.
        weights: dict of the names that `Transformer` uses to float32 arrays.
        licence: str, from `README.md`, or `"unknown"`.

    Raises:
        InputError: if a file is missing or damaged, the model is of another kind, or its parts do not fit each other.
    """

    def __init__(self, kind: str, folder: str | Path) -> None:
        folder = Path(os.path.expanduser(folder))
        if not folder.is_dir():
            raise InputError(f"There is no folder {folder}.")
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
            check_choice("`hidden_act`", self.activation, ACTIVATIONS)
            self.epsilon = _number(config, "layer_norm_eps", float, 1e-12)
            self.dropout = _number(config, "hidden_dropout_prob", float, 0.1)
            self.attention_dropout = _number(config, "attention_probs_dropout_prob", float, 0.1)
            # MPNet's positions start after the id of padding.
            self.first_position = _number(config, "pad_token_id", int, 1) + 1 if self.kind == "mpnet" else 0
            self._position_rows = _number(config, "max_position_embeddings")
            self.positions = self._position_rows - self.first_position
            if self.positions < _LEAST_POSITIONS:
                raise InputError(
                    f"An encoder must have at least {_LEAST_POSITIONS} positions. Received: {self.positions}"
                )

    def _read_tokenizer(self, path: Path) -> None:
        # A broken link, as in an incomplete copy of a cache, is an error, not a missing file.
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
                    raise InputError(f"The vocabulary must contain the tokenizer's special pieces. Missing: {piece}")
            lines: dict[str, int] = {}
            for line, piece in enumerate(self.vocabulary, 1):
                if lines.setdefault(piece, line) != line:
                    raise InputError(
                        f"The vocabulary must list each piece once. Received: {piece!r} in lines {lines[piece]} and "
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
    """Read a JSON file that contains an object.

    Raises:
        InputError: if the file is missing or does not contain a JSON object.
    """
    value = parse_json(read_text(path), path)
    with located(path):
        check_object(value, path.name)
    return value


def read_tensors(folder: str | Path) -> dict[str, np.ndarray]:
    """Read all float tensors of a folder's `*.safetensors`: dict of names to float32 arrays.

    Raises:
        InputError: if there is no such file, or one is damaged.
    """
    import safetensors
    from safetensors import numpy as arrays

    files = sorted(Path(folder).glob("*.safetensors"))
    if not files:
        raise InputError(f"The folder {folder} contains no *.safetensors.")
    tensors = {}
    for path in files:
        try:
            tensors.update(arrays.load_file(path))
        except (safetensors.SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
            # KeyError and TypeError: number formats that NumPy lacks, such as bfloat16.
            raise InputError(
                f"Weights must be complete and of a number format that NumPy supports. Received: {path} ({error})"
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
    """The licence in the front matter of a model page, between lines of three dashes."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "unknown"
    found = re.search(r"\A---\n(?:.*\n)*?licen[sc]e:[ \t]*(\S+)", text)
    return found.group(1) if found else "unknown"
