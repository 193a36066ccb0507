"""Options: help, defaults, and what is refused."""

import subprocess
import sys
from typing import get_args, get_origin

import pytest

from cman_tf import config as configs
from cman_tf.commands import cli, fit, options, predict
from tests.commands.conftest import COMMANDS, files

NAMES = [name for name, *_ in configs.all_fields()]


@pytest.mark.parametrize("program", COMMANDS)
def test_help_shows_an_example_and_defaults(capsys, program):
    with pytest.raises(SystemExit) as left:
        cli.run(program, COMMANDS[program].command, ["--help"])
    assert left.value.code == 0
    text = capsys.readouterr().out
    assert f"example: {program} " in text
    assert "default" in text


def test_help_of_fit_shows_every_field_with_its_default(capsys):
    with pytest.raises(SystemExit):
        fit.command(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    for name, _, default, help in configs.all_fields():
        assert f"--{name} " in text
        shown = str(default).lower() if isinstance(default, bool) else default
        notes = text.partition(f" {' '.join(help.split())} (")[2].partition(")")[0].split("; ")
        assert notes[-1] == f"default: {'none' if default in (None, ()) else shown}", name


def test_help_shows_ranges(capsys):
    with pytest.raises(SystemExit):
        fit.command(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "are seen, repetitions included (at least 0; default: 180)" in text
    assert "fold of ADE (at least 0, at most 9; default: 0)" in text
    with pytest.raises(SystemExit):
        predict.command(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "probability above which a relation is predicted; not in the paper (above 0, below 1) --" in text


def test_help_does_not_wait_for_tensorflow():
    code = (
        "import sys\nfrom cman_tf.commands import fit, evaluate, predict\n"
        "try:\n    fit.command(['--help'])\nfinally:\n    assert 'tensorflow' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", NAMES)
def test_every_config_field_is_an_option(name):
    kind, default = next((kind, default) for field, kind, default, _ in configs.all_fields() if field == name)
    several = get_origin(kind) is tuple
    choices = get_args(get_args(kind)[0]) if several else ()
    value = default if kind in (int, float) else not default if kind is bool else default or (choices or ["text"])[0]
    expected = [value] if several else value
    parser = cli.parser("test", "", "")
    options.add_training(parser)
    changes = options.overrides(cli.parse(parser, [f"--{name}", str(value)]))
    assert changes == {name: expected}
    configs.change(configs.Config(), changes)


@pytest.mark.parametrize("text", ["2024", "no", "1e5", "null", "[a", "~"])
def test_names_are_taken_as_they_are_written(text):
    parser = cli.parser("test", "", "")
    options.add_config_options(parser)
    assert options.overrides(cli.parse(parser, ["--corpus.name", text])) == {"corpus.name": text}


def test_an_empty_text_takes_back_an_optional_value_alone():
    parser = cli.parser("test", "", "")
    options.add_config_options(parser)
    args = cli.parse(parser, ["--words.vectors", "", "--corpus.name", ""])
    assert options.overrides(args) == {"words.vectors": None, "corpus.name": ""}


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (
            ["--training.epoch", "3"],
            "Unknown option: --training.epoch; nearest: --training.epochs. See cman fit",
        ),
        (["--hidden_size=3"], "nearest: --model.hidden_size"),
        (["--corpsu", "sample"], "nearest: --corpus"),
        (["sample"], "Unknown argument: sample. See cman fit --help."),
        (["--training.epochs", "2.5"], "`training.epochs` must be a valid integer. Received: 2.5 in the options"),
        (["--training.epochs", "many"], "`training.epochs` must be a valid integer. Received: 'many'"),
        (["--training.epochs", "-1"], "must be greater than or equal to 0. Received: -1"),
        (["--training.epochs"], "argument --training.epochs: expected one argument"),
        (["--seed", "1", "--seed=2"], "An option must be given once. Received: --seed twice"),
        (["--corpus", "a", "--corpus.name", "b"], "An option must be given once. Received: --corpus and --corpus.name"),
        (["--seed", "abc"], "`seed` must be a valid integer. Received: 'abc' in the options"),
        (["--seed", "-1"], "`seed` must be greater than or equal to 0. Received: -1"),
        (["--protocol", "dev"], "`protocol` must be 'train' or 'train+dev'. Received: 'dev'"),
        (["--model.bla", "maybe"], "`model.bla` must be a valid boolean. Received: 'maybe'"),
        (["--model.num_heads", "7"], "must be a multiple of `model.num_heads`. Received: hidden_size=64, num_heads=7"),
        (["--config", "conl04"], "Received: conl04; nearest: conll04"),
        (["--config", "missing.yaml"], "Cannot read missing.yaml: no such file or directory."),
        (["--resume"], "the run in --run-dir. Received: no --run-dir"),
        (["--resume", "--run-dir", "a", "--seed", "3", "--config", "sample"], "--run-dir. Received: --config sample"),
        (["--resume", "--run-dir", "missing"], "Received: missing, which is not a folder"),
    ],
)
def test_options_that_fit_refuses(refused, tmp_path, monkeypatch, argv, told):
    monkeypatch.chdir(tmp_path)
    assert told in refused("cman fit", *argv)
    assert files(tmp_path) == []


def test_an_option_with_one_value_is_given_once(refused):
    told = refused("cman predict", "run", "--input", "a.txt", "--input", "b.txt")
    assert told.endswith("An option must be given once. Received: --input twice\n")
    parser = cli.parser("test", "", "")
    options.add_allow_encoder(parser)
    parser.add_argument("--input")
    parser.add_argument("text", nargs="*")
    args = cli.parse(parser, ["-v", "--allow-encoder", "a", "--input=x", "-v", "--allow-encoder", "b", "c"])
    assert (args.allow_encoder, args.input, args.text) == (["a", "b"], "x", ["c"])


@pytest.mark.parametrize("program", ["cman evaluate", "cman predict"])
def test_a_run_must_be_given(refused, program):
    assert "the following arguments are required: RUN" in refused(program)


def test_choices_are_listed(refused):
    assert "'train', 'dev', 'test'" in refused("cman evaluate", "run", "--split", "tset")
    assert "'table', 'jsonl', 'html'" in refused("cman predict", "run", "--format", "xml")


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "sample"),
        ({"corpus.name": "ade"}, "ade"),
        ({"corpus.name": "my_corpus"}, "own"),
        ({"corpus.name": "news"}, "own"),
    ],
)
def test_a_corpus_has_its_preset(changes, name):
    assert options.preset_of(changes) == name
    assert name in configs.shipped()


def test_a_start_gives_its_configuration(trained_run):
    changes = {"corpus.name": "my_corpus", "start_from": str(trained_run.path), "training.epochs": 7}
    config = options.configuration(None, changes, "own")
    assert config.model == trained_run.config().model
    assert (config.corpus.name, config.training.epochs) == ("my_corpus", 7)
    assert config.training.warmup_epochs == configs.load("start").training.warmup_epochs
    assert options.configuration("sample", changes, "own").model == configs.load("sample").model
