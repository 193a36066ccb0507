"""The card of an encoder: its name, shape, licence and fingerprint."""

from __future__ import annotations

import dataclasses
import json

from cman_tf.errors import InputError

# Kinds that `conversion.convert` converts; here, for this module imports no TensorFlow.
KINDS = ("bert", "mpnet", "flair")

FILE = "encoder.json"
_CASINGS = ("cased", "uncased")


@dataclasses.dataclass(frozen=True)
class Card:
    """Content of an encoder's asset `encoder.json`.

    Args:
        name: str.
        kind: str. `"bert"`, `"mpnet"`, `"flair"`, `"elmo"`, or any other word for your own encoder.
        layers: int, 1 or more.
        width: int, 1 or more. Of one layer's vectors.
        casing: `"cased"` or `"uncased"`: whether upper and lower case differ.
        licence: str. Of the weights; `"unknown"` if not stated.
        fingerprint: str. SHA-256 of weights and vocabulary, in hexadecimal. Identifies stored vectors.

    Raises:
        InputError: if a field has an invalid value.
    """

    name: str
    kind: str
    layers: int
    width: int
    casing: str
    licence: str
    fingerprint: str

    def __post_init__(self) -> None:
        for name in ("name", "kind", "licence", "fingerprint"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value.strip():
                raise InputError(f"`{name}` of an encoder's card must be a non-empty string. Received: {value!r}")
        for name in ("layers", "width"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise InputError(f"`{name}` of an encoder's card must be a positive whole number. Received: {value!r}")
        if self.casing not in _CASINGS:
            raise InputError(f"`casing` of an encoder's card must be cased or uncased. Received: {self.casing!r}")

    def dump(self) -> str:
        """The card as JSON text."""
        return json.dumps(dataclasses.asdict(self), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def parse(cls, text: str) -> Card:
        """Read a card from JSON text. Unknown fields are ignored.

        Raises:
            InputError: if the text is not a JSON object, or a field is missing or invalid.
        """
        try:
            values = json.loads(text)
        except ValueError as error:
            raise InputError(f"An encoder's card must be JSON. Received: {error}") from None
        if not isinstance(values, dict):
            raise InputError(f"An encoder's card must be a JSON object. Received: {type(values).__name__}")
        names = [field.name for field in dataclasses.fields(cls)]
        missing = [name for name in names if name not in values]
        if missing:
            raise InputError(f"An encoder's card must contain {', '.join(names)}. Missing: {', '.join(missing)}")
        return cls(**{name: values[name] for name in names})
