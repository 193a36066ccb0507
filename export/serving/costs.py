"""Estimates what a request costs before it runs: tokens, and for answers of token pairs their square."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

if TYPE_CHECKING:
    from tensorflow.core.protobuf import meta_graph_pb2

# A run of letters and digits is a token, any other character by itself; characters beyond ASCII count three bytes each,
# as those of scripts without blanks have. An estimate: the graph's tokenizer is not run for it.
_TOKEN = re.compile(rb"[A-Za-z0-9_]+|[\x80-\xff]{1,3}|[^\sA-Za-z0-9_\x80-\xff]")

STRING_BYTES = 16  # of a string in an answer: a tag, a type, a token
REQUEST = 20.0  # cost of a request itself, in tokens: what the server does for the shortest
PAIRS = 1 / 128  # cost of a pair of tokens in the network, in tokens
VALUES = 1 / 64  # cost of a value of the answer for a pair of tokens, in tokens: it is computed, copied and sent


def tokens(feeds: Mapping[str, np.ndarray]) -> int:
    """Tokens of the longest row, estimated for text, 1 or more."""
    return max([1, *map(_tokens, feeds.values())])


def _tokens(array: np.ndarray) -> int:
    if array.ndim > 1:
        return math.prod(array.shape[1:])
    if array.dtype != object:
        return 1
    return max((sum(1 for _ in _TOKEN.finditer(text)) for text in array), default=1)


class AnswerCosts:
    """What the answers of a signature cost, from its outputs' shapes: read once, because requests ask for it.

    Args:
        signature: `SignatureDef`.

    Attributes:
        pairs: float. Cost of a pair of tokens, in tokens: high for a signature that answers values of each pair, as
            `scores` does.
    """

    def __init__(self, signature: meta_graph_pb2.SignatureDef) -> None:
        values, self._bytes = 0, Counter[int]()
        for info in signature.outputs.values():
            if not info.dtype:  # an operation, as that of initialisation
                continue
            shape = [dim.size for dim in info.tensor_shape.dim[1:]]
            unknown, known = sum(size < 0 for size in shape), math.prod(size for size in shape if size >= 0)
            values += known if unknown > 1 else 0
            self._bytes[unknown] += known * (STRING_BYTES if info.dtype == tf.string else tf.as_dtype(info.dtype).size)
        self.pairs = PAIRS + values * VALUES

    def bytes(self, rows: int, longest: int) -> int:
        """Bytes of an answer: every unknown size but the first is the number of tokens of the longest row."""
        return rows * sum(factor * longest**unknown for unknown, factor in self._bytes.items())
