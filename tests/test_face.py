"""What `import cman_tf` gives: few names, each with a docstring and an example that runs, and no TensorFlow."""

import doctest
import subprocess
import sys

import pytest

import cman_tf
from cman_tf.data import document, schema


def test_names():
    assert cman_tf.__all__ == ["Client", "Document", "Entity", "Relation", "Schema", "__version__", "load"]
    for name in cman_tf.__all__[:5] + ["load"]:
        assert ">>> " in getattr(cman_tf, name).__doc__, name


@pytest.mark.parametrize("module", [document, schema], ids=lambda module: module.__name__)
def test_examples_run(module):
    found = doctest.testmod(module)
    assert found.attempted >= 2
    assert found.failed == 0


def test_tensorflow_is_not_imported():
    code = "import sys, cman_tf\ncman_tf.Client()\nassert 'tensorflow' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
