"""What a stock server could not run is found and refused."""

import pytest
import tensorflow as tf

from cman_tf.errors import InputError
from export.operations import beyond_core, operations


def saved(path, function):
    module = tf.Module()
    module.f = tf.function(function, input_signature=[tf.TensorSpec([None], tf.string)])
    tf.saved_model.save(module, str(path), signatures=module.f.get_concrete_function())
    return operations(path)


def test_operations_inside_functions_and_branches_are_seen(tmp_path):
    inner = tf.function(lambda x: tf.cond(tf.size(x) > 1, lambda: tf.strings.upper(x), lambda: x))
    names = saved(tmp_path, lambda x: {"y": inner(x)})
    assert "StringUpper" in names
    assert not any(name.startswith("__") for name in names)
    assert beyond_core(names) == []


@pytest.mark.parametrize("call", [tf.numpy_function, tf.py_function])
def test_python_inside_a_branch_is_refused(tmp_path, call):
    inner = tf.function(lambda x: tf.cond(tf.size(x) > 1, lambda: call(lambda y: y, [x], tf.string), lambda: x))
    names = saved(tmp_path, lambda x: {"y": inner(x)})
    with pytest.raises(InputError, match="PyFunc"):
        beyond_core(names)


def test_an_operation_that_nobody_registers_is_refused():
    with pytest.raises(InputError, match="Received: MyOwnOp$"):
        beyond_core(["AddV2", "MyOwnOp", "TFText>RoundRobinTrim"])


def test_tensorflow_text_is_named():
    assert beyond_core(["AddV2", "FastWordpieceTokenizeWithOffsets", "TFText>RoundRobinTrim"]) == [
        "FastWordpieceTokenizeWithOffsets",
        "TFText>RoundRobinTrim",
    ]
