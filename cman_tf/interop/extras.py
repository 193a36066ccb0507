"""Libraries that only some people need."""

from __future__ import annotations

import importlib
from typing import Any

from cman_tf.errors import InputError


def optional(library: str, extra: str) -> Any:
    """Import a library of an extra of this package.

    Args:
        library: str, e.g. `"pandas"`.
        extra: str. The extra of `setup.py` that brings it, e.g. `"frames"`.

    Returns:
        The module.

    Raises:
        InputError: it is not installed; the sentence says how to get it.
    """
    try:
        return importlib.import_module(library)
    except ModuleNotFoundError as error:
        raise InputError(
            f'This needs {library}: pip install -e ".[{extra}]" in the checkout. Received: an environment without '
            f"{error.name}"
        ) from None
