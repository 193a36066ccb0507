"""The stack: Keras 2 on every TensorFlow, a quiet import, clients without TensorFlow."""

import importlib
import os
import subprocess
import sys
from importlib import metadata

import pytest

from cman_tf import stack

NEWER = tuple(map(int, metadata.version("tensorflow").split(".")[:2])) > (2, 15)


def run(code, **environment):
    clean = {
        name: value for name, value in os.environ.items() if name not in ("TF_USE_LEGACY_KERAS", "TF_CPP_MIN_LOG_LEVEL")
    }
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**clean, **environment})
    return done.returncode, done.stdout, done.stderr


def test_tensorflow_is_looked_up_without_an_import_then_has_keras_2_and_nothing_reaches_the_terminal():
    code = (
        "import cman_tf, importlib.util, sys\n"
        "for _ in range(2): assert importlib.util.find_spec('tensorflow').submodule_search_locations\n"
        "assert 'tensorflow' not in sys.modules\nimport tensorflow as tf\nassert tf.__spec__.loader is tf.__loader__\n"
        "import cman_tf.layers.crf\n"  # with it the banner of tensorflow-addons
        "print(hasattr(tf.keras.optimizers.legacy, 'Adam'), tf.constant(1).numpy())"
    )
    assert run(code) == (0, "True 1\n", "")


REFUSED = (
    "TensorFlow was imported before cman_tf, with Keras 3. Import cman_tf first, or set the environment variable "
    "TF_USE_LEGACY_KERAS=1."
)


@pytest.mark.skipif(not NEWER, reason="TensorFlow 2.15 has Keras 2 alone")
def test_tensorflow_with_keras_3_is_refused(monkeypatch):
    importlib.import_module("tensorflow")
    monkeypatch.delenv("TF_USE_LEGACY_KERAS")
    with pytest.raises(ImportError) as caught:
        stack.prepare()
    assert str(caught.value) == REFUSED


@pytest.mark.slow
@pytest.mark.skipif(not NEWER, reason="TensorFlow 2.15 has Keras 2 alone")
def test_tensorflow_with_keras_3_is_refused_in_one_sentence():
    code, out, err = run("import tensorflow\nimport cman_tf")
    assert (code, out) == (1, "")
    assert err.splitlines()[-1] == f"ImportError: {REFUSED}"


@pytest.mark.slow
@pytest.mark.skipif(not NEWER, reason="TensorFlow 2.15 has Keras 2 alone")
def test_tensorflow_may_be_imported_first_with_keras_2():
    assert run("import tensorflow\nimport cman_tf", TF_USE_LEGACY_KERAS="1")[0] == 0


def test_clients_import_no_tensorflow():
    code = (
        "import sys, cman_tf\nimport export.client\nimport export.serving.remote\n"
        "print([name for name in sys.modules if name in ('tensorflow', 'tensorflow.python', 'keras', 'tf_keras')])"
    )
    assert run(code) == (0, "[]\n", "")


def test_tensors_of_clients_are_those_of_tensorflow():
    import numpy as np
    import tensorflow as tf

    from export.serving import protos

    for value in ([[1.5, 2.0]], [b"x", b""], [[True], [False]], [3, -4], np.zeros([0, 2], np.float32)):
        np.testing.assert_array_equal(protos.array(tf.make_tensor_proto(value)), np.array(value))
    np.testing.assert_array_equal(protos.array(tf.make_tensor_proto(3, shape=[2, 2])), [[3, 3], [3, 3]])
    assert tf.make_ndarray(protos.strings(["", "a", "é"], rows=1)).tolist() == [[b"", b"a", "é".encode()]]
    with pytest.raises(ValueError, match="DT_COMPLEX64"):
        protos.array(tf.make_tensor_proto(1j, tf.complex64))


@pytest.mark.parametrize(
    "module",
    [
        "export.operations",
        pytest.param("tuning.hypermodel", marks=pytest.mark.slow),
        pytest.param("benchmarks.workload", marks=pytest.mark.slow),
    ],
)
def test_a_module_that_imports_tensorflow_can_be_imported_first(module):
    assert run(f"import {module}")[0] == 0
