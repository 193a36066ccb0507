"""Detects that Keras needs only the shape of a layer's output."""

from __future__ import annotations

import tensorflow as tf


def shapes_only() -> bool:
    """Whether Keras calls a layer only for the shape of its output, while it builds a functional model.

    Keras discards the result of this call, so a layer whose graph takes long to build may return zeros of the right
    shape. Keras gives the graph of the call this name; if that changes, layers only lose time.
    """
    return tf.inside_function() and tf.compat.v1.get_default_graph().name.endswith("_scratch_graph")
