"""The command lines in this process: a run to work on, and what a command says."""

import shutil

import pytest
import tensorflow as tf

from cman_tf import config as configs
from cman_tf.commands import cli, evaluate, fit, predict
from cman_tf.data import formats
from cman_tf.training import workflow
from cman_tf.training.run import Run
from tests.conftest import TINY_PLAIN

COMMANDS = {"cman fit": fit, "cman evaluate": evaluate, "cman predict": predict}


def write_corpus(folder, **splits):
    for split, part in splits.items():
        folder.mkdir(parents=True, exist_ok=True)
        formats.write(part, folder / f"{split}.json", "spert")
    return folder


@pytest.fixture(scope="package")
def corpus(tmp_path_factory, documents):
    folder = tmp_path_factory.mktemp("data") / "corpus"
    return write_corpus(folder, train=documents[:4], dev=documents[2:], test=documents[:2])


@pytest.fixture(scope="package")
def trained_with_predictor(tmp_path_factory, corpus):
    """A run folder, trained once, and the predictor that scored it: building graphs is what takes time."""
    values = {
        **TINY_PLAIN,
        "corpus": {"name": str(corpus)},
        "training": {"epochs": 1, "batch_size": 4, "adversarial_alpha": 0.0},
    }
    path = tmp_path_factory.mktemp("runs") / "run"
    made, score = [], workflow.score_run

    def with_graph(*parts):
        tf.config.run_functions_eagerly(False)
        made.append(parts[-1])
        return score(*parts)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workflow, "score_run", with_graph)
        # One step alone is made sooner than its graph.
        tf.config.run_functions_eagerly(True)
        workflow.train(configs.from_dict(values), path)
    return path, made[0]


@pytest.fixture(scope="package")
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
