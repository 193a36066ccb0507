import numpy as np
import tensorflow as tf

from cman_tf.layers.attention import MultiHeadAttention
from cman_tf.layers.bilstm import BiLSTM


def test_layers_of_the_same_sizes_share_one_graph():
    recurrent = [BiLSTM(3) for _ in range(3)]
    attention = [MultiHeadAttention(2) for _ in range(2)]
    inputs = tf.constant(np.random.default_rng(0).normal(size=(2, 4, 6)).astype(np.float32))
    for layer in recurrent:
        layer(inputs)

    @tf.function(autograph=False)
    def network(inputs):
        for layer in recurrent:
            inputs = layer(inputs, training=False)
        for layer in attention:
            inputs = layer(inputs, inputs)
        return inputs

    graph = network.get_concrete_function(inputs).graph.as_graph_def()
    called = [node.attr["f"].func.name for node in graph.node if node.op.endswith("PartitionedCall")]
    assert len(called) == 5
    assert len(set(called)) == 2
    kept = {function.signature.name for function in graph.library.function if function.attr["_noinline"].b}
    assert kept >= set(called), "not inlined"
    names = [node.op for function in graph.library.function for node in function.node_def]
    assert names.count("BlockLSTMV2") == 2, "one of each direction"
