"""Search on several machines, with Keras Tuner's chief and workers.

Keras Tuner's protocol has no sign of life: a chief whose worker died would wait for its trial forever. So each worker
touches a file in the shared folder every few seconds, and when it stops, the chief gives its trial to another worker.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc

from cman_tf.errors import InputError

VARIABLES = ("KERASTUNER_TUNER_ID", "KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT")

# Seconds between two signs of life.
BEAT = 2.0


def role() -> str:
    """Role of this process by its environment variables: `"alone"`, `"chief"` or `"worker"`.

    Raises:
        InputError: if only some of Keras Tuner's variables are set, or the port is invalid.
    """
    missing = [name for name in VARIABLES if not os.environ.get(name)]
    if len(missing) == len(VARIABLES):
        return "alone"
    if missing:
        raise InputError(f"A search on several machines requires {', '.join(VARIABLES)}. Missing: {', '.join(missing)}")
    port = os.environ["KERASTUNER_ORACLE_PORT"]
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise InputError(f"KERASTUNER_ORACLE_PORT must be an integer from 1 to 65535. Received: {port}")
    return "chief" if "chief" in os.environ["KERASTUNER_TUNER_ID"] else "worker"


def _address() -> tuple[str, int]:
    return os.environ["KERASTUNER_ORACLE_IP"], int(os.environ["KERASTUNER_ORACLE_PORT"])


def check_port() -> None:
    """Raise `InputError` if the chief cannot listen on its port."""
    host, port = _address()
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise InputError(f"The chief cannot listen on {host}:{port}: {error.strerror or error}") from None


def wait_for_chief(seconds: float) -> None:
    """Return once the chief answers.

    Raises:
        InputError: if the chief does not answer within `seconds`.
    """
    host, port = _address()
    print(f"waiting for the chief at {host}:{port} for at most {seconds:g} s")
    with grpc.insecure_channel(f"{host}:{port}") as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=seconds)
        except grpc.FutureTimeoutError:
            raise InputError(
                f"No chief answered at {host}:{port} within {seconds:g} s. Start the same search with "
                "KERASTUNER_TUNER_ID=chief."
            ) from None


def show_life(folder: str | Path) -> None:
    """Show that this worker is alive, until the process ends; `folder` is that of the search."""
    file = _sign(folder, os.environ["KERASTUNER_TUNER_ID"])
    file.parent.mkdir(parents=True, exist_ok=True)
    _repeat(file.touch)


def watch(folder: str | Path, oracle: Any, lost: float) -> None:
    """Give the trials of lost workers to others, until the process ends.

    Args:
        folder: path. Folder of the search.
        oracle: oracle from `make_oracle`.
        lost: float. Seconds without a sign of life after which a worker is lost.
    """

    beats: dict[str, tuple[float, float]] = {}  # worker -> time of its file, and when this process saw it

    def look() -> None:
        now = time.monotonic()
        for worker in list(oracle.tuner_ids):
            try:
                beat = _sign(folder, worker).stat().st_mtime
            except FileNotFoundError:
                continue
            # Only whether the file changes: the clocks of two machines differ, and any clock may be set.
            if beat != beats.get(worker, (None,))[0]:
                beats[worker] = beat, now
            silent = now - beats[worker][1]
            if silent > lost:
                trial = oracle.give_back(worker)
                again = f"; trial {trial} goes to another worker" if trial else ""
                print(f"worker {worker} is lost: no sign of life for {silent:.0f} s{again}")

    _repeat(look)


def _sign(folder: str | Path, worker: str) -> Path:
    return Path(folder) / "workers" / worker


def _repeat(action: Callable[[], object]) -> None:
    def loop() -> None:
        while True:
            action()
            time.sleep(BEAT)

    threading.Thread(target=loop, daemon=True).start()
