"""Griffe extension for two docstring sections that its Google style lacks: `Example:` and `Call arguments:`.

mkdocs.yml names it. Without it, both would be boxes of plain text.
"""

import re

import griffe

_SECTION = r"^{}:\n((?:[ ]{{4}}.*\n|\n)+)"


class Sections(griffe.Extension):
    """Turns `Example:` into code and `Call arguments:` into a list."""

    def on_object(self, *, obj, **kwargs):
        if obj.docstring:
            text = re.sub(r"^Example:$", "Examples:", obj.docstring.value, flags=re.MULTILINE)
            obj.docstring.value = re.sub(_SECTION.format("Call arguments"), _call_arguments, text, flags=re.MULTILINE)


def _call_arguments(section):
    rows = re.sub(r"^ {4}(\*{0,2}\w+): ", r"- **`\1`** – ", section[1], flags=re.MULTILINE)
    return "**Call arguments:**\n\n" + re.sub(r"^ {8}", "    ", rows, flags=re.MULTILINE)
