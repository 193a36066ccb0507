"""`cman check MODEL_DIR`: check that an export is complete, works on its own and answers as its run does."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cman_tf.commands import cli
from cman_tf.commands.main import main
from cman_tf.commands.options import add_allow_encoder
from cman_tf.data.document import Document
from cman_tf.errors import InputError, printable
from export.probe import probe

if TYPE_CHECKING:
    from cman_tf.predictor import Predictor
    from cman_tf.training.run import Run

BATCH_SIZES = (1, 8, 32)

# Short, long, empty, blank, several scripts, code points beyond 16 bits, right to left, and control characters.
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
        "Load a moved copy of an export in a process that has TensorFlow alone, and compare its answers with its run.",
        "cman check models/sample --run runs/sample",
        usage="MODEL_DIR [options]",
    )
    parser.add_argument("model_dir", metavar="MODEL_DIR", help="model folder, or the folder of one version")
    add_allow_encoder(parser)
    parser.add_argument("--version", type=int, metavar="N", help="version to check (default: the newest)")
    parser.add_argument("--run", metavar="RUN", help="run of the export, to compare its answers (default: none)")
    parser.add_argument(
        "--input", metavar="FILE", help="sentences, in a format of cman predict (default: built-in ones)"
    )
    parser.add_argument("--json", metavar="FILE", help="also write all findings to FILE (default: no file)")
    args = cli.parse(parser, argv)

    from cman_tf.files import atomic_write

    path = version_folder(args.model_dir, args.version)
    findings = check(path, args.run, args.input, allow_encoders=args.allow_encoder)
    if args.json:
        with atomic_write(args.json) as file:
            json.dump(findings, file, indent=2)
    print(text(findings))
    if findings["problems"]:
        sys.stdout.flush()
        sys.exit(1)


def version_folder(model_dir: str | Path, number: int | None = None) -> Path:
    """The folder of a version: `model_dir` itself, or its newest or given version.

    Raises:
        InputError: if there is none.
    """
    from cman_tf.interop.saved_model import newest_version, versions

    path = newest_version(model_dir) if number is None else versions(model_dir).get(number)
    if path is None:
        wanted = "version" if number is None else f"version {number}"
        raise InputError(f"A model folder must be written by `cman export`. Received: {model_dir} without {wanted}")
    return path


def check(
    path: str | Path,
    run: str | Path | None = None,
    input: str | None = None,
    python: str = sys.executable,
    allow_encoders: Sequence[str] = (),
) -> dict[str, Any]:
    """Check one version.

    Args:
        path: str or path. A version's folder.
        run: str, path or None. The run to compare answers with.
        input: str or None. A file of sentences. Default: `TEXTS`.
        python: str. Interpreter of the process that loads it; it needs TensorFlow alone.
        allow_encoders: sequence of str, see `Run`.

    Returns:
        dict: `problems`, a list of sentences, empty for a good export; and the other findings.

    Raises:
        InputError: if the run or the input cannot be read, or `run` is given and the export is quantized.
    """
    from export import manifest
    from export.operations import beyond_core
    from export.parity import answer_problems, shape_problems
    from export.warmup import read_warmup

    predictor, about, problems, requests, names, text_names = None, {}, [], [], [], []
    trained = None
    if run is not None:
        from cman_tf.training.run import Run

        trained = Run.open(run, allow_encoders=allow_encoders)
    for examine in (
        lambda: about.update(manifest.read_manifest(path)),
        lambda: requests.extend(read_warmup(path)),
        lambda: names.extend(_operations(path)),
        lambda: text_names.extend(beyond_core(names)),
    ):
        try:
            examine()
        except InputError as error:
            problems.append(str(error))
    problems += _changed_files(about.get("files"), manifest.checksums(path))
    if trained is not None:
        predictor = _predictor(trained, about, problems)
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
        problems.append(f"TensorFlow alone cannot load and call the export: {failure}")
        return findings
    findings.update({name: answer[name] for name in ("tensorflow", "signatures", "milliseconds")})
    findings["warmup_requests"] = len(requests)
    problems += shape_problems(answer, requests)
    if predictor:
        findings["compared"] = 2 * len(texts)
        problems += answer_problems("text", predictor(texts, split=False), answer["text"])
        # This signature gets no text: its offsets are those of the tokens joined by spaces.
        joined = [Document(document.tokens) for document in documents]
        problems += answer_problems("tokens", predictor.extract(joined), answer["tokens"])
    return findings


def text(findings: Mapping[str, Any]) -> str:
    """The findings as text; the last line is the verdict."""
    lines = [
        f"{name}: {', '.join(kinds['inputs'])} -> {len(kinds['outputs'])} outputs"
        for name, kinds in findings.get("signatures", {}).items()
    ]
    if findings["operations"]:
        lines.append(f"{len(findings['operations'])} operations: {' '.join(findings['operations'])}")
    lines += [f"batch {size}: {time:.1f} ms" for size, time in findings.get("milliseconds", {}).items()]
    lines += findings["problems"]
    if findings["problems"]:
        lines.append(f"FAILED: {findings['path']} has {len(findings['problems'])} problem(s)")
        return "\n".join(map(printable, lines))
    compared = (
        f", {findings['compared']} answers as the run's" if "compared" in findings else ", not compared with a run"
    )
    lines.append(
        f"OK: {findings['path']} works with TensorFlow {findings['tensorflow']} alone, "
        f"{findings['warmup_requests']} warm-up requests answered{compared}"
    )
    return "\n".join(map(printable, lines))


def _operations(path: str | Path) -> list[str]:
    from google.protobuf.message import DecodeError

    from export.operations import operations

    try:
        return operations(path)
    except (OSError, DecodeError) as error:
        raise InputError(f"Cannot read the graph of the export {path}: {error}.") from None


def _changed_files(known: object, found: Mapping[str, str]) -> list[str]:
    if not isinstance(known, dict):
        return ["The manifest of the export must list the checksums of its files. Received: none"]
    wrong = sorted(name for name in {*known, *found} if known.get(name) != found.get(name))
    return [f"A file must be as it was exported. Received: {name}, changed, missing or new" for name in wrong]


def _predictor(run: Run, about: Mapping[str, Any], problems: list[str]) -> Predictor:
    """The run's predictor, with the decoding of the export."""
    from export.manifest import weights_fingerprint

    if about.get("quantize"):
        raise InputError(
            "A quantized export cannot be compared with its run, since `cman export` no longer quantizes; export the "
            f"run again, or check without --run. Received: quantize={about['quantize'].get('kind')}"
        )
    overrides = {f"decoding.{name}": value for name, value in about.get("decoding", {}).items()}
    predictor = run.predictor(overrides)
    if about.get("weights_sha256") != weights_fingerprint(predictor):
        problems.append(f"The weights must be those of the run. Received: weights that differ from {run.path}")
    return predictor


def _sentences(input: str | None, predictor: Predictor | None) -> list[Document]:
    from cman_tf.commands.inputs import read_sentences
    from cman_tf.data.sentences import each

    def tokenize(texts: list[str]) -> list[Document]:
        return predictor.tokenize(texts) if predictor else [Document([], text=text, offsets=[]) for text in texts]

    return list(each(read_sentences([], input, tokenize))) if input else tokenize(list(TEXTS))


if __name__ == "__main__":
    main("check")
