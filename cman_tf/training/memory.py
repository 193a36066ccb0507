"""Measures the memory of this process."""

from __future__ import annotations

import re
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def peak_bytes() -> int:
    """Largest resident memory of this process so far, in bytes.

    Linux's `getrusage` also counts what the parent occupied when it started this process, so a small process of a large
    one would report the large one's memory. `/proc` starts anew with each program.
    """
    if _STATUS.exists() and (found := re.search(r"^VmHWM:\s*(\d+) kB$", _STATUS.read_text(), re.MULTILINE)):
        return int(found[1]) * 1024
    import resource

    # macOS reports bytes, others KiB.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
