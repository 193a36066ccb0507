"""Downloads published encoders, resumes what was interrupted, and converts them."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import platformdirs
import requests

from cman_tf.data.download import MIRROR_VARIABLE
from cman_tf.encoders.published import PUBLISHED, Published, PublishedFile
from cman_tf.errors import InputError, check_choice, failed
from cman_tf.files import ENCODERS_VARIABLE

_BLOCK = 1 << 20

Progress = Callable[[str, int, int], object]
"""Called with a file's name, the bytes that are there, and the size of the file (0 if it is unknown)."""


def destination(name: str) -> Path:
    """Where a published encoder is put: a folder, or for word vectors a file, where its name is looked up."""
    given = os.environ.get(ENCODERS_VARIABLE)
    folder = Path(os.path.expanduser(given)) if given else platformdirs.user_cache_path("cman-tf") / "encoders"
    published = PUBLISHED[name]
    return folder / (published.files[0].name if published.kind == "vectors" else name)


def fetch(name: str, progress: Progress | None = None) -> tuple[Path, bool]:
    """Download a published encoder or word vectors, check them, and convert them.

    Args:
        name: str, a key of `PUBLISHED`.
        progress: `Progress` or None.

    Returns:
        `(path, new)`: the converted encoder's folder or the file of word vectors; bool, False if it was there already.
        `$CMAN_TF_MIRROR` replaces the scheme and host of the addresses.

    Raises:
        InputError: if a file cannot be downloaded or stored or has another SHA-256. What was downloaded is kept, and
            the next call resumes.
    """
    check_choice("A published encoder", name, PUBLISHED)
    published, out = PUBLISHED[name], destination(name)
    if out.exists():
        return out, False
    folder = platformdirs.user_cache_path("cman-tf") / "downloads" / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in published.files:
            _get(file, folder, progress)
        _finish(published, folder, out, name)
        shutil.rmtree(folder)
    except OSError as error:
        raise failed("write", error.filename or folder, error) from None
    return out, True


def _get(file: PublishedFile, folder: Path, progress: Progress | None) -> None:
    """Put a file into a folder, unless it is there with the right content."""
    path = folder / file.name
    if path.is_file() and _sha256(path) == file.sha256:
        return
    archive = folder / file.address.rsplit("/", 1)[-1]
    part = archive.with_name(f"{archive.name}.part")
    _download(file, part, progress)
    if file.member:
        _unpack(part, file, path)
    else:
        part.replace(path)
    received = _sha256(path)
    if received != file.sha256:
        for wrong in (path, part):
            wrong.unlink(missing_ok=True)
        raise InputError(f"{file.name} must have SHA-256 {file.sha256}. Received: {received} from {_address(file)}")
    part.unlink(missing_ok=True)


def _address(file: PublishedFile) -> str:
    mirror = os.environ.get(MIRROR_VARIABLE)
    return f"{mirror.rstrip('/')}{urlsplit(file.address).path}" if mirror else file.address


def _download(file: PublishedFile, part: Path, progress: Progress | None) -> None:
    """Append to `part` what it lacks."""
    address = _address(file)
    there = part.stat().st_size if part.exists() else 0
    try:
        with requests.get(
            address, stream=True, timeout=60, headers={"Range": f"bytes={there}-"} if there else {}
        ) as response:
            if there and response.status_code == 416:
                return  # it was complete
            response.raise_for_status()
            # A server may ignore the range and send the whole file.
            resumed = response.status_code == 206 and _begins_at(response, there)
            there = there if resumed else 0
            size = there + int(response.headers.get("Content-Length") or 0)
            with open(part, "ab" if resumed else "wb") as out:
                for block in response.iter_content(_BLOCK):
                    out.write(block)
                    there += len(block)
                    if progress:
                        progress(file.name, there, size)
    except requests.RequestException as error:
        status = getattr(error.response, "status_code", None)
        cause = f"HTTP status {status}" if status else type(error).__name__
        raise InputError(
            f"Cannot download {address}: {cause}. Run the command again to resume, or set {MIRROR_VARIABLE} to the "
            "address of a mirror."
        ) from None
    if size and there < size:
        raise InputError(f"The download of {address} was interrupted. Run the command again to resume.")


def _begins_at(response: requests.Response, position: int) -> bool:
    return bool(re.match(rf"bytes {position}-", response.headers.get("Content-Range", "")))


def _unpack(archive: Path, file: PublishedFile, path: Path) -> None:
    try:
        with zipfile.ZipFile(archive) as opened:
            names = [name for name in opened.namelist() if name.split("/")[-1] == file.member]
            if not names:
                raise InputError(f"{file.member} must be in the archive. Received: {_address(file)} without it")
            with opened.open(names[0]) as source, open(path, "wb") as target:
                shutil.copyfileobj(source, target, _BLOCK)
    except zipfile.BadZipFile as error:
        archive.unlink()
        raise InputError(f"A download must be a zip archive. Received: {_address(file)} ({error})") from None


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _finish(published: Published, folder: Path, out: Path, name: str) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    if published.kind == "vectors":
        shutil.move(folder / published.files[0].name, out)
        return
    # TensorFlow takes seconds to import.
    from cman_tf.encoders.conversion import convert

    if published.kind == "flair":
        from cman_tf.encoders.flair_tagger import write_language_models

        write_language_models(folder / published.files[0].name, folder)
    convert(published.kind, folder, out, name, published.licence)
