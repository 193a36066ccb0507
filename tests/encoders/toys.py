"""Toy encoders: a table of hashed tokens, multiplied once more for each layer."""

import numpy as np
import tensorflow as tf

from cman_tf.encoders.card import Card
from cman_tf.encoders.module import save

LAYERS, WIDTH = 3, 4


class Toy(tf.Module):
    """A vector for each hashed token, multiplied once more for each layer."""

    def __init__(self, seed, width=WIDTH):
        super().__init__()
        random = np.random.default_rng(seed)
        self.table = tf.Variable(random.normal(size=[40, width]).astype(np.float32), name="layer_0/table")
        self.kernels = [
            tf.Variable(random.normal(size=[width, width]).astype(np.float32) / 2, name=f"layer_{number}/kernel")
            for number in range(1, LAYERS)
        ]

    def __call__(self, tokens, training):
        states = [tf.gather(self.table, tf.strings.to_hash_bucket_fast(tokens, 40))]
        for kernel in self.kernels:
            states.append(tf.tanh(tf.matmul(states[-1], kernel)))
        vectors = tf.stack(states, axis=2)
        return vectors * tf.cast(tokens != "", tf.float32)[:, :, None, None]


class DroppingToy(Toy):
    """The same with dropout, as real encoders have."""

    def __init__(self, seed, width=WIDTH):
        super().__init__(seed, width)
        self.generator = tf.random.Generator.from_seed(0)

    def __call__(self, tokens, training):
        vectors = super().__call__(tokens, training)
        if not training:
            return vectors
        return tf.nn.experimental.general_dropout(vectors, 0.3, uniform_sampler=self.generator.uniform)


def write(folder, name, seed, width=WIDTH, kind=Toy):
    save(kind(seed, width), Card(name, "toy", LAYERS, width, "cased", "CC0", f"{seed:064d}"), folder / name)
    return str(folder / name)
