"""Checks a file of weights before it is read: run folders may come from strangers.

HDF5 can refer to other files: external storage takes any file of the machine for data, and links and virtual data sets
lead to other HDF5 files. What they read would become weights, and part of an export.
"""

from __future__ import annotations

from pathlib import Path

import h5py

from cman_tf.errors import InputError


def check_weights_file(path: str | Path, max_values: int) -> None:
    """Raise `InputError` if a file of weights refers to another file, or claims more values than the network has.

    Args:
        path: str or path.
        max_values: int. Number of values in the network's weights.

    Raises:
        OSError: if it is not an HDF5 file.
    """
    with h5py.File(path) as file:
        values = sum(_values(file, path))
    if values > max_values:
        raise InputError(
            f"The weights of a run must fit its configuration. Received: {path} ({values} values for {max_values})"
        )


def _values(file: h5py.File, path: str | Path) -> list[int]:
    """Number of values of each data set; follows no link, and reads no data."""
    sizes, seen, waiting = [], set(), [file["/"]]
    while waiting:
        group = waiting.pop()
        for name in group:
            # A hard link is the name of an object in this file; every other kind may lead elsewhere.
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise _refusal(path, "a link")
            item = group[name]
            key = h5py.h5o.get_info(item.id).addr
            if key in seen:
                continue
            seen.add(key)
            if isinstance(item, h5py.Group):
                waiting.append(item)
            elif isinstance(item, h5py.Dataset):
                if item.external or item.is_virtual:
                    raise _refusal(path, "external storage" if item.external else "a virtual data set")
                sizes.append(item.size or 0)
    return sizes


def _refusal(path: str | Path, received: str) -> InputError:
    return InputError(f"The weights of a run must be in its own file. Received: {path} with {received}")
