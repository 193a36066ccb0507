"""The command lines in this process: what they print, refuse and leave behind."""

import errno
import json
import os
import re
import shutil
import subprocess
import sys

import pytest
import tensorflow as tf

from cman_tf import cli, evaluate, fit, predict
from cman_tf import config as configs
from cman_tf.data import formats
from cman_tf.errors import InputError
from cman_tf.evaluation.tables import text_table
from cman_tf.training import workflow
from cman_tf.training.run import Run
from cman_tf.training.trainer import Trainer
from tests.conftest import TINY_WITHOUT_BILSTM, sentence
from tests.docs.blocks import ROOT, table_rows

NAMES = [name for name, *_ in configs.fields()]
COMMANDS = {"cman-fit": fit, "cman-evaluate": evaluate, "cman-predict": predict}


def write_corpus(folder, **splits):
    for split, part in splits.items():
        folder.mkdir(parents=True, exist_ok=True)
        formats.write(part, folder / f"{split}.json", "spert")
    return folder


@pytest.fixture(scope="module")
def corpus(tmp_path_factory, documents):
    folder = tmp_path_factory.mktemp("data") / "corpus"
    return write_corpus(folder, train=documents[:4], dev=documents[2:], test=documents[:2])


@pytest.fixture(scope="module")
def trained_with_predictor(tmp_path_factory, corpus):
    """A run folder, trained once, and the predictor that scored it: building graphs is what takes time."""
    values = {
        **TINY_WITHOUT_BILSTM,
        "corpus": {"name": str(corpus)},
        "training": {"epochs": 1, "batch_size": 4, "adversarial_alpha": 0.0},
    }
    path = tmp_path_factory.mktemp("runs") / "run"
    made, build = [], Run.predictor
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "predictor", lambda run: made.append(build(run)) or made[-1])
        workflow.train(configs.from_dict(values), path)
    return path, made[0]


@pytest.fixture(scope="module")
def trained(trained_with_predictor):
    """The run folder; tests that change it work on a copy."""
    return trained_with_predictor[0]


@pytest.fixture
def quick(monkeypatch, trained_with_predictor):
    """One predictor for all calls."""
    monkeypatch.setattr(Run, "predictor", lambda run, overrides=None: trained_with_predictor[1])


@pytest.fixture
def copy(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "copy")


@pytest.fixture
def refused(capsys):
    """Call a command that must refuse: the sentence it says."""

    def call(program, *argv):
        assert cli.run(program, COMMANDS[program].command, [str(argument) for argument in argv]) == 2
        out, err = capsys.readouterr()
        assert err.startswith(f"{program}: ")
        assert err.endswith("\n")
        assert err.count("\n") == 1
        assert "Traceback" not in err
        assert ". Received: " in err
        return err

    return call


@pytest.fixture
def answered(capsys):
    """Call a command that must succeed: what it prints."""

    def call(program, *argv):
        code = cli.run(program, COMMANDS[program].command, [str(argument) for argument in argv])
        out, err = capsys.readouterr()
        assert (code, err) == (0, "")
        return out

    return call


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


# Options.


@pytest.mark.parametrize("program", COMMANDS)
def test_help_shows_an_example_and_defaults(capsys, program):
    with pytest.raises(SystemExit) as left:
        cli.run(program, COMMANDS[program].command, ["--help"])
    assert left.value.code == 0
    text = capsys.readouterr().out
    assert f"example: python -m cman_tf.{program[5:]}" in text
    assert "default" in text


def test_help_of_fit_shows_every_field_with_its_default(capsys):
    with pytest.raises(SystemExit):
        fit.command(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    for name, _, default, help in configs.fields():
        assert f"--{name} " in text
        shown = str(default).lower() if isinstance(default, bool) else default
        notes = text.partition(f" {' '.join(help.split())} (")[2].partition(")")[0].split("; ")
        assert notes[-1] == f"default: {'none' if default in (None, ()) else shown}", name


def test_help_shows_ranges(capsys):
    with pytest.raises(SystemExit):
        fit.command(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "passes over the training sentences (paper, 4.1) (at least 1; default: 180)" in text
    assert "fold of ADE (at least 0, at most 9; default: 0)" in text
    with pytest.raises(SystemExit):
        predict.command(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "a relation counts above this probability; not in the paper (above 0, below 1) --" in text


def test_help_does_not_wait_for_tensorflow():
    code = (
        "import sys\nfrom cman_tf import fit, evaluate, predict\n"
        "try:\n    fit.command(['--help'])\nfinally:\n    assert 'tensorflow' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", NAMES)
def test_every_config_field_is_an_option(name):
    kind, default = next((kind, default) for field, kind, default, _ in configs.fields() if field == name)
    value = default if kind in (int, float) else not default if kind is bool else default or "text"
    expected = [value] if kind == tuple[str, ...] else value
    parser = cli.parser("test", "", "")
    parser.add_argument("--seed")
    parser.add_argument("--protocol")
    cli.add_config_options(parser)
    changes = cli.overrides(cli.parse(parser, [f"--{name}", str(value)]))
    assert changes == {name: expected}
    configs.change(configs.Config(), changes)


@pytest.mark.parametrize("text", ["2024", "no", "1e5", "null", "[a", "~"])
def test_names_are_taken_as_they_are_written(text):
    parser = cli.parser("test", "", "")
    cli.add_config_options(parser)
    assert cli.overrides(cli.parse(parser, ["--corpus.name", text])) == {"corpus.name": text}


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["--training.epoch", "3"], "Received: --training.epoch; nearest: --training.epochs"),
        (["--hidden_size=3"], "nearest: --model.hidden_size"),
        (["--corpsu", "sample"], "nearest: --corpus"),
        (["sample"], "An option must exist; --help lists them. Received: sample"),
        (["--training.epochs", "2.5"], "`training.epochs` must be a valid integer. Received: 2.5 in the command line"),
        (["--training.epochs", "many"], "`training.epochs` must be a valid integer. Received: 'many'"),
        (["--training.epochs", "0"], "must be greater than or equal to 1. Received: 0"),
        (["--training.epochs"], "argument --training.epochs: expected one argument"),
        (["--seed", "abc"], "`seed` must be a valid integer. Received: 'abc' in the command line"),
        (["--seed", "-1"], "`seed` must be greater than or equal to 0. Received: -1"),
        (["--protocol", "dev"], "`protocol` must be 'train' or 'train+dev'. Received: 'dev'"),
        (["--model.bla", "maybe"], "`model.bla` must be a valid boolean. Received: 'maybe'"),
        (["--model.num_heads", "7"], "must be a multiple of `model.num_heads`. Received: hidden_size=64, num_heads=7"),
        (["--config", "conl04"], "Received: conl04; nearest: conll04"),
        (["--config", "missing.yaml"], "A config file must be readable text. Received: missing.yaml"),
        (["--resume"], "it takes --run-dir and no config field. Received: no --run-dir"),
        (["--resume", "--run-dir", "a", "--seed", "3", "--config", "sample"], "Received: --config, --seed"),
        (["--resume", "--run-dir", "missing"], "Received: missing, which is no folder"),
    ],
)
def test_options_that_fit_refuses(refused, tmp_path, monkeypatch, argv, told):
    monkeypatch.chdir(tmp_path)
    assert told in refused("cman-fit", *argv)
    assert files(tmp_path) == []


@pytest.mark.parametrize("program", ["cman-evaluate", "cman-predict"])
def test_a_run_must_be_given(refused, program):
    assert "the following arguments are required: RUN" in refused(program)


def test_choices_are_listed(refused):
    assert "'train', 'dev', 'test'" in refused("cman-evaluate", "run", "--split", "tset")
    assert "'table', 'jsonl', 'html'" in refused("cman-predict", "run", "--format", "xml")


# Exit codes.


def test_exit_codes(capsys, monkeypatch):
    def interrupt(argv):
        raise KeyboardInterrupt

    def deny(argv):
        raise PermissionError(errno.EACCES, "Permission denied", "a\nb")

    def refuse(argv):
        raise InputError("A rule must hold. Received: a\nb\x1b[2J")

    assert cli.run("x", lambda argv: None, []) == 0
    assert cli.run("x", interrupt, []) == 130
    assert cli.run("x", deny, []) == 2
    assert cli.run("x", refuse, []) == 2
    lines = capsys.readouterr().err.split("\n")
    assert len(lines) == 4
    assert lines[1].startswith("x: A file must be readable and writable. Received: ")
    assert lines[2] == r"x: A rule must hold. Received: a\nb\x1b[2J"


def test_a_defect_is_not_hidden():
    def fail(argv):
        raise RuntimeError

    with pytest.raises(RuntimeError):
        cli.run("x", fail, [])


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_a_full_disk_behind_standard_output():
    code = "import sys; from cman_tf import cli; sys.exit(cli.run('x', lambda argv: print('a' * 9), []))"
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-c", code], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert done.stderr == "x: A file must be readable and writable. Received: [Errno 28] No space left on device\n"


def test_a_terminal_without_the_characters():
    code = "import sys; from cman_tf import cli; sys.exit(cli.run('x', lambda argv: print('é'), []))"
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, "\\xe9\n", "")


# Training.


def test_fit_leaves_a_whole_run(trained):
    assert Run.open(trained).config().training.epochs == 1
    for name in ("metrics.json", "report.html", "predictions/test.jsonl", "history.csv", "weights.h5"):
        assert (trained / name).stat().st_size
    assert json.loads((trained / "metrics.json").read_text())["split"] == "test"


def test_what_fit_leaves_is_what_the_reference_says(trained):
    page = (ROOT / "docs/reference/run_folder.md").read_text(encoding="utf-8")
    of_folder, of_metrics = page.split("## metrics.json")
    rows = {row[0].strip("`"): row[1] for row in table_rows(of_folder)}
    # What has an "only" is made where it says so.
    assert {name for name, text in rows.items() if "; only" in text} == {"encoders.json", "checkpoints/"}
    for name, text in rows.items():
        assert (trained / name).exists() == ("; only" not in text), name
    kept = [path for path in files(trained) if (trained / path).is_file()]
    assert [path for path in kept if path not in rows and f"{path.split('/')[0]}/" not in rows] == []
    rows = [(re.findall(r"`(\w+)`", row[0]), row[1]) for row in table_rows(of_metrics)]
    keys = {name for names, text in rows for name in names if "only if one was chosen" not in text}
    assert keys == set(json.loads((trained / "metrics.json").read_text()))


def test_resuming_a_finished_run_trains_nothing(copy, quick, monkeypatch, answered):
    monkeypatch.setattr(tf.keras.Model, "fit", lambda *args, **options: pytest.fail("trained again"))
    weights, history = (copy / "weights.h5").read_bytes(), (copy / "history.csv").read_text()
    out = answered("cman-fit", "--resume", "--run-dir", copy)
    assert out.endswith(f"\nReport: {copy / 'report.html'}\nRun:    {copy}\n")
    scores, sentences = out.split("\nSome sentences, as extracted:\n\n")
    metrics = json.loads((copy / "metrics.json").read_text())
    assert scores.endswith(f"\nScores on test\n\n{text_table(metrics)}")
    # The first of the sentences that are shown, with what was predicted of it.
    predicted = formats.read(copy / "predictions" / "test.jsonl")
    first = ([document for document in predicted if document.relations] or predicted)[0]
    shown = sentences.split("\n\n")[0].splitlines()
    assert shown[0] == first.text
    assert len(shown) == 1 + len(first.entities) + len(first.relations)
    for line, entity in zip(shown[1:], first.entities):
        assert line.split()[:2] == [entity.type, first.entity_text(entity).split()[0]]
    assert (copy / "weights.h5").read_bytes() == weights
    assert (copy / "history.csv").read_text() == history


def test_a_new_run_needs_a_free_folder(refused, trained, corpus, tmp_path):
    before = files(trained)
    told = refused("cman-fit", "--corpus", corpus, "--run-dir", trained)
    assert f"with --resume. Received: {trained}" in told
    assert files(trained) == before
    (tmp_path / "file").touch()
    assert "new or empty folder" in refused("cman-fit", "--corpus", corpus, "--run-dir", tmp_path / "file")


def test_a_resumed_run_needs_its_corpus(refused, copy, tmp_path, documents):
    other = write_corpus(tmp_path / "other", train=documents, dev=documents)
    config = configs.change(Run.open(copy).config(), {"corpus.name": str(other)})
    configs.save(config, copy / "config.yaml")
    assert "the corpus it began with" in refused("cman-fit", "--resume", "--run-dir", copy)


def test_corpora_that_fit_refuses(refused, tmp_path, documents):
    def told(*argv):
        sentence = refused("cman-fit", "--run-dir", tmp_path / "run", *argv)
        assert not (tmp_path / "run").exists()
        return sentence

    assert "Received: conl04; nearest: conll04" in told("--corpus", "conl04")
    (tmp_path / "none").mkdir()
    assert "files named train, dev, test. Received: none in" in told("--corpus", tmp_path / "none")
    (tmp_path / "none" / "train.json").write_text("[]")
    assert "at least one sentence" in told("--corpus", tmp_path / "none")
    (tmp_path / "none" / "train.json").write_text("")
    assert "must not be empty" in told("--corpus", tmp_path / "none")
    no_dev = write_corpus(tmp_path / "a", train=documents)
    assert f"--protocol train+dev. Received: {no_dev} without dev" in told("--corpus", no_dev)
    assert "--protocol train+dev" in told("--corpus", no_dev, "--protocol", "train")
    unlabelled = [sentence("Rain .")]
    assert "at least one entity type. Received: none in the training" in told(
        "--corpus", write_corpus(tmp_path / "b", train=unlabelled, dev=documents)
    )
    unrelated = [sentence("Oslo .", [(0, 1, "Loc")])]
    assert "at least one relation type. Received: none in the training" in told(
        "--corpus", write_corpus(tmp_path / "c", train=unrelated, dev=documents)
    )
    unknown = [sentence("Acme .", [(0, 1, "Org")])]
    later = told("--corpus", write_corpus(tmp_path / "d", train=documents, dev=documents, test=unknown))
    assert "must be one of Loc, Peop. Received: 'Org'" in later
    assert f"in test of {tmp_path / 'd'}" in later
    missing = tmp_path / "vectors.txt"
    assert f"A vector file must be readable. Received: {missing}" in told(
        "--corpus", write_corpus(tmp_path / "e", train=documents, dev=documents), "--words.vectors", missing
    )


def test_a_run_folder_that_cannot_be_written(refused, tmp_path, corpus, monkeypatch):
    (tmp_path / "file").touch()
    assert "must be writable" in refused("cman-fit", "--corpus", corpus, "--run-dir", tmp_path / "file" / "run")

    def full(source, target):
        raise OSError(errno.ENOSPC, "No space left on device", source)

    monkeypatch.setattr(os, "replace", full)
    (tmp_path / "empty").mkdir()
    for name in ("run", "empty"):
        told = refused("cman-fit", "--corpus", corpus, "--run-dir", tmp_path / name)
        assert "(No space left on device)" in told
    assert files(tmp_path) == ["empty", "file"]


class FullDisk:
    """Stands for TensorFlow's writers on a disk without space."""

    latest_checkpoint = None

    def save(self):
        raise tf.errors.ResourceExhaustedError(None, None, "{{node Save}} ckpt-1; No space left on device [Op:SaveV2]")


def test_a_disk_that_fills_while_training(trained, tmp_path, documents, monkeypatch):
    run = Run(tmp_path / "run")
    run.path.mkdir()
    trainer = Trainer.__new__(Trainer)
    trainer.__dict__.update(
        run=run, dev=[], train=documents, average=None, history=[], epoch=tf.Variable(0, dtype=tf.int64),
        config=Run.open(trained).config({"training.epochs": 3}), checkpoints=FullDisk(),
        summaries=tf.summary.create_noop_writer(),
    )  # fmt: skip
    with pytest.raises(InputError, match=r"A run folder must be writable.*run \(ckpt-1; No space left on device\)$"):
        trainer.end_epoch(0, {"loss": 1.0, "ner_loss": 1.0, "re_loss": 0.0}, 1.0)


def test_a_checkpoint_that_ends_too_early(trained, tmp_path):
    def trainer():
        result = Trainer.__new__(Trainer)
        state = tf.train.Checkpoint(weight=tf.Variable(tf.zeros([100])))
        checkpoints = tf.train.CheckpointManager(state, str(tmp_path / "checkpoints"), 1)
        result.__dict__.update(run=Run(tmp_path), checkpoints=checkpoints, epoch=tf.Variable(0))
        return result

    path = trainer().checkpoints.save()
    for suffix in (".data-00000-of-00001", ".index"):
        os.truncate(path + suffix, 20)
        with pytest.raises(InputError, match="its checkpoints whole"):
            trainer()._restore()


def test_weights_on_a_full_disk(tmp_path, monkeypatch):
    inputs = tf.keras.Input([3])
    model = tf.keras.Model(inputs, tf.keras.layers.Dense(2)(inputs))
    run = Run(tmp_path)
    run.save_weights(model)
    before = run.weights.read_bytes()

    def full(file):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    model.set_weights([weight + 1 for weight in model.get_weights()])
    with pytest.raises(InputError, match=r"weights.h5 \(No space left on device\)"):
        run.save_weights(model)
    assert files(tmp_path) == ["weights.h5"]
    assert run.weights.read_bytes() == before


# Run folders.


@pytest.mark.parametrize("program", ["cman-evaluate", "cman-predict"])
def test_a_run_must_be_a_folder(refused, tmp_path, program):
    assert "which is no folder" in refused(program, tmp_path / "missing")
    (tmp_path / "empty").mkdir()
    assert "must be complete. Received: " in refused(program, tmp_path / "empty")


@pytest.mark.parametrize(
    "name", ["environment.json", "config.yaml", "labels.json", "weights.h5", "vocabulary/words.txt"]
)
def test_a_run_must_be_complete(refused, copy, name):
    (copy / name).unlink()
    assert f"{copy} without {name}" in refused("cman-predict", copy, "Rain .")


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("environment.json", "{", "A run's file must be readable JSON"),
        ("environment.json", "[1]", "A run's file must hold a JSON object"),
        ("environment.json", '{"format": 99}', "of format 99"),
        ("environment.json", "{}", "of format None"),
        ("config.yaml", "model: {sizes: 3}", "A config field must exist. Received: model.sizes"),
        ("labels.json", "[]", "A schema must be JSON"),
        ("labels.json", '{"entity_types": []}', "A schema must be JSON"),
        ("labels.json", '{"entity_types": [1], "relation_types": []}', "non-empty string"),
        ("vocabulary/vocabulary.json", "{}", "A vocabulary must be as it was saved"),
        ("vocabulary/characters.txt", "a", "A vocabulary must be as it was saved"),
        ("weights.h5", "abc", "The weights of a run must be those of its configuration"),
    ],
)
def test_a_run_must_be_whole(refused, copy, name, content, told):
    (copy / name).write_text(content)
    sentence = refused("cman-predict", copy, "Rain .")
    assert told in sentence
    assert str(copy) in sentence


def test_a_run_with_encoders_must_say_which(refused, copy):
    configs.save(configs.change(Run.open(copy).config(), {"encoder.modules": ["toy"]}), copy / "config.yaml")
    for program in ("cman-evaluate", "cman-predict"):
        assert f"{copy} without encoders.json, which config.yaml asks for" in refused(program, copy)
    assert "without encoders.json" in refused("cman-fit", "--resume", "--run-dir", copy)


@pytest.mark.parametrize(("program", "argument"), [("cman-evaluate", "--split=test"), ("cman-predict", "Rain .")])
def test_a_run_whose_training_is_unfinished_says_so_once(quick, copy, capsys, program, argument):
    (copy / "checkpoints").mkdir()
    assert cli.run(program, COMMANDS[program].command, [str(copy), argument]) == 0
    out, err = capsys.readouterr()
    assert out
    assert err == (
        f"The training of {copy} is unfinished, and its best epoch so far is used. It goes on with: "
        f"python -m cman_tf.fit --resume --run-dir {copy}\n"
    )


def test_weights_must_fit(refused, copy):
    configs.save(configs.change(Run.open(copy).config(), {"model.label_size": 5}), copy / "config.yaml")
    assert f"Received: {copy / 'weights.h5'} (" in refused("cman-predict", copy, "Rain .")


# Evaluation.


def test_evaluate_prints_and_writes(quick, trained, tmp_path, answered):
    out = answered(
        "cman-evaluate", trained, "--split", "dev", "--exclude-type", "Loc", "--against", trained,
        "--json", tmp_path / "a" / "metrics.json", "--report", tmp_path / "a" / "report.html",
    )  # fmt: skip
    assert "strict micro" in out
    metrics = json.loads((tmp_path / "a" / "metrics.json").read_text())
    assert metrics["split"] == "dev"
    assert set(metrics["strict"]["micro"]["entities"]) >= {"precision", "recall", "f1"}
    assert {"per_type", "counts", "without_types", "against"} <= set(metrics)
    assert (tmp_path / "a" / "report.html").read_text().startswith("<!")
    assert files(tmp_path / "a") == ["metrics.json", "report.html"]


def measured(tmp_path, capsys, *argv):
    """What `evaluate` writes as JSON, and says on standard output and standard error."""
    arguments = [*argv, "--json", tmp_path / "metrics.json"]
    assert cli.run("cman-evaluate", evaluate.command, [str(argument) for argument in arguments]) == 0
    return json.loads((tmp_path / "metrics.json").read_text()), *capsys.readouterr()


NEW = sentence("Rain in Oslo .", [(2, 3, "Loc")])


@pytest.mark.parametrize(("protocol", "kept"), [("train", 2), ("train+dev", 1)])
def test_repeated_sentences_are_those_the_run_was_trained_on(quick, copy, tmp_path, capsys, documents, protocol, kept):
    configs.save(configs.change(Run.open(copy).config(), {"protocol": protocol}), copy / "config.yaml")
    # The run's training has the first four, its dev the fifth; the other corpus' own training tells nothing.
    other = write_corpus(tmp_path / "other", train=[NEW, *documents], test=[*documents, NEW])
    metrics, _, err = measured(tmp_path, capsys, copy, "--corpus", other)
    assert metrics["without_repeated"]["counts"]["sentences"] == kept
    assert err == ""


def test_another_corpus_is_scored_though_the_runs_own_is_gone(quick, copy, tmp_path, capsys, documents, refused):
    other = write_corpus(tmp_path / "other", test=documents)
    changed = {"corpus.name": "conll04", "corpus.data_dir": "nowhere"}
    configs.save(configs.change(Run.open(copy).config(), changed), copy / "config.yaml")
    for given, place in (([], "nowhere"), (["--data-dir", tmp_path], tmp_path)):
        metrics, out, err = measured(tmp_path, capsys, copy, "--corpus", other, *given)
        assert "strict" in metrics
        assert "without_repeated" not in metrics
        assert "without repeated" not in out
        assert err.startswith("No score without repeated sentences, for those of training cannot be read. The data")
        assert f"Received: {place}/conll04/" in err
        assert err.count("\n") == 1
    # Its own corpus has to be there.
    configs.save(configs.change(Run.open(copy).config(), {"corpus.name": str(other)}), copy / "config.yaml")
    assert "a file named train" in refused("cman-evaluate", copy)
    assert "a file named train" in refused("cman-evaluate", copy, "--corpus", other)


def test_evaluate_scores_under_every_overlap_policy(quick, trained, tmp_path, capsys):
    nested = sentence("Rain in New Oslo .", [(2, 4, "Loc"), (3, 4, "Loc")])
    other = write_corpus(tmp_path / "other", test=[NEW, nested])
    metrics, out, _ = measured(tmp_path, capsys, trained, "--corpus", other, "--corpus.overlap", "drop_sentences")
    assert metrics["counts"]["entities_gold"] == 1
    found = {name: value["counts"]["entities_gold"] for name, value in metrics["overlap_policies"].items()}
    assert found == {"all": 3, "keep_outer": 2, "drop_sentences": 1, "no_overlapping": 1}
    assert "gold entities: keep_outer" in out
    assert "overlap_policies" not in measured(tmp_path, capsys, trained)[0]


def test_what_evaluate_refuses(quick, trained, refused, tmp_path, documents):
    unknown = [sentence("Acme hired Ana .", [(0, 1, "Org"), (2, 3, "Peop")], [(1, 0, "Work_For")])]
    other = write_corpus(tmp_path / "other", test=unknown)
    assert "must be one of Loc, Peop. Received: 'Org'" in refused("cman-evaluate", trained, "--corpus", other)
    assert "Received: Person" in refused("cman-evaluate", trained, "--exclude-type", "Person")
    assert "a file named dev" in refused("cman-evaluate", trained, "--corpus", other, "--split", "dev")
    assert "nearest: conll04" in refused("cman-evaluate", trained, "--corpus", "conl04")
    assert "which is no folder" in refused("cman-evaluate", trained, "--against", tmp_path / "missing")
    (tmp_path / "file").touch()
    for option in ("--json", "--report"):
        assert "must be writable" in refused("cman-evaluate", trained, option, tmp_path / "file" / "a")
        if os.path.exists("/dev/full"):
            assert "/dev/full (No space left on device)" in refused("cman-evaluate", trained, option, "/dev/full")
    assert files(tmp_path) == ["file", "other", "other/test.json"]


# Prediction.


def test_predict_sentences_in_a_process_of_its_own(trained):
    command = [sys.executable, "-m", "cman_tf.predict", trained, "--format", "jsonl", "--input", "-"]
    done = subprocess.run(command, input="Ana lives in Oslo.\n\nŁódź 🎈 ‏עברית\n".encode(), capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    lines = [json.loads(line) for line in done.stdout.decode("utf-8").splitlines()]
    assert [line["text"] for line in lines] == ["Ana lives in Oslo.", "", "Łódź 🎈 ‏עברית"]
    for line in lines:
        for entity in line["entities"]:
            assert line["text"][entity["char_start"] : entity["char_end"]] == entity["text"]


def test_predict_arguments(quick, trained, answered):
    out = answered("cman-predict", trained, "Ana lives in Oslo.", "Rain.")
    assert out.splitlines()[0] == "Ana lives in Oslo."
    assert "\nRain.\n" in out
    # Options may stand anywhere.
    lines = answered("cman-predict", trained, "--format", "jsonl", "Ana lives in Oslo.", "").splitlines()
    assert [json.loads(line)["text"] for line in lines] == ["Ana lives in Oslo.", ""]


@pytest.mark.parametrize("format", ["table", "jsonl", "html"])
def test_predict_writes_what_it_prints(quick, trained, answered, tmp_path, format):
    printed = answered("cman-predict", trained, "Ana \x1b[2J lives in Łódź.", "--format", format)
    assert "Łódź" in printed
    output = tmp_path / "new" / "output"
    assert answered("cman-predict", trained, "Ana \x1b[2J lives in Łódź.", "--format", format, "--output", output) == ""
    assert output.read_text(encoding="utf-8") == printed
    assert files(tmp_path / "new") == ["output"]
    assert "\x1b" not in printed


def test_predict_what_it_wrote(quick, trained, answered, tmp_path, documents):
    formats.write(documents, tmp_path / "a.json", "spert")
    first = answered("cman-predict", trained, "--input", tmp_path / "a.json", "--format", "jsonl")
    (tmp_path / "b.jsonl").write_text(first, encoding="utf-8")
    assert answered("cman-predict", trained, "--input", tmp_path / "b.jsonl", "--format", "jsonl") == first


def test_what_predict_refuses(quick, trained, refused, tmp_path):
    (tmp_path / "file").touch()
    told = refused("cman-predict", trained, "Rain .", "--input", tmp_path / "file")
    assert "not both. Received: both" in told
    assert "must not be empty" in refused("cman-predict", trained, "--input", tmp_path / "file")
    assert "must be readable" in refused("cman-predict", trained, "--input", tmp_path / "missing")
    for format in ("table", "jsonl", "html"):
        output = ["Rain .", "--format", format, "--output"]
        assert "must be writable" in refused("cman-predict", trained, *output, tmp_path / "file" / "a")
        assert "must be writable" in refused("cman-predict", trained, *output, tmp_path)
        if os.path.exists("/dev/full"):
            assert "/dev/full (No space left on device)" in refused("cman-predict", trained, *output, "/dev/full")
    assert files(tmp_path) == ["file"]


def test_decoding_options_are_checked(trained, refused):
    told = refused("cman-predict", trained, "Rain .", "--decoding.threshold", "1.5")
    assert "`decoding.threshold` must be less than 1. Received: 1.5 in the command line" in told
