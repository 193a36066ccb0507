"""Where pretrained files lie, and how the network names what they give."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import platformdirs

ENCODERS_VARIABLE = "CMAN_TF_ENCODERS"


def find(name: str) -> str:
    """The address or path of an encoder or a vector file.

    Args:
        name: str. An address, a path, or a name in the folder that `CMAN_TF_ENCODERS` names (default: `encoders` in
            the current folder, then in the user's cache folder).

    Returns:
        str; `name` itself if nothing is found, for its reader to refuse.
    """
    if "://" in name:
        return name
    given = os.environ.get(ENCODERS_VARIABLE)
    places: list[str | Path] = [given] if given else ["encoders", platformdirs.user_cache_path("cman-tf") / "encoders"]
    for path in (Path(name), *(Path(place, name) for place in places)):
        if path.expanduser().exists():
            return str(path.expanduser())
    return name


def input_names(encoders: Iterable[object]) -> list[str]:
    """The network's input for each encoder: `contextual_1`, `contextual_2`, ..."""
    return [f"contextual_{number}" for number, _ in enumerate(encoders, 1)]
