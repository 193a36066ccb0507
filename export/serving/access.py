"""Access control: bearer tokens from a file, for REST and gRPC."""

from __future__ import annotations

import hmac
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc

from cman_tf.errors import InputError, failed
from export.serving import logs
from export.serving.status import ServingError

_REFUSAL = "A valid bearer token is required in the header Authorization"


def read_tokens(path: str | Path) -> list[str]:
    """The tokens of a file, one per line. Empty lines and lines that begin with `#` are skipped.

    Args:
        path: path. UTF-8.

    Returns:
        list of str, not empty.

    Raises:
        InputError: if the file cannot be read or contains no token.
    """
    try:
        found = _tokens(path)
    except (OSError, UnicodeDecodeError) as error:
        raise failed("read", path, error) from None
    if not found:
        raise InputError(f"{path} contains no token.")
    return found


def _tokens(path: str | Path) -> list[str]:
    lines = (line.strip() for line in Path(path).read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


class Tokens:
    """The tokens of a file that is read again when it changes, see `read_tokens`.

    If the file can no longer be read, the tokens that were read last stay valid. If it is emptied, none is valid.

    Args:
        path: path. UTF-8, one token per line.

    Raises:
        InputError: if the file cannot be read or contains no token.
    """

    def __init__(self, path: str | Path) -> None:
        read_tokens(path)
        self._path = Path(path)
        self._lock = threading.Lock()
        self._read()

    def _read(self) -> None:
        seen = os.stat(self._path)
        self._tokens = [token.encode() for token in _tokens(self._path)]
        self._seen = seen.st_mtime_ns, seen.st_size, seen.st_ino

    def _refresh(self) -> None:
        try:
            seen = os.stat(self._path)
            if (seen.st_mtime_ns, seen.st_size, seen.st_ino) == self._seen:
                return
            self._read()
            logs.info("tokens", count=len(self._tokens))
        except (OSError, UnicodeDecodeError) as error:
            logs.error("tokens", kind=type(error).__name__)

    def check(self, header: str | bytes | None) -> None:
        """Raise `ServingError` UNAUTHENTICATED unless a header `Authorization` has one of the tokens."""
        with self._lock:
            self._refresh()
            tokens = self._tokens
        given = header.encode("utf-8", "replace") if isinstance(header, str) else header or b""
        kind, _, token = given.partition(b" ")
        # Each is compared, so that the time does not show which one is close.
        if kind.lower() != b"bearer" or not sum(hmac.compare_digest(token.strip(), one) for one in tokens):
            raise ServingError(grpc.StatusCode.UNAUTHENTICATED, _REFUSAL)


class TokenInterceptor(grpc.ServerInterceptor):
    """Ends gRPC calls without a token with UNAUTHENTICATED, except those of the health service.

    Args:
        tokens: `Tokens`.
    """

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def intercept_service(self, continuation: Callable[[Any], Any], call: Any) -> Any:
        """The handler of a call, or one that refuses it."""
        if not call.method.startswith("/grpc.health."):
            try:
                self._tokens.check(dict(call.invocation_metadata).get("authorization"))
            except ServingError:
                logs.info("request", entrypoint="GRPC", status="UNAUTHENTICATED")
                return grpc.unary_unary_rpc_method_handler(
                    lambda request, context: context.abort(grpc.StatusCode.UNAUTHENTICATED, _REFUSAL)
                )
        return continuation(call)
