"""Keras Tuner on Keras 2. It takes what `import keras` gives when it is first imported, which may be Keras 3."""

from __future__ import annotations

import sys

from cman_tf import stack

_before = sys.modules.get("keras")
sys.modules["keras"] = stack.keras()
try:
    import keras_tuner
finally:
    if _before is None:
        del sys.modules["keras"]
    else:
        sys.modules["keras"] = _before

__all__ = ["keras_tuner"]
