"""Reads and writes a file of weights. It is checked before it is read: run folders may come from strangers.

HDF5 can refer to other files: external storage takes any file of the machine for data, and links and virtual data sets
lead to other HDF5 files. What they read would become weights, and part of an export.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py

from cman_tf.errors import InputError
from cman_tf.files import atomic_write
from cman_tf.stack import save_weights_to_hdf5_group

if TYPE_CHECKING:
    from cman_tf.model.network import Network


def load(path: Path, network: Network) -> None:
    """Load weights into a network, and into its encoders if they were trained.

    Raises:
        InputError: if the file does not fit the network, or refers to another file.
    """
    variables = _encoder_variables(network)
    try:
        sizes = (variable.shape.num_elements() for variable in (*network.model.weights, *variables))
        check_weights_file(path, sum(sizes))
        network.model.load_weights(path)
        if variables:
            with h5py.File(path) as file:
                for number, variable in enumerate(variables):
                    variable.assign(file[f"encoders/{number}"][()])
    except InputError:  # which is a ValueError
        raise
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"The weights of a run must fit its configuration. Received: {path} ({' '.join(str(error).split())})"
        ) from None


def save(path: Path, network: Network) -> None:
    """Write the weights of a network, and of its encoders if they are trained, whole or not at all.

    Raises:
        InputError: if the file cannot be written.
    """
    # In memory first: HDF5 crashes if the disk fills while it writes.
    data = io.BytesIO()
    with h5py.File(data, "w") as file:
        save_weights_to_hdf5_group(file, network.model)
        for number, variable in enumerate(_encoder_variables(network)):
            file[f"encoders/{number}"] = variable.numpy()
    with atomic_write(path, "wb") as file:
        file.write(data.getbuffer())


def _encoder_variables(network: Network) -> Sequence[Any]:
    """Those that training changes."""
    return network.encoders.trainable_variables if network.encoders and network.config.encoder.trainable else ()


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
