"""What an encoder says about itself."""

from __future__ import annotations

import dataclasses
import json

from cman_tf.errors import InputError

FILE = "encoder.json"
_CASINGS = ("cased", "uncased")


@dataclasses.dataclass(frozen=True)
class Card:
    """The content of an encoder's asset `encoder.json`.

    Args:
        name: str.
        kind: str. `"bert"`, `"mpnet"`, `"flair"` or `"elmo"`, or another's own word.
        layers: int, 1 or more.
        width: int, 1 or more. Of one layer's vectors.
        casing: `"cased"` or `"uncased"`: whether upper case can be told from lower case.
        licence: str. Of the weights; `"unknown"` if nobody said.
        fingerprint: str. SHA-256 of weights and vocabulary, in hexadecimal: what identifies stored vectors.

    Raises:
        InputError: a field is of another kind.
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
                raise InputError(f"`{name}` of an encoder's card must be a text. Received: {value!r}")
        for name in ("layers", "width"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise InputError(f"`{name}` of an encoder's card must be a whole number from 1. Received: {value!r}")
        if self.casing not in _CASINGS:
            raise InputError(f"`casing` of an encoder's card must be cased or uncased. Received: {self.casing!r}")

    def dump(self) -> str:
        """The content of the file."""
        return json.dumps(dataclasses.asdict(self), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def parse(cls, text: str) -> Card:
        """A card from the content of its file.

        Raises:
            InputError: no JSON object, a missing field, or one of another kind. Unknown fields are ignored.
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
            raise InputError(f"An encoder's card must hold {', '.join(names)}. Received: none of {', '.join(missing)}")
        return cls(**{name: values[name] for name in names})
