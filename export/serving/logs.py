"""The log: JSON lines on standard error. It never contains users' text, nor error messages that may quote it."""

from __future__ import annotations

import json
import logging
import time
from typing import Any

_logger = logging.getLogger("export.serving")


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {"time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03}Z"}
        line.update(level=record.levelname.lower(), event=record.getMessage(), **getattr(record, "fields", {}))
        return json.dumps(line)


def start(level: str) -> None:
    """Write lines of `level` (`"info"`, `"warning"` or `"error"`) and above."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Json())
    _logger.handlers[:] = [handler]
    _logger.propagate = False
    _logger.setLevel(level.upper())
    # TensorFlow's loader warns that it is deprecated, as plain text between the lines of JSON.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


def info(event: str, **fields: Any) -> None:
    """Log `event` at level info, with `fields` of JSON values."""
    _logger.info(event, extra={"fields": fields})


def warning(event: str, **fields: Any) -> None:
    """The same at level warning."""
    _logger.warning(event, extra={"fields": fields})


def error(event: str, **fields: Any) -> None:
    """The same at level error."""
    _logger.error(event, extra={"fields": fields})
