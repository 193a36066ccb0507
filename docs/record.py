"""`python docs/record.py FOLDER`: record the output of the tutorial's commands and screenshots of their pages.

Runs the tutorial's trainings in FOLDER, about five minutes, or uses existing ones. Writes docs/recorded/ and
docs/images/. Requires Chromium on the PATH.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import cman_tf
from cman_tf.evaluation.markup import sentence_html

DOCS = Path(__file__).parent
SENTENCE = "Dr. Zoë Lindqvist, a chemist at the University of Oslo, was born in Bergen, Norway."
PAGE = '<meta charset="utf-8"><body style="margin:18px;width:860px;background:#fff;font:18px sans-serif">{}</body>'
TUTORIAL = "Ana Lima lives in Oslo and works for Nordlys Energi."
NEWS = "Ana Lima was born in Lisbon. In 1994 she founded Fjord Systems in Oslo."
INSTRUMENTS = "Greta Vik plays the bassoon.", "Amir Khan owns a trombone."
CHROMIUM = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --hide-scrollbars"


def main(folder):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, options in (("first", ""), ("no_bla", "--model.bla false")):
        if not (folder / f"runs/{name}/metrics.json").is_file():
            text = _output(f"fit --config sample --run-dir runs/{name} {options}".split(), folder)
            (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    _record("news.txt", _output(["predict", "news", NEWS], folder))
    if not (folder / "runs/instruments/weights.h5").is_file():  # without a test split there is no metrics.json
        page = (DOCS / "tutorial.md").read_text(encoding="utf-8")
        program = next(block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "ANNOTATED" in block)
        subprocess.run([sys.executable, "-c", program], cwd=folder, check=True)
        command = "fit --corpus instruments --start-from news --protocol train+dev --run-dir runs/instruments"
        _output(command.split(), folder)
    _record("instruments.txt", _output(["predict", "runs/instruments", *INSTRUMENTS], folder))
    trained = (folder / "first.txt").read_text(encoding="utf-8").splitlines()
    _record("fit.txt", "\n".join([*trained[:5], "  ...", *trained[9:]]))
    _record("predict.txt", _output(["predict", "runs/first", TUTORIAL], folder))
    _record(
        "predict.jsonl",
        _output("predict runs/first --format jsonl".split() + [TUTORIAL.split(" and ")[0] + "."], folder),
    )
    compared = _output("evaluate runs/first --against runs/no_bla".split(), folder)
    _record("against.txt", compared[compared.index("Against") :])

    (DOCS / "images").mkdir(exist_ok=True)
    report = (folder / "runs/first/report.html").read_text(encoding="utf-8")
    screenshot(PAGE.format(sentence_html(cman_tf.load("news")(SENTENCE))), "sentence.png", "900,200")
    screenshot(report, "report.png", "1100,1000")
    # With closed tables, so that the picture shows the sentences.
    screenshot(report.replace("<details open", "<details"), "report_sentences.png", "1100,1000")


def screenshot(html, name, size):
    """Write a screenshot of a page to docs/images/NAME; `size` is width and height in pixels."""
    with tempfile.TemporaryDirectory() as temporary:
        page = Path(temporary) / "page.html"
        page.write_text(html, encoding="utf-8")
        options = [f"--user-data-dir={temporary}/profile", f"--window-size={size}"]
        options += [f"--screenshot={DOCS / 'images' / name}", page.as_uri()]
        subprocess.run(["chromium", *CHROMIUM.split(), *options], check=True, capture_output=True)
    print(DOCS / "images" / name)


def _output(arguments, folder):
    environment = {**os.environ, "COLUMNS": "100", "PYTHONPATH": str(DOCS.parent)}
    command = [sys.executable, "-m", f"cman_tf.{arguments[0]}", *arguments[1:]]
    return subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True).stdout


def _record(name, text):
    (DOCS / "recorded").mkdir(exist_ok=True)
    (DOCS / "recorded" / name).write_text(text.strip("\n") + "\n", encoding="utf-8")
    print(DOCS / "recorded" / name)


if __name__ == "__main__":
    main(*sys.argv[1:2])
