"""Functions that are traced once and called by all layers of the same sizes.

Tracing and optimising graphs takes most of the time to the first answer and to the first training step. The units of a
network differ only in their weights, so the weights are arguments of one function.
"""

from __future__ import annotations

import atexit
import functools
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf


def by_sizes(make: Callable[..., Callable]) -> Callable[..., Callable]:
    """Decorator of a function that takes sizes and returns a `traced` function: each is made once in a process."""
    cached = functools.cache(make)
    # At the end of the process, a graph that outlives TensorFlow's modules causes a traceback.
    atexit.register(cached.cache_clear)
    return cached


def traced(function: Callable, signature: Sequence[tf.TensorSpec]) -> Any:
    """A `tf.function` that stays a function in the graphs that call it, which thus contain its body once.

    Args:
        function: callable that takes and returns tensors. It must not use variables.
        signature: sequence of `tf.TensorSpec`, of its arguments.
    """
    return tf.function(
        function, input_signature=signature, experimental_attributes={"_noinline": True}, autograph=False
    )
