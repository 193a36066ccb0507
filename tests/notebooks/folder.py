"""Where the notebooks are, and which there are."""

from pathlib import Path

FOLDER = Path(__file__).parents[2] / "notebooks"
NAMES = ["01_quickstart", "02_inside_cman", "03_your_own_data", "04_paper", "05_serving"]
