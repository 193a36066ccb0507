"""On what the figures were measured."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path


def environment():
    """Versions, processor, load, date and commit, a dict for a result file."""
    packages = ("tensorflow", "keras", "tensorflow-addons", "numpy")
    changes = _git("status", "--porcelain", "--", "cman_tf", "benchmarks/*.py")
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "commit": _git("rev-parse", "HEAD"),
        # Of code, not of results, which a benchmark run writes; None outside a checkout.
        "uncommitted_changes": None if changes is None else bool(changes),
        "python": platform.python_version(),
        **{package: metadata.version(package) for package in packages},
        "processor": _processor(),
        "processors": os.cpu_count(),
        # Above the number of our own processes, others were at work and the figures are too low.
        "load_at_start": round(os.getloadavg()[0], 2),
    }


def _processor():
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _git(*command):
    """What git answers in this checkout, or None where there is no git or no checkout."""
    try:
        folder = Path(__file__).resolve().parents[1]
        return subprocess.run(
            ["git", "-C", folder, *command], capture_output=True, text=True, check=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
