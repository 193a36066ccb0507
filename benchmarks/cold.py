"""`python -m benchmarks.cold`: processor time from a cold start to the first answer and to the first training step.

Each start is a process of its own, measured with those of a base commit and `import tensorflow` in turns. Processor
time is that of all its threads, and the lowest round of each counts. A prediction includes the import; the first
training step is from building the network to the end of the step, without the import and without reading the corpus.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import frame
from benchmarks.environment import environment
from cman_tf import stack

SENTENCE = "Ana Lima lives in Oslo ."

_COMMAND = "from cman_tf.commands.main import main; main()"

_SAVED_MODEL = """
import sys, cman_tf
print(cman_tf.load(sys.argv[1]).extract([cman_tf.Document(sys.argv[2].split())]))
"""

# Prints the processor time of its second half.
_FIRST_STEP = """
import time, cman_tf, tensorflow as tf
from cman_tf import config as configs
from cman_tf.data import corpora
from cman_tf.data.batches import training_batches
from cman_tf.data.schema import Schema
from cman_tf.data.vocabulary import Vocabulary
from cman_tf.model.network import Network
config = configs.load("sample")
train = corpora.load("sample", splits=("train",)).splits["train"]
schema, vocabulary = Schema.of(train), Vocabulary.of(train, config.words)[0]
tf.constant(1.0) + 1.0
start = time.process_time()
network = Network.build(config, schema, vocabulary)
training = config.training
network.model.compile(
    tf.keras.optimizers.legacy.Adam(training.learning_rate),
    adversarial_alpha=training.adversarial_alpha,
    clip_norm=training.clip_norm,
    relation_negatives=training.relation_negatives,
)
batches, _ = training_batches(train, schema, network.featurizer, training.batch_size, 1)
network.model.make_train_function()(iter(batches))["loss"].numpy()
print(time.process_time() - start)
"""

# The bars: times the import of TensorFlow, and seconds.
IMPORT, STEP = "import tensorflow", "first training step"
RATIOS = {"predict": 2.0, "SavedModel": 1.8, STEP: 1.5}
SECONDS = {"help": 0.5, "wrong arguments": 0.5}


def starts(run, model):
    """Arguments of Python for each start: dict of name to list.

    Args:
        run: str. A trained run.
        model: str. Its export.
    """
    return {
        "predict": ["-c", _COMMAND, "predict", run, SENTENCE],
        "SavedModel": ["-c", _SAVED_MODEL, model, SENTENCE],
        STEP: ["-c", _FIRST_STEP],
        "help": ["-c", _COMMAND, "--help"],
        "wrong arguments": ["-c", _COMMAND, "predict", run, "--inptu", "x"],
    }


def processor_seconds(arguments, source, code=0):
    """Processor time and output of a Python process, with the packages of a checkout.

    Args:
        arguments: list of str.
        source: path. The checkout.
        code: int. The exit code that it must have.

    Raises:
        RuntimeError: if it has another one.
    """
    # Importing cman_tf chose Keras 2 for this process; `import tensorflow` alone imports Keras 3.
    inherited = {name: value for name, value in os.environ.items() if name != stack.LEGACY_KERAS}
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=source,
            env={**inherited, "PYTHONPATH": str(source), "TF_CPP_MIN_LOG_LEVEL": "3"},
            stdout=output,
            stderr=errors,
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != code:
            errors.seek(0)
            raise RuntimeError(f"{arguments[:4]} ended with {process.returncode}: {errors.read()[-1000:].decode()}")
        output.seek(0)
        return usage.ru_utime + usage.ru_stime, output.read().decode()


def measure(run, sources, rounds, say):
    """Processor seconds of all rounds: dict of start to dict of checkout to list of float.

    Args:
        run: str. A trained run.
        sources: dict of name to path, the checkouts.
        rounds: int.
        say: callable that takes what is being measured.
    """
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, source in sources.items():
            say(f"exporting with {name}")
            exporting = ["-c", _COMMAND, "export", run, str(Path(folder, name))]
            processor_seconds(exporting, source)
        for number in range(rounds):
            for name, source in sources.items():
                commands = starts(run, str(Path(folder, name)))
                for start, arguments in {IMPORT: ["-c", IMPORT], **commands}.items():
                    say(f"round {number + 1} of {rounds}: {start}, {name}")
                    seconds, output = processor_seconds(arguments, source, 2 if start == "wrong arguments" else 0)
                    seconds = float(output) if start == STEP else seconds
                    found.setdefault(start, {}).setdefault(name, []).append(seconds)
    return found


def ratios(seconds):
    """Lowest time of each start, in times of the lowest import: dict of start to dict of checkout to float."""
    unit = min(value for values in seconds[IMPORT].values() for value in values)
    return {
        start: {name: min(values) / unit for name, values in by_name.items()}
        for start, by_name in seconds.items()
        if start in RATIOS
    }


def bars(seconds):
    """The bars of the checkout `here`, see `frame.bar`, from what `measure` returns."""
    found = ratios(seconds)
    result = [
        frame.bar(start, "processor time, times the import of TensorFlow", found[start]["here"], "at most", limit)
        for start, limit in RATIOS.items()
    ]
    return result + [
        frame.bar(start, "processor seconds", min(seconds[start]["here"]), "at most", limit)
        for start, limit in SECONDS.items()
    ]


def command(argv):
    parser = frame.parser(
        "cold",
        "Measure the processor time of cold starts: a prediction, a SavedModel's first answer, a first training step.",
        "--base ../base",
        rounds="how often each start is measured",
    )
    parser.add_argument("--run", metavar="RUN", default="news", help="a trained run (default: news)")
    parser.add_argument("--base", metavar="FOLDER", help="a checkout of another commit, to compare with")
    args = frame.parse(parser, argv)

    from rich.console import Console

    from cman_tf.errors import InputError

    sources = {"here": Path(__file__).resolve().parents[1]}
    if args.base:
        sources["base"] = Path(args.base).resolve()
        if not (sources["base"] / "cman_tf").is_dir():
            raise InputError(f"--base must be a checkout of this project. Received: {args.base}")
    about = environment()
    with Console(stderr=True).status("starting") as status:
        seconds = measure(args.run, sources, args.rounds, status.update)
    result = {"rounds": args.rounds, "processor_seconds": seconds, "times_import": ratios(seconds)}
    result["bars"] = bars(seconds)
    rows = [
        (start, name, f"{min(values):.2f}", f"{result['times_import'][start][name]:.2f}" if start in RATIOS else "")
        for start, by_name in seconds.items()
        for name, values in by_name.items()
    ]
    headings = "start", "checkout", "processor seconds", "times the import"
    frame.report(args, about, result, frame.table("Cold starts", headings, rows))


if __name__ == "__main__":
    frame.run("cold", command)
