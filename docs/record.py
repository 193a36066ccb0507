"""`python docs/record.py FOLDER`: what the tutorial's commands print, and the pictures of the pages they make.

Runs the tutorial's trainings in FOLDER, about three minutes, or uses those that are there. Writes docs/recorded/ and
docs/images/. Needs a Chromium on the PATH.
"""

from __future__ import annotations

import os
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
CHROMIUM = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --hide-scrollbars"


def main(folder):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, options in (("first", ""), ("no_bla", "--model.bla false")):
        if not (folder / f"runs/{name}/metrics.json").is_file():
            text = _output(f"fit --config sample --run-dir runs/{name} {options}".split(), folder)
            (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    trained = (folder / "first.txt").read_text(encoding="utf-8").splitlines()
    _record("fit.txt", "\n".join([*trained[:6], "  ...", *trained[29:]]))
    _record("predict.txt", _output(["predict", "runs/first", TUTORIAL], folder))
    _record(
        "predict.jsonl",
        _output("predict runs/first --format jsonl".split() + [TUTORIAL.split(" and ")[0] + "."], folder),
    )
    compared = _output("evaluate runs/first --against runs/no_bla".split(), folder)
    _record("against.txt", compared[compared.index("Against") :])

    (DOCS / "images").mkdir(exist_ok=True)
    page = PAGE.format(sentence_html(cman_tf.load(folder / "runs/first")(SENTENCE)))
    with tempfile.NamedTemporaryFile("w", suffix=".html", encoding="utf-8") as file:
        file.write(page)
        file.flush()
        screenshot(Path(file.name), "sentence.png", "900,230")
    screenshot(folder / "runs/first/report.html", "report.png", "1100,1000")
    screenshot(folder / "runs/first/report.html", "report_sentences.png", "1100,900", "#tools")


def screenshot(page, name, size, place=""):
    """A picture of an HTML file, from `place` on (`#id`), as docs/images/NAME; `size`: width and height in pixels."""
    with tempfile.TemporaryDirectory() as profile:
        options = [f"--user-data-dir={profile}", f"--window-size={size}", f"--screenshot={DOCS / 'images' / name}"]
        subprocess.run(
            ["chromium", *CHROMIUM.split(), *options, page.absolute().as_uri() + place], check=True, capture_output=True
        )
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
