import tensorflow as tf

from cman_tf.layers.bilstm import BiLSTM
from cman_tf.layers.symbolic import shapes_only


class Witness(tf.keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.seen = []

    def call(self, inputs):
        self.seen.append(shapes_only())
        return inputs


def test_keras_asks_for_shapes_when_a_functional_model_is_put_together_and_never_after():
    witness = Witness()
    inputs = tf.keras.Input([None, 3])
    model = tf.keras.Model(inputs, witness(inputs))
    assert witness.seen == [True]
    # A model as a layer of another one.
    outer = tf.keras.Model(inputs, model(inputs))
    assert witness.seen == [True, True]
    outer(tf.zeros([1, 2, 3]))
    tf.function(outer)(tf.zeros([1, 2, 3]))
    outer.predict(tf.zeros([1, 2, 3]), verbose=0)
    assert witness.seen == [True, True, False, False, False]


def test_a_functional_model_computes_what_its_layer_does():
    layer, values = BiLSTM(4), tf.random.stateless_normal([2, 5, 3], [1, 2])
    inputs = tf.keras.Input([None, 3])
    model = tf.keras.Model(inputs, layer(inputs))
    assert model.output_shape == (None, None, 8)
    tf.debugging.assert_equal(model(values), layer(values))
    assert tf.reduce_max(tf.abs(model(values))) > 0
