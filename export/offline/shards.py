"""The files of an output, which are there as a whole, in part, or not at all: their names say how many they are."""

from __future__ import annotations

import re
from collections.abc import Sequence

from apache_beam.io.filesystems import FileSystems

from cman_tf.errors import InputError

SUFFIX = ".jsonl"

_NUMBERED = re.compile(r"-(\d{5})-of-(\d{5})" + re.escape(SUFFIX))


def errors_prefix(prefix: str) -> str:
    """Where the bad lines go."""
    return f"{prefix}-errors"


def input_files(pattern: str) -> list[str]:
    """Paths of a glob pattern.

    Raises:
        InputError: there are none, or they cannot be listed.
    """
    paths = _match(pattern)
    if not paths:
        raise InputError(f"--input must match a file. Received: {pattern}")
    return paths


def make_way(prefix: str, inputs: Sequence[str], overwrite: bool) -> None:
    """See that an output can be written: before the long work.

    Args:
        prefix: str. Beginning of the files' paths.
        inputs: sequence of str. Paths that are read.
        overwrite: bool. Whether files of an earlier output are removed, all of them: there may be more than new ones.

    Raises:
        InputError: no name, an output that is there and must stay, or one among the inputs.
    """
    if not prefix or prefix.endswith("/"):
        raise InputError(f"--output must end with the beginning of a file's name. Received: {prefix!r}")
    found = [path for path in _match(f"{prefix}-*{SUFFIX}") if _belongs(path, prefix)]
    if set(found) & set(inputs):
        raise InputError(f"--output must not be what --input reads. Received: {prefix}")
    if found and not overwrite:
        raise InputError(f"An output must be new, or --overwrite given. Received: {_state(found)} of {prefix}")
    if found:
        FileSystems.delete(found)


def _belongs(path: str, prefix: str) -> bool:
    return any(
        path.startswith(start) and _NUMBERED.fullmatch(path[len(start) :]) for start in (prefix, errors_prefix(prefix))
    )


def _state(paths: Sequence[str]) -> str:
    expected = {(path[: match.start()], int(match[2])) for path in paths for match in [_NUMBERED.search(path)] if match}
    wanted = sum(count for _, count in expected)
    return f"{len(paths)} files" if len(paths) == wanted else f"{len(paths)} of {wanted} files"


def _match(pattern: str) -> list[str]:
    from apache_beam.io.filesystem import BeamIOError

    try:
        return [item.path for item in FileSystems.match([pattern])[0].metadata_list]
    except (BeamIOError, ValueError) as error:
        raise InputError(f"A path must be one that Apache Beam can list. Received: {pattern} ({error})") from None
