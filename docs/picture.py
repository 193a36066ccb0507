"""`python docs/picture.py RUN`: make docs/images/sentence.png, the README's picture, from what a trained run extracts.

Needs a Chromium on the PATH.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import cman_tf
from cman_tf.evaluation.markup import sentence_html

SENTENCE = "Dr. Zoë Lindqvist, a chemist at the University of Oslo, was born in Bergen, Norway."
PAGE = '<meta charset="utf-8"><body style="margin:18px;width:860px;background:#fff;font:18px sans-serif">{}</body>'


def main(run, target=Path(__file__).parent / "images" / "sentence.png"):
    document = cman_tf.load(run)(SENTENCE)
    target.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        page.write_text(PAGE.format(sentence_html(document)), encoding="utf-8")
        options = (
            "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --hide-scrollbars"
        )
        subprocess.run(
            [
                "chromium",
                *options.split(),
                f"--user-data-dir={folder}/profile",
                "--window-size=900,230",
                f"--screenshot={target}",
                page.as_uri(),
            ],
            check=True,
            capture_output=True,
        )
    print(target)


if __name__ == "__main__":
    main(*sys.argv[1:2])
