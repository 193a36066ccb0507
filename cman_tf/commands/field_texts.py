"""What a person is told of a configuration field: its values, limits, default, and where the default comes from.

`--help` and the reference on the site both say it in these words.
"""

from __future__ import annotations

import re
from typing import Any

from cman_tf import config as configs

# Where a description says that its default comes from.
_SOURCE = r"paper, [\d.]+|eq\. \d+|Table \d+, row \d+|the paper's form|\(paper: [^)]*\)|Bekoulis et al\. \(2018\)"
_LIMITS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}


def metavar(kind: Any) -> str:
    """The placeholder of an option for values of this kind: `N`, `X`, `true|false`, `TEXT`, or the choices."""
    if "tuple" in str(kind):
        return "TEXT,..."
    choices = getattr(kind, "__args__", ())
    if choices and all(isinstance(choice, str) for choice in choices):
        return "|".join(choices)
    return {int: "N", float: "X", bool: "true|false"}.get(kind, "TEXT")


def values(name: str, kind: Any) -> str:
    """The values that a field takes, as Markdown: `integer, at least 1`."""
    words = {"N": "integer", "X": "number", "TEXT": "text", "TEXT,...": "texts", "true|false": "true or false"}
    text = words.get(metavar(kind)) or " or ".join(f"`{choice}`" for choice in metavar(kind).split("|"))
    return ", ".join(filter(None, [text, limits(name)]))


def limits(name: str) -> str:
    """What the number in a field may be: `above 0, below 1`; empty where it is no number or may be any."""
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
    """A default as a configuration file would say it; `none` for what is not there."""
    if value in (None, ()):
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def option_help(name: str, with_default: bool = True) -> str:
    """The help of a field's option: what it is, its limits, and its default unless that is a run's."""
    _, _, value, text = next(field for field in configs.all_fields() if field[0] == name)
    notes = "; ".join(filter(None, [limits(name), f"default: {default(value)}" if with_default else ""]))
    return f"{text} ({notes})" if notes else text


def source(text: str) -> tuple[str, str]:
    """The description of a field without its source where that can be taken out, and the source; empty for none."""
    if "not in the paper" in text:
        return re.sub(r"[;,]? ?not in the paper", "", text), "not in the paper"
    found = re.search(_SOURCE, text)
    return text, re.sub(r"^\((.*)\)$", r"\1", found[0]) if found else ""
