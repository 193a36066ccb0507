"""CMAN-TF: joint entity and relation extraction with the Cross-Modal Attention Network, in Keras/TensorFlow."""

import logging
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from cman_tf.predictor import Predictor

if not (3, 9) <= sys.version_info[:2] <= (3, 11):
    sys.exit(
        "cman_tf needs Python 3.9 to 3.11 (tensorflow-addons ends with TensorFlow 2.15). Received: Python "
        + ".".join(map(str, sys.version_info[:3]))
    )

# TensorFlow's start-up lines would bury our own output; -v, or TF_CPP_MIN_LOG_LEVEL=0, brings them back.
if "TF_CPP_MIN_LOG_LEVEL" not in os.environ:
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    logging.getLogger("tensorflow").setLevel(logging.ERROR)

__version__ = "0.1.0"


def load(run: "str | Path") -> "Predictor":
    """The trained model of a run folder, ready to extract: `cman_tf.load("runs/sample")("Ana lives in Lima.")`.

    Args:
        run: str or path. A folder written by `python -m cman_tf.fit`.

    Returns:
        `cman_tf.predictor.Predictor`.

    Raises:
        cman_tf.errors.InputError: the folder is missing, incomplete or from an incompatible version.
    """
    from cman_tf.predictor import Predictor

    return Predictor.from_run(run)
