"""Run folders that are missing, damaged, or of a training that is unfinished."""

import pytest

from cman_tf import config as configs
from cman_tf.commands import cli
from cman_tf.training.run import Run
from tests.commands.conftest import COMMANDS


@pytest.mark.parametrize("program", ["cman evaluate", "cman predict"])
def test_a_run_must_be_a_folder(refused, tmp_path, program):
    assert "which is not a folder" in refused(program, tmp_path / "missing")
    (tmp_path / "empty").mkdir()
    assert f"{tmp_path / 'empty'} is not a complete run folder: it lacks environment.json, " in refused(
        program, tmp_path / "empty"
    )


@pytest.mark.parametrize(
    "name", ["environment.json", "config.yaml", "labels.json", "weights.h5", "vocabulary/words.txt"]
)
def test_a_run_must_be_complete(refused, copy, name):
    (copy / name).unlink()
    assert f"{copy} is not a complete run folder: it lacks {name}" in refused("cman predict", copy, "Rain .")


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("environment.json", "{", "A run's file must be valid JSON"),
        ("environment.json", "[1]", "A run's file must contain a JSON object"),
        ("environment.json", '{"format": 99}', "of format 99"),
        ("environment.json", "{}", "of format None"),
        ("config.yaml", "model: {sizes: 3}", "Unknown config field: model.sizes"),
        ("labels.json", "[]", "A schema must be JSON"),
        ("labels.json", '{"entity_types": []}', "A schema must be JSON"),
        ("labels.json", '{"entity_types": [1], "relation_types": []}', "non-empty string"),
        ("vocabulary/vocabulary.json", "{}", "Cannot read the vocabulary in "),
        (
            "vocabulary/vocabulary.json",
            '{"num_trained": "5", "lowercase": true}',
            "Cannot read the vocabulary in ",
        ),
        (
            "vocabulary/vocabulary.json",
            '{"num_trained": -5, "lowercase": true}',
            "Cannot read the vocabulary in ",
        ),
        ("vocabulary/words.txt", "ana\n", "Cannot read the vocabulary in "),
        ("vocabulary/words.txt", "ana\n" * 99, "Cannot read the vocabulary in "),
        ("vocabulary/characters.txt", "a", "Cannot read the vocabulary in "),
        ("config.yaml", "", "config.yaml lacks the fields characters, "),
        (
            "config.yaml",
            "seed: 1\n",
            "config.yaml lacks the fields characters, corpus, decoding, encoder, model, protocol, training, words",
        ),
        ("weights.h5", "abc", "The weights of a run must fit its configuration"),
    ],
)
def test_a_run_must_be_whole(refused, copy, name, content, told):
    (copy / name).write_text(content)
    sentence = refused("cman predict", copy, "Rain .")
    assert told in sentence
    assert str(copy) in sentence


def test_a_run_must_be_text(refused, copy):
    (copy / "labels.json").write_bytes(b"\xff")
    assert f"A file must be UTF-8 text. Received: byte 0xff in {copy / 'labels.json'}" in refused(
        "cman predict", copy, "Rain ."
    )


@pytest.mark.parametrize("content", ["epoch,loss\n1,much\n", "epoch\n1,2\n", "epoch,loss\n1\n"])
def test_a_history_must_be_numbers(refused, copy, content):
    (copy / "history.csv").write_text(content)
    told = refused("cman fit", "--resume", "--run-dir", copy)
    assert f"A run's history must be a table of numbers. Received: {copy / 'history.csv'} (" in told


def test_a_run_with_encoders_must_say_which(refused, copy):
    configs.save(configs.change(Run.open(copy).config(), {"encoder.modules": ["toy"]}), copy / "config.yaml")
    for program in ("cman evaluate", "cman predict"):
        assert (
            f"{copy} is not a complete run folder: it lacks encoders.json, which its config.yaml requires"
            in refused(program, copy)
        )
    assert "it lacks encoders.json" in refused("cman fit", "--resume", "--run-dir", copy)


@pytest.mark.parametrize(("program", "argument"), [("cman evaluate", "--split=test"), ("cman predict", "Rain .")])
def test_a_run_whose_training_is_unfinished_says_so_once(quick, copy, capsys, program, argument):
    (copy / "checkpoints").mkdir()
    assert cli.run(program, COMMANDS[program].command, [str(copy), argument]) == 0
    out, err = capsys.readouterr()
    assert out
    assert err == (
        f"The training of {copy} is unfinished; its best epoch so far is used. Resume it with: "
        f"cman fit --resume --run-dir {copy}\n"
    )


def test_weights_must_fit(refused, copy):
    configs.save(configs.change(Run.open(copy).config(), {"model.relation_size": 5}), copy / "config.yaml")
    assert f"Received: {copy / 'weights.h5'} (" in refused("cman predict", copy, "Rain .")
