"""The machine and the code that figures were measured with."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from pathlib import Path

from cman_tf.training import origin


def environment():
    """Versions, processor, load, date and commit: dict for a file of figures."""
    about = origin.environment()
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "commit": about.pop("git_commit"),
        "uncommitted_changes": _uncommitted_changes(),
        **about,
        "processor": _processor(),
        "processors": os.cpu_count(),
        # If this is above the number of our own processes, others were running and the figures are too low.
        "load_at_start": round(os.getloadavg()[0], 2),
    }


def _processor():
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _uncommitted_changes():
    """Whether the code has uncommitted changes, None outside a checkout; results do not count."""
    command = ["git", "-C", Path(__file__).parents[1], "status", "--porcelain", "--", "cman_tf", "benchmarks/*.py"]
    try:
        return bool(subprocess.run(command, capture_output=True, check=True).stdout)
    except (OSError, subprocess.CalledProcessError):
        return None
