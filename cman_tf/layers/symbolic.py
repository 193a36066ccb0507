"""Whether a layer is only asked what it would give."""

from __future__ import annotations

import tensorflow as tf


def shapes_only() -> bool:
    """Whether Keras calls a layer to learn the shape of its output, while a functional model is put together.

    Keras throws away what the layer then computes, so one whose graph takes long to make may give zeros of the right
    shape. It calls within a graph of such a name; were that to change, the layer would do its work for nothing.
    """
    return tf.inside_function() and tf.compat.v1.get_default_graph().name.endswith("_scratch_graph")
