"""Describes a configuration field: its values, limits, default, and the source of the default.

Both `--help` and the reference on the site use these texts.
"""

from __future__ import annotations

import re
from typing import Any

from cman_tf import config as configs

# Sources of defaults, as written in the descriptions.
_SOURCE = r"paper, [\d.]+|eq\. \d+|Table \d+, row \d+|the paper's form|\(paper: [^)]*\)|Bekoulis et al\. \(2018\)"
_LIMITS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}


def metavar(kind: Any) -> str:
    """Placeholder of an option for values of this kind: `N`, `X`, `true|false`, `TEXT`, or the choices."""
    if "tuple" in str(kind):
        return "TEXT,..."
    choices = getattr(kind, "__args__", ())
    if choices and all(isinstance(choice, str) for choice in choices):
        return "|".join(choices)
    return {int: "N", float: "X", bool: "true|false"}.get(kind, "TEXT")


def values(name: str, kind: Any) -> str:
    """Values of a field, as Markdown: `integer, at least 1`."""
    words = {"N": "integer", "X": "number", "TEXT": "text", "TEXT,...": "texts", "true|false": "true or false"}
    text = words.get(metavar(kind)) or " or ".join(f"`{choice}`" for choice in metavar(kind).split("|"))
    return ", ".join(filter(None, [text, limits(name)]))


def limits(name: str) -> str:
    """Limits of a numeric field: `above 0, below 1`; empty for fields without limits."""
    *sections, leaf = name.split(".")
    section: Any = configs.Config
    for part in sections:
        section = section.__pydantic_fields__[part].annotation
    return ", ".join(
        f"{words} {getattr(limit, sign)}"
        for limit in section.__pydantic_fields__[leaf].metadata
        for sign, words in _LIMITS.items()
        if hasattr(limit, sign)
    )


def default(value: Any) -> str:
    """Default as written in a configuration file; `none` for None and empty tuples."""
    if value in (None, ()):
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def option_help(name: str, with_default: bool = True) -> str:
    """Help of the option for a field: description, limits and, with `with_default`, the default."""
    _, _, value, text = next(field for field in configs.all_fields() if field[0] == name)
    notes = "; ".join(filter(None, [limits(name), f"default: {default(value)}" if with_default else ""]))
    return f"{text} ({notes})" if notes else text


def source(text: str) -> tuple[str, str]:
    """Split a description into text and source of the default; the source is "" if there is none."""
    if "not in the paper" in text:
        return re.sub(r"[;,]? ?not in the paper", "", text), "not in the paper"
    found = re.search(_SOURCE, text)
    return text, re.sub(r"^\((.*)\)$", r"\1", found[0]) if found else ""
