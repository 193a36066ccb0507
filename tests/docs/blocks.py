"""The fenced blocks of README.md, CONTRIBUTING.md and docs/, and the commands in their text."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]

# Languages of blocks that are run, parsed, or neither.
RUN, PARSED, TEXT = ("bash", "python", "javascript"), ("json", "yaml"), ("text", "mermaid")

_BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<reason>[^\n]+?) -->\n)?(?P<fence>`{3,})(?P<language>\w*)[^\n]*\n(?P<code>.*?)^(?P=fence)$",
    re.MULTILINE | re.DOTALL,
)


# `cman NAME ...` or `python -m MODULE ...` at the start of a line or after a shell operator: command and arguments.
COMMAND = re.compile(
    r"(?:^|[|;&(])\s*(cman \w[\w-]*|python -m (?:cman_tf|tuning|export|benchmarks|reproduction)[.\w]*)([^|;&><)\"\n]*)",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Args:
        page: str. Its page, relative to the checkout.
        line: int. Line of its opening fence.
        language: str. The word after that fence.
        code: str.
        reason: str or None. Why it is not run.
    """

    page: str
    line: int
    language: str
    code: str
    reason: "str | None"

    def __str__(self):
        return f"{self.page}:{self.line}"


def blocks(page):
    """The blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(
            page.relative_to(ROOT).as_posix(),
            text.count("\n", 0, found.start("fence")) + 1,
            found["language"],
            found["code"],
            found["reason"],
        )
        for found in _BLOCK.finditer(text)
    ]


def table_rows(text):
    """Cells of the tables in a text, a list for each row, without the header rows."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    heads = [number - 1 for number, row in enumerate(rows) if set(row[0]) <= set(":-")]
    return [row for number, row in enumerate(rows) if number not in heads and number - 1 not in heads]


def run_blocks(page):
    """The blocks of a page that a test runs."""
    return [block for block in blocks(page) if block.language in RUN and block.reason is None]


RUN_PAGES = [page for page in PAGES if run_blocks(page)]
