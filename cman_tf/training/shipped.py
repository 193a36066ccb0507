"""The trained models of the package, by name."""

from __future__ import annotations

from pathlib import Path

_MODELS = Path(__file__).parent / "models"


def names() -> list[str]:
    """Names of the shipped models, in alphabetical order."""
    return sorted(path.parent.name for path in _MODELS.glob("*/weights.h5"))


def folder(name: str | Path) -> Path:
    """The run folder of a shipped model; a folder of the user's that has its name comes first.

    Args:
        name: str or path. The name of a shipped model, or a run folder.

    Returns:
        path; `name` itself if it is not the name of a shipped model.
    """
    path = Path(name)
    return _MODELS / str(name) if not path.exists() and str(name) in names() else path
