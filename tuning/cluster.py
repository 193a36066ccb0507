"""A search on several machines: Keras Tuner's chief and workers, found by their environment variables.

Chief and workers share a folder. A worker touches a file there every few seconds; where it stops, the chief gives its
trial to another one.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc

from cman_tf.errors import InputError

VARIABLES = ("KERASTUNER_TUNER_ID", "KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT")

# Seconds between two signs of life, and after how many without one a worker counts as lost.
BEAT, LOST = 2.0, 60.0


def role() -> str:
    """`"alone"`, `"chief"` or `"worker"`, by the environment.

    Raises:
        InputError: some of Keras Tuner's variables are set, others are not, or the port is no number.
    """
    given = [name for name in VARIABLES if os.environ.get(name)]
    if not given:
        return "alone"
    if len(given) < len(VARIABLES):
        missing = [name for name in VARIABLES if name not in given]
        raise InputError(
            f"A search on several machines needs {', '.join(VARIABLES)}. Received: none for {', '.join(missing)}"
        )
    port = os.environ["KERASTUNER_ORACLE_PORT"]
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise InputError(f"KERASTUNER_ORACLE_PORT must be a whole number from 1 to 65535. Received: {port}")
    return "chief" if "chief" in os.environ["KERASTUNER_TUNER_ID"] else "worker"


def _address() -> tuple[str, int]:
    return os.environ["KERASTUNER_ORACLE_IP"], int(os.environ["KERASTUNER_ORACLE_PORT"])


def check_port() -> None:
    """Raise `InputError` unless the chief can listen where it should."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(_address())
        except OSError as error:
            host, port = _address()
            raise InputError(
                f"The chief's port must be free. Received: {host}:{port} ({error.strerror or error})"
            ) from None


def wait_for_chief(seconds: float, tell: Callable[[str], object] = print) -> None:
    """Return once the chief answers.

    Args:
        seconds: float, how long to wait at most.
        tell: callable, str -> None.

    Raises:
        InputError: it does not answer in time.
    """
    host, port = _address()
    tell(f"waiting for the chief at {host}:{port}, at most {seconds:g} s")
    with grpc.insecure_channel(f"{host}:{port}") as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=seconds)
        except grpc.FutureTimeoutError:
            raise InputError(
                f"A worker needs a chief, a search with a KERASTUNER_TUNER_ID of `chief`. Received: no answer from "
                f"{host}:{port} within {seconds:g} s"
            ) from None


@contextlib.contextmanager
def alive(folder: str | Path) -> Iterator[None]:
    """Show that this worker lives, while the block runs."""
    file = _sign(folder, os.environ["KERASTUNER_TUNER_ID"])
    file.parent.mkdir(parents=True, exist_ok=True)
    with _every(BEAT, file.touch):
        yield


@contextlib.contextmanager
def watching(
    folder: str | Path, oracle: Any, tell: Callable[[str], object] = print, lost: float = LOST
) -> Iterator[None]:
    """Give back the trials of workers that show no life, while the block runs.

    Args:
        folder: path. Of the search.
        oracle: an oracle of `make_oracle`.
        tell: callable, str -> None.
        lost: float. Seconds without a sign.
    """

    def look() -> None:
        for worker in list(oracle.tuner_ids):
            try:
                silent = time.time() - _sign(folder, worker).stat().st_mtime
            except FileNotFoundError:
                silent = 0.0
            if silent > lost:
                trial = oracle.give_back(worker)
                again = f"; trial {trial} is done again by another" if trial else ""
                tell(f"worker {worker} is lost: no sign for {silent:.0f} s{again}")

    with _every(BEAT, look):
        yield


def _sign(folder: str | Path, worker: str) -> Path:
    return Path(folder) / "workers" / worker


@contextlib.contextmanager
def _every(seconds: float, action: Callable[[], object]) -> Iterator[None]:
    over = threading.Event()

    def loop() -> None:
        action()
        while not over.wait(seconds):
            action()

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
