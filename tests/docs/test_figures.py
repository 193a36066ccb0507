"""Figures that a text repeats are those of the page that was made from files."""

from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_readme_repeats_the_page_of_results():
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8").splitlines()
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith(("| conll04/", "| ade/", "| *"))]
    assert len(rows) > 3
    assert [row for row in rows if row not in page] == []
