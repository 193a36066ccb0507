"""`python -m export.check MODEL_DIR`: is an export whole, does it work by itself, does it answer as its run does?"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cman_tf.commands import cli
from cman_tf.commands.main import main
from cman_tf.data.document import Document
from cman_tf.errors import InputError

if TYPE_CHECKING:
    from cman_tf.predictor import Predictor
    from cman_tf.training.run import Run

BATCH_SIZES = (1, 8, 32)

# Short, long, empty, blank, several scripts, code points beyond 16 bits, right to left, and bytes to trip over.
TEXTS = (
    "Ana Lima lives in Oslo .",
    "",
    " \t ",
    "U.S. President John F. Kennedy's brother met Mrs. O'Brien in New York, N.Y., for $62.50.",
    "🙂 Ana 👩‍👩‍👧 lives in Oslo 🙂🙂",
    "ولد جون في نيويورك .",
    "東京でアナに会った。",
    "The Associated Press said " + "that Ana Lima of Oslo met Bo Ek in Lima , Peru , and " * 15 + "left .",
    "A\x00B\x01C\ufeff\u202e\u00a0x",
)


def command(argv: list[str]) -> None:
    parser = cli.parser(
        "cman check",
        "Load an export in a process that has TensorFlow alone, from a moved copy, and compare it with its run.",
        "python -m export.check models/sample --run runs/sample",
        usage="MODEL_DIR [options]",
    )
    parser.add_argument("model_dir", metavar="MODEL_DIR", help="folder of versions, or one version's folder")
    parser.add_argument("--version", type=int, metavar="N", help="the version to check (default: the last one)")
    parser.add_argument(
        "--run", metavar="RUN", help="the run it was made from, to compare answers with (default: none)"
    )
    parser.add_argument("--input", metavar="FILE", help="sentences, as cman_tf.predict reads them (default: a few)")
    parser.add_argument("--json", metavar="FILE", help="write all findings there too (default: no file)")
    args = cli.parse(parser, argv)

    from cman_tf.files import atomic_write

    path = version_folder(args.model_dir, args.version)
    findings = check(path, args.run, args.input)
    if args.json:
        with atomic_write(args.json) as file:
            json.dump(findings, file, indent=2)
    print(text(findings))
    if findings["problems"]:
        sys.stdout.flush()
        sys.exit(1)


def version_folder(model_dir: str | Path, number: int | None = None) -> Path:
    """The folder of a version: `model_dir` itself, or its last or given version.

    Raises:
        InputError: there is none.
    """
    from export.versions import versions

    path = Path(model_dir)
    if number is None and (path / "saved_model.pb").is_file():
        return path
    known = versions(path)
    if not known or (number is not None and number not in known):
        wanted = "versions" if number is None else f"version {number}"
        raise InputError(f"A model folder must hold what export.savedmodel wrote. Received: {path} without {wanted}")
    return path / str(known[-1] if number is None else number)


def check(
    path: str | Path, run: str | Path | None = None, input: str | None = None, python: str = sys.executable
) -> dict[str, Any]:
    """Examine one version.

    Args:
        path: str or path. A version's folder.
        run: str, path or None. The run to compare with.
        input: str or None. A file of sentences. Default: a few that are hard to split.
        python: str. Interpreter of the process that loads it; it needs TensorFlow alone.

    Returns:
        dict: `problems`, a list of sentences, empty for a good export; and what was seen.

    Raises:
        InputError: the run or the input cannot be read.
    """
    from export import card
    from export.operations import beyond_core, operations
    from export.warmup import read_warmup

    predictor, about, problems, requests, names, text_names = None, {}, [], [], [], []
    trained = None
    if run is not None:
        from cman_tf.training.run import Run

        trained = Run.open(run)
    for examine in (
        lambda: about.update(card.read_card(path)),
        lambda: requests.extend(read_warmup(path)),
        lambda: names.extend(_operations(path, operations)),
        lambda: text_names.extend(beyond_core(names)),
    ):
        try:
            examine()
        except InputError as error:
            problems.append(str(error))
    problems += _changed_files(about.get("files"), card.checksums(path))
    if trained is not None:
        predictor = _predictor(trained, about, problems, card.weights_fingerprint)
    documents = _sentences(input, predictor)
    texts = [document.text for document in documents]
    tokens = [list(document.tokens) for document in documents]
    question = {
        "texts": texts,
        "tokens": tokens,
        "requests": requests,
        "batch_sizes": BATCH_SIZES,
        "libraries": ["tensorflow_text"] if text_names else [],
    }
    findings = {"path": str(path), "problems": problems, "operations": names, "sentences": len(texts)}
    answer, failure = probe(path, question, python)
    if failure:
        problems.append(f"It cannot be loaded and called by TensorFlow alone: {failure}")
        return findings
    findings.update({name: answer[name] for name in ("tensorflow", "signatures", "milliseconds")})
    findings["warmup_requests"] = len(requests)
    problems += _shape_problems(answer, requests)
    if predictor:
        findings["compared"] = 2 * len(texts)
        problems += _differing("text", predictor(texts), answer["text"])
        # That signature knows no text: its offsets are those of the tokens joined by blanks.
        joined = [Document(document.tokens) for document in documents]
        problems += _differing("tokens", predictor.extract(joined), answer["tokens"])
    return findings


def probe(path: str | Path, question: Mapping[str, Any], python: str = sys.executable) -> tuple[Any, str | None]:
    """Ask `export.probe` in a process of its own about a moved copy.

    Returns:
        `(answer, None)`, or `(None, last line of the error)`.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy, result = os.path.join(folder, "moved"), os.path.join(folder, "answer.json")
        shutil.copytree(path, copy)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        process = subprocess.run(
            [python, "-I", str(Path(__file__).with_name("probe.py")), result],
            input=json.dumps({"path": copy, **question}),
            capture_output=True,
            text=True,
            cwd=folder,
            env=environment,
        )
        if process.returncode:
            lines = process.stderr.strip().splitlines() or [f"exit code {process.returncode}"]
            return None, lines[-1][:500]
        with open(result, encoding="utf-8") as file:
            return json.load(file), None


def text(findings: Mapping[str, Any]) -> str:
    """The findings for a person; the verdict is the last line."""
    lines = [
        f"{name}: {', '.join(kinds['inputs'])} -> {len(kinds['outputs'])} outputs"
        for name, kinds in findings.get("signatures", {}).items()
    ]
    if findings["operations"]:
        lines.append(f"{len(findings['operations'])} operations: {' '.join(findings['operations'])}")
    lines += [f"batch {size}: {time:.1f} ms" for size, time in findings.get("milliseconds", {}).items()]
    lines += findings["problems"]
    if findings["problems"]:
        return "\n".join([*lines, f"FAILED: {findings['path']} has {len(findings['problems'])} problem(s)"])
    compared = (
        f", {findings['compared']} answers as the run's" if "compared" in findings else ", not compared with a run"
    )
    return "\n".join(
        [
            *lines,
            f"OK: {findings['path']} works with TensorFlow {findings['tensorflow']} alone, "
            f"{findings['warmup_requests']} warm-up requests answered{compared}",
        ]
    )


def _operations(path: str | Path, operations: Callable[[str | Path], list[str]]) -> list[str]:
    from google.protobuf.message import DecodeError

    try:
        return operations(path)
    except (OSError, DecodeError) as error:
        raise InputError(f"An export must have a readable graph. Received: {path} ({error})") from None


def _changed_files(known: object, found: Mapping[str, str]) -> list[str]:
    if not isinstance(known, dict):
        return ["The model card must list the checksums of the files. Received: none"]
    wrong = sorted(name for name in {*known, *found} if known.get(name) != found.get(name))
    return [f"A file must be the one that was exported. Received: {name}, changed, missing or new" for name in wrong]


def _predictor(
    run: Run, about: Mapping[str, Any], problems: list[str], fingerprint: Callable[[Predictor], str]
) -> Predictor:
    """The run's predictor, decoding and storing word vectors as the export does."""
    overrides = {f"decoding.{name}": value for name, value in about.get("decoding", {}).items()}
    predictor = run.predictor(overrides)
    if about.get("weights_sha256") != fingerprint(predictor):
        problems.append(f"The weights must be those of the run. Received: others than in {run.path}")
    if about.get("quantize"):
        from export.quantize import quantize

        quantize(predictor.network.model, about["quantize"]["kind"], predictor.network.encoders)
    return predictor


def _sentences(input: str | None, predictor: Predictor | None) -> list[Document]:
    from cman_tf.commands.inputs import read_sentences

    def tokenize(texts: list[str]) -> list[Document]:
        return predictor.tokenize(texts) if predictor else [Document([], text=text, offsets=[]) for text in texts]

    return read_sentences([], input, tokenize) if input else tokenize(list(TEXTS))


def _shape_problems(answer: Mapping[str, Any], requests: Sequence[tuple[str, Mapping[str, Any]]]) -> list[str]:
    problems = [f"Dimension 0 of every output must be the batch. Received: {name}" for name in answer["rows_wrong"]]
    sizes = [len(next(iter(inputs.values()))) for _, inputs in requests]
    if not requests or answer["warmup"] != sizes:
        problems.append(f"Warm-up requests must be answered. Received: {answer['warmup']} rows for {sizes}")
    full = sorted({name for name, outputs in answer["empty"].items() if any(outputs.values())})
    problems += [f"An empty batch must have an empty answer. Received: rows from {name}" for name in full]
    missing = {"serving_default", "tokens", "scores"} - set(answer["signatures"])
    problems += [f"A signature must be there. Received: none named {name}" for name in sorted(missing)]
    wrong = [name for name, value in answer["scores"].items() if not value["finite"]]
    return problems + [f"Scores must be finite numbers. Received: others in {name}" for name in wrong]


def _differing(signature: str, documents: Sequence[Document], answers: Sequence[Mapping[str, Any]]) -> list[str]:
    from export.parity import differences

    problems = []
    if len(documents) != len(answers):
        problems.append(f"{signature}: {len(documents)} sentences must have as many answers. Received: {len(answers)}")
    for document, answer in zip(documents, answers):
        wrong = differences(document, answer)
        if wrong:
            problems.append(f"{signature}: {', '.join(wrong)} of {document.text[:60]!r} must be as the run's")
    return problems


if __name__ == "__main__":
    main("check")
