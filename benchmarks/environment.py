"""The machine and the code that figures were measured with."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path


def environment():
    """Versions, processor, load, date and commit: dict for a file of figures."""
    packages = ("tensorflow", "keras", "tensorflow-addons", "numpy")
    changes = _git("status", "--porcelain", "--", "cman_tf", "benchmarks/*.py")
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "commit": _git("rev-parse", "HEAD"),
        # Only of code, because a benchmark writes results; None outside a checkout.
        "uncommitted_changes": None if changes is None else bool(changes),
        "python": platform.python_version(),
        **{package: metadata.version(package) for package in packages},
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


def _git(*command):
    """Output of a git command in this checkout, or None without git or a checkout."""
    git = ["git", "-C", Path(__file__).parents[1]]
    try:
        return subprocess.run([*git, *command], capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
