"""`cman info`: what to paste into a bug report."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata

from cman_tf.commands import cli
from cman_tf.version import __version__

PACKAGES = (
    "tensorflow",
    "tf-keras",
    "tensorflow-addons",
    "tensorflow-text",
    "tensorflow-hub",
    "tensorflow-serving-api",
    "keras-tuner",
    "numpy",
    "protobuf",
    "grpcio",
)
EXTRAS = {"spacy": "spacy", "frames": "pandas", "beam": "apache-beam", "docs": "mkdocs"}
VARIABLES = ("CMAN_TF_DATA", "CMAN_TF_ENCODERS", "CMAN_TF_STORE", "TF_USE_LEGACY_KERAS", "CUDA_VISIBLE_DEVICES")


def command(argv: list[str]) -> None:
    parser = cli.parser(
        "cman info", "Print versions, stack, machine and optional parts, for bug reports.", "cman info > info.txt"
    )
    cli.parse(parser, argv)
    print(report())


def report() -> str:
    """Lines of `name: value`; TensorFlow is not imported."""
    versions = {package: version(package) for package in PACKAGES}
    named = versions["tensorflow-addons"] is not None
    rows = {
        "cman-tf": __version__,
        "stack": "named (TensorFlow 2.15, tensorflow-addons)" if named else "current (newest TensorFlow, tf-keras)",
        "python": f"{platform.python_version()} ({sys.executable})",
        "machine": f"{platform.system()} {platform.release()}, {platform.machine()}, {os.cpu_count()} processors",
        **{package: found or "not installed" for package, found in versions.items()},
        "extras": ", ".join(name for name, package in EXTRAS.items() if version(package)) or "none",
        **{name: os.environ[name] for name in VARIABLES if name in os.environ},
    }
    width = max(map(len, rows))
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows.items())


def version(package: str) -> str | None:
    """Version of an installed package, or None."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
