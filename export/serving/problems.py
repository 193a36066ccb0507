"""Bodies of errors: as TensorFlow Serving writes them, and as problem details (RFC 9457)."""

from __future__ import annotations

import http
import json

from export.serving.status import ServingError

MEDIA_TYPE = "application/problem+json"


def error(failure: ServingError) -> tuple[str, str]:
    """`(text, media type)` of an error, as TensorFlow Serving writes it."""
    return json.dumps({"error": failure.message}), "application/json"


def problem(failure: ServingError) -> tuple[str, str]:
    """`(text, media type)` of an error: `title`, `status`, `detail` and `code`, the name of the gRPC status."""
    try:
        title = http.HTTPStatus(failure.http).phrase
    except ValueError:  # 499 is not of the standard
        title = "Client Closed Request"
    value = {"title": title, "status": failure.http, "detail": failure.message, "code": failure.code.name}
    return json.dumps(value), MEDIA_TYPE
