"""`python -m benchmarks.pages`: memory and speed of `cman predict` on a text of hundreds of pages, one document."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import frame
from benchmarks.environment import environment

WORDS_PER_PAGE = 500
SENTENCES_PER_PARAGRAPH = 6
# Of the longest run: the share of its time at which memory is noted.
STEPS = 10


def pages(count, seed=1):
    """A text of the sentences of the sample corpus in random order, as often as needed.

    Args:
        count: int. Pages, of 500 words.
        seed: int. Default: 1.

    Returns:
        str, paragraphs of six sentences.
    """
    from cman_tf.data import corpora

    sentences = [document.text for part in corpora.load("sample").splits.values() for document in part]
    draw, left, rows = random.Random(seed), count * WORDS_PER_PAGE, []
    while left > 0:
        order = draw.sample(sentences, len(sentences))
        for sentence in order:
            if left <= 0:
                break
            rows.append(sentence)
            left -= len(sentence.split())
    groups = [rows[first : first + SENTENCES_PER_PARAGRAPH] for first in range(0, len(rows), SENTENCES_PER_PARAGRAPH)]
    return "\n\n".join(" ".join(group) for group in groups) + "\n"


def measure(model, path, folder, interval=0.2):
    """Run `cman predict MODEL --input FILE` in a process of its own and watch its memory.

    Args:
        model: str. Run folder or shipped model.
        path: path of the text.
        folder: path, for the output.
        interval: float. Seconds between two looks.

    Returns:
        dict: `words`; `sentences`, `entities` and `relations` of the answer; `seconds`; `words_per_second`; `peak_mb`;
            `mb`, the memory at ten times of the run.
    """
    output = folder / f"{path.stem}.jsonl"
    command = [sys.executable, "-c", "from cman_tf.commands.main import main; main()", "predict", model]
    command += ["--input", str(path), "--format", "jsonl", "--output", str(output)]
    start, seen = time.perf_counter(), []
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            seen.append(megabytes(process.pid) or (seen[-1] if seen else 0.0))
            time.sleep(interval)
    seconds = time.perf_counter() - start
    if process.returncode:
        raise SystemExit(f"cman predict ended with {process.returncode}")
    text = path.read_text(encoding="utf-8")
    words = len(text.split())
    [answer] = map(json.loads, output.read_text(encoding="utf-8").splitlines())
    if answer["text"] != text:
        raise SystemExit(f"cman predict must answer the whole text. Received: {len(answer['text'])} of {len(text)}")
    marks = [seen[min(len(seen) - 1, (step + 1) * len(seen) // STEPS - 1)] for step in range(STEPS)]
    return {
        "words": words,
        "sentences": len(answer.get("sentences", [0])),
        "entities": len(answer["entities"]),
        "relations": len(answer["relations"]),
        "seconds": round(seconds, 1),
        "words_per_second": round(words / seconds),
        "peak_mb": round(max(seen)),
        "mb": [round(mark) for mark in marks],
    }


def megabytes(process):
    """Resident memory of a process, None if it has just ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:")), None)


def command(argv):
    parser = frame.parser(
        "pages",
        "Measure the memory and speed of prediction on long texts: each is one file, one document.",
        "",
        usage="[options]",
        rounds=None,
    )
    parser.add_argument("--run", metavar="RUN", default="news", help="run folder or shipped model (default: news)")
    parser.add_argument("--pages", metavar="N,...", default="30,100,300", help="lengths (default: 30,100,300)")
    parser.add_argument("--input", metavar="FILE", help="a text of your own instead of sentences of the sample corpus")
    args = frame.parse(parser, argv)
    about = environment()
    found = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if args.input:
            found[args.input] = measure(args.run, Path(args.input), folder)
        for count in [] if args.input else map(int, args.pages.split(",")):
            path = folder / f"{count}.txt"
            path.write_text(pages(count), encoding="utf-8")
            found[str(count)] = measure(args.run, path, folder)
    first, last = (list(found.values())[place] for place in (0, -1))
    ratio = last["peak_mb"] / first["peak_mb"]
    result = {"run": args.run, "pages": found, "peak_of_longest_to_shortest": round(ratio, 2)}
    rows = [
        (name, item["words"], item["seconds"], item["words_per_second"], item["peak_mb"])
        for name, item in found.items()
    ]
    frame.report(
        args,
        about,
        result,
        frame.table(f"cman predict {args.run}", ("pages", "words", "seconds", "words/s", "peak MB"), rows),
        f"Peak memory of the longest text: {ratio:.2f} times that of the shortest. Seconds include the start. Memory "
        f"of the longest at ten times of its run, in MB: {', '.join(map(str, last['mb']))}.",
    )


if __name__ == "__main__":
    frame.run("pages", command)
