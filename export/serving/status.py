"""Errors of requests, with their status codes in gRPC and HTTP."""

from __future__ import annotations

import grpc

_BY_NUMBER = {code.value[0]: code for code in grpc.StatusCode}

# TensorFlow Serving's table; other codes are 500.
_HTTP = {
    grpc.StatusCode.OK: 200,
    grpc.StatusCode.CANCELLED: 499,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
}

_LONGEST = 600  # gRPC sends up to 12 bytes for a character, and clients accept 8 kB


class ServingError(Exception):
    """A request fails: it is answered with a status other than OK.

    Args:
        code: `grpc.StatusCode`.
        message: str. Sent to the client, its first 600 characters; never logged, as it may quote the client's text.
        http: int or None. HTTP status. Default: that of the code.
        reason: str. Why the server refuses a well-formed request, e.g. `"queue_full"`, for the counters. Default: none.
    """

    def __init__(self, code: grpc.StatusCode, message: str, http: int | None = None, reason: str = "") -> None:
        # What it quotes may be of any length, and gRPC loses a message that does not fit into its headers.
        message = message if len(message) <= _LONGEST else f"{message[:_LONGEST]} ..."
        super().__init__(message)
        self.code = code
        self.message = message
        self.http = http or _HTTP.get(code, 500)
        self.reason = reason


def invalid(message: str, reason: str = "") -> ServingError:
    """The `ServingError` of a malformed request, or of one beyond a limit, which `reason` names."""
    return ServingError(grpc.StatusCode.INVALID_ARGUMENT, message, reason=reason)


def expired() -> ServingError:
    """The `ServingError` of a request whose deadline has passed."""
    why = "The deadline passed before the answer was computed"
    return ServingError(grpc.StatusCode.DEADLINE_EXCEEDED, why, reason="deadline")


def of(error: BaseException) -> ServingError:
    """`error` as a `ServingError`: TensorFlow's errors keep their code, any other is INTERNAL."""
    if isinstance(error, ServingError):
        return error
    code = _BY_NUMBER.get(getattr(error, "error_code", None), grpc.StatusCode.INTERNAL)
    return ServingError(code, getattr(error, "message", None) or f"{type(error).__name__}: {error}")
