"""Vectors of words from the states of a forward and a backward character language model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from cman_tf.layers.packing import Packing


class CharacterModels(tf.Module):
    """Contextual string embeddings of Flair.

    A forward LSTM reads `"\\n"` and the sentence, words joined by blanks, a backward one `"\\n"` and the sentence from
    its end. A word's vector is the forward state after its last character, then the backward state at its first; or,
    with `with_whitespace`, each of them one blank later, the default of Flair's library.

    The input's part of the gates depends only on the character and is computed once for the whole alphabet, so the
    time loop contains only the recurrent product. Sentences leave the loop when they end.

    Args:
        characters: dict of str to int, ids of single characters. Others have id 0.
        weights: dict of names to float32 arrays: for `forward` and `backward`, `layer_0/forward/embedding`
            `(characters, size)`, `.../input` `(size, 4 * units)`, `.../recurrent` `(units, 4 * units)`, `.../bias`
            `(4 * units,)`; gates in the order input, forget, candidate, output.
        with_whitespace: bool. Default False.

    Call arguments:
        tokens: string `(batch, tokens)`, padding `""`. Any Unicode; invalid UTF-8 counts as U+FFFD.
        training: bool. Has no effect: these models have no dropout.

    Shapes:
        `(batch, tokens)` -> `(batch, tokens, 1, 2 * units)`, 0 at padding.

    Reference:
        Akbik et al. (2018), Contextual String Embeddings for Sequence Labeling.
    """

    def __init__(
        self, characters: Mapping[str, int], weights: Mapping[str, np.ndarray], with_whitespace: bool = False
    ) -> None:
        super().__init__()
        self.with_whitespace = with_whitespace
        known = sorted((ord(character), id) for character, id in characters.items() if len(character) == 1)
        self._codes, self._ids = np.array(known, np.int32).T.copy()
        self._newline = characters.get("\n", 0)
        self.weights = {name: tf.Variable(value, name=name) for name, value in weights.items()}
        self.units = {name: self.weights[f"layer_0/{name}/recurrent"].shape[0] for name in ("forward", "backward")}

    def __call__(self, tokens: tf.Tensor, training: bool = False) -> tf.Tensor:
        there = tokens != ""
        words = tf.cast(tf.where(there), tf.int32)
        codes = tf.strings.unicode_decode(tf.boolean_mask(tokens, there), "UTF-8", errors="replace")
        sentence = words[:, 0]
        # Each word with the blank that is read after it, which comes before it for the backward model.
        blank = tf.fill([tf.size(sentence), 1], ord(" "))
        sizes = tf.cast(codes.row_lengths(), tf.int32) + 1
        lengths = tf.math.unsorted_segment_sum(sizes, sentence, tf.shape(tokens)[0])
        ends = tf.cumsum(sizes) - tf.gather(tf.cumsum(lengths, exclusive=True), sentence) - 1
        packing = Packing(lengths)
        back = 0 if self.with_whitespace else 1
        vectors = [
            self._states("forward", [codes, blank], packing, lengths, sentence, ends - back),
            self._states("backward", [blank, codes], packing, lengths, sentence, ends - sizes + 1 + back),
        ]
        vectors = tf.concat(vectors, axis=1)[:, None, :]
        return tf.scatter_nd(words, vectors, tf.concat([tf.shape(tokens), vectors.shape[1:]], axis=0))

    def _states(
        self,
        direction: str,
        parts: Sequence[tf.Tensor | tf.RaggedTensor],
        packing: Packing,
        lengths: tf.Tensor,
        sentence: tf.Tensor,
        places: tf.Tensor,
    ) -> tf.Tensor:
        """States `(words, units)` at `places` in their sentences."""
        codes = tf.concat(parts, axis=1).flat_values
        index = tf.minimum(tf.searchsorted(self._codes, codes), len(self._codes) - 1)
        ids = tf.where(tf.gather(self._codes, index) == codes, tf.gather(self._ids, index), 0)
        starts = tf.cumsum(lengths, exclusive=True)
        ids = tf.gather(ids, tf.gather(starts, packing.sequence) + packing.time)
        embedding, inputs, kernel, bias = (
            self.weights[f"layer_0/{direction}/{name}"] for name in ("embedding", "input", "recurrent", "bias")
        )
        gates = tf.matmul(embedding, inputs) + bias
        start = _step(gates[self._newline][None], tf.zeros([1, kernel.shape[0]]))
        states = _run(ids, gates, start, tf.convert_to_tensor(kernel), packing.active, reverse=direction == "backward")
        # `first` is a sequence's rank, which is its place within any time step.
        rows = tf.gather(packing.offsets, places) + tf.gather(packing.first, sentence)
        return tf.gather(states, rows)


def _step(gates: tf.Tensor, cell: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Next `(hidden, cell)`."""
    i, f, g, o = tf.split(gates, 4, axis=1)
    cell = tf.sigmoid(f) * cell + tf.sigmoid(i) * tf.tanh(g)
    return tf.sigmoid(o) * tf.tanh(cell), cell


def _run(
    ids: tf.Tensor,
    gates: tf.Tensor,
    start: tuple[tf.Tensor, tf.Tensor],
    kernel: tf.Tensor,
    active: tf.Tensor,
    reverse: bool,
) -> tf.Tensor:
    """Packed states `(elements, units)`. `gates` `(characters, 4 * units)`: the input's part; `start`: first states."""
    steps, units = tf.shape(active)[0], kernel.shape[0]
    ids = tf.TensorArray(tf.int32, steps, element_shape=[None], infer_shape=False).split(ids, active)
    states = tf.TensorArray(tf.float32, steps, element_shape=[None, units], infer_shape=False)

    def step(
        count: tf.Tensor, hidden: tf.Tensor, cell: tf.Tensor, states: tf.TensorArray
    ) -> tuple[tf.Tensor | tf.TensorArray, ...]:
        time = steps - 1 - count if reverse else count
        now = ids.read(time)
        # Sentences leave when they end; from right to left, they join there.
        rows = tf.shape(now)[0]
        if reverse:
            more = [tf.repeat(first, rows - tf.shape(hidden)[0], axis=0) for first in start]
            hidden, cell = (tf.concat(pair, axis=0) for pair in zip((hidden, cell), more))
        else:
            hidden, cell = hidden[:rows], cell[:rows]
        hidden, cell = _step(tf.gather(gates, now) + tf.matmul(hidden, kernel), cell)
        return count + 1, hidden, cell, states.write(time, hidden)

    most = 0 if reverse else tf.reduce_max(tf.concat([active, [0]], axis=0))
    hidden, cell = (tf.repeat(first, most, axis=0) for first in start)
    shape = tf.TensorShape([None, units])
    *_, states = tf.while_loop(
        lambda count, *_: count < steps,
        step,
        (0, hidden, cell, states),
        shape_invariants=(tf.TensorShape([]), shape, shape, tf.TensorShape(None)),
    )
    return states.concat()
