"""Runs with contextual encoders, frozen and fine-tuned, with a toy encoder."""

import json
from dataclasses import replace

import h5py
import numpy as np
import pytest
import tensorflow as tf

from cman_tf import config as configs
from cman_tf.commands import cli, evaluate, fit, predict
from cman_tf.data.document import Document
from cman_tf.encoders.contextual import ContextualEncoder
from cman_tf.errors import InputError
from cman_tf.evaluation import evaluator
from cman_tf.evaluation.thresholds import threshold_curve
from cman_tf.predictor import Predictor
from cman_tf.training import workflow
from cman_tf.training.run import Run
from cman_tf.training.workflow import begin
from tests.encoders import tiny
from tests.encoders.toys import DroppingToy, Toy, write
from tests.training.test_trainer import KilledError, Killer

pytestmark = pytest.mark.usefixtures("eager")


@pytest.fixture(scope="module")
def dropping(tmp_path_factory):
    return write(tmp_path_factory.mktemp("encoders"), "dropping", 1, kind=DroppingToy)


@pytest.fixture
def options(tmp_path, corpus, config, module):
    values = configs.to_dict(config)
    values["corpus"] = {"name": str(corpus)}
    values["encoder"] = {"modules": [module], "store": str(tmp_path / "store")}
    values["model"] |= {"encoder": "mlp", "bla": False}
    values["training"] |= {"epochs": 2, "average_decay": 0.9}
    return values


def train(values, path, **changes):
    return workflow.train(configs.change(configs.from_dict(values), changes), path)[0]


def weights(run):
    """Content of `weights.h5` by name, without building the network, which would be slow."""
    found = {}
    with h5py.File(run.weights) as file:
        file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


@pytest.fixture
def encoded(monkeypatch):
    """The tokens of every call of an encoder."""
    calls, call = [], ContextualEncoder.__call__

    def counted(self, tokens, *arguments):
        calls.append(tokens)
        return call(self, tokens, *arguments)

    monkeypatch.setattr(ContextualEncoder, "__call__", counted)
    return calls


@pytest.mark.slow
@pytest.mark.parametrize("trainable", [False, True], ids=["frozen", "fine-tuned"])
def test_a_run_with_an_encoder(options, tmp_path, documents, dropping, trainable, encoded):
    # The last epoch is kept: without dev nothing else can be, were a resumed training to go another way.
    changes = {"encoder.trainable": trainable, "encoder.learning_rate": 0.01, "protocol": "train+dev"}
    if trainable:
        changes["encoder.modules"] = [dropping]
    run = train(options, tmp_path / "run", **changes)
    predictor = run.predictor()
    encoders = predictor.network.encoders
    table = next(variable.numpy() for variable in encoders.trainable_variables if "table" in variable.name)
    assert bool(np.abs(table - Toy(1).table).max() > 1e-3) is trainable
    assert (tmp_path / "store").exists() is not trainable
    assert json.loads(run.metrics.read_text())["split"] == "test"
    # In the graph and from the store: the same answer.
    found = predictor.extract(documents)
    assert [d.tokens for d in found] == [d.tokens for d in documents]
    from cman_tf.training.trainer import Trainer

    if not trainable:
        trainer = Trainer(run, predictor.network, documents, documents)
        stored = predictor.extract(documents, contextual=trainer._stored(documents))
        for one, other in zip(found, stored):
            for entity, same in zip(one.entities, other.entities):
                assert (entity.start, entity.end, entity.type) == (same.start, same.end, same.type)
            np.testing.assert_allclose([e.score for e in one.entities], [e.score for e in other.entities], atol=1e-4)

    # Killed and resumed, it ends with the same weights.
    killer = Killer(1)

    class Shown:
        def __init__(self, epochs):
            pass

        def __enter__(self):
            return killer

        def __exit__(self, *_):
            pass

    config = configs.change(configs.from_dict(options), changes)
    with pytest.raises(KilledError):
        workflow.train(config, tmp_path / "killed", progress=Shown)
    encoded.clear()
    resumed = workflow.train(None, tmp_path / "killed", resuming=True, allow_encoders=config.encoder.modules)[0]
    if not trainable:  # all vectors are in the store by now, for training and for scoring
        assert not encoded
    assert len(weights(run)) == len(weights(resumed)) > 20
    for name, value in weights(run).items():
        np.testing.assert_array_equal(value, weights(resumed)[name], name)


def test_a_store_that_cannot_be_written_is_refused_before_the_run_folder_exists(options, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="Cannot write contextual vectors .* CMAN_TF_STORE"):
        begin(configs.change(configs.from_dict(options), {"encoder.store": str(tmp_path / "file")}), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_several_encoders_and_commands(options, tmp_path, corpus, module, capsys, encoded):
    """The second is ELMo, the paper's: through the store in training and evaluation, in the graph for prediction."""
    second = tiny.elmo(tmp_path / "elmo")
    file = tmp_path / "config.yaml"
    configs.save(configs.from_dict(options), file)
    arguments = ["--config", file, "--encoder.modules", f"{module},{second}", "--encoder.projection", 5]
    arguments += ["--training.epochs", 1, "--run-dir", tmp_path / "run"]
    assert cli.run("fit", fit.command, [str(argument) for argument in arguments]) == 0
    run = str(tmp_path / "run")
    about = Run.open(run).about_encoders()
    assert [(item["name"], item["width"]) for item in about] == [("toy", 4), ("elmo", 6)]
    encoded.clear()
    allowed = ["--allow-encoder", module, "--allow-encoder", str(second)]
    arguments = [run, "--corpus", str(corpus), "--corpus.overlap", "keep_outer", "--against", run, *allowed]
    assert cli.run("evaluate", evaluate.command, arguments) == 0
    out = capsys.readouterr().out
    assert "gold entities: all" in out
    assert "paired bootstrap" in out
    assert not encoded
    assert cli.run("predict", predict.command, [run, "Ana lives in Oslo.", *allowed]) == 0
    assert "Ana lives in Oslo" in capsys.readouterr().out


def test_scoring_reads_the_store_where_it_can(options, tmp_path, documents, encoded, capsys):
    _, network, _ = begin(configs.from_dict(options), tmp_path / "run")

    def predictor(store):
        config = configs.change(network.config, {"encoder.store": str(store)})
        return Predictor(replace(network, config=config))

    with_store = predictor(tmp_path / "store")
    first, found = evaluator.evaluate(with_store, documents, variants=True)
    assert len(encoded) == 1
    assert evaluator.evaluate(with_store, documents, variants=True) == (first, found)
    assert list(threshold_curve(with_store, documents, (0.4, 0.6))) == [0.4, 0.6]
    assert len(encoded) == 1
    # A run may be scored where its store cannot be written.
    (tmp_path / "file").touch()
    capsys.readouterr()
    _, computed = evaluator.evaluate(predictor(tmp_path / "file"), documents)
    assert [d.entities for d in computed] == [d.entities for d in found]
    said = capsys.readouterr().err
    assert said.startswith("Contextual vectors are ")
    assert " Cannot write contextual vectors to " in said
    assert said.count("\n") == 1

    tf.config.run_functions_eagerly(False)  # a layer of empty sentences takes a graph
    empty = [Document([])] * 2
    try:
        assert with_store.extract(empty, contextual=evaluator.contextual_vectors(with_store, empty)) == empty
    finally:
        tf.config.run_functions_eagerly(True)


def test_invalid_encoders_are_refused(options, tmp_path, module):
    def refused(path, **changes):
        with pytest.raises(InputError) as caught:
            train(options, path, **changes)
        return str(caught.value)

    assert "Cannot load the encoder nowhere: there is no such folder." in refused(
        tmp_path / "a", **{"encoder.modules": ["nowhere"]}
    )
    assert not (tmp_path / "a").exists()
    config = configs.change(configs.from_dict(options), {"training.epochs": 1})
    run = begin(config, tmp_path / "run")[0]
    assert run.network(trained=False).encoders.about == run.about_encoders()
    other = write(tmp_path, "other", 3)
    with pytest.raises(InputError, match="must be the one that the run was trained with, toy with fingerprint"):
        run.network({"encoder.modules": [other]}, trained=False)
    # Other vectors under the same fingerprint, by somebody's mistake.
    (tmp_path / "again").mkdir()
    wider = write(tmp_path / "again", "wider", 1, width=5)
    run.allow_encoders = (wider,)
    with pytest.raises(InputError, match="toy with width 4. Received: wider with width 5"):
        run.network({"encoder.modules": [wider]}, trained=False)


def test_vectors_of_a_teachers_trained_encoders_are_not_stored(options, tmp_path):
    tuned = train(options, tmp_path / "tuned", **{"encoder.trainable": True, "encoder.learning_rate": 0.1})
    changes = {"training.teacher": str(tuned.path), "training.epochs": 1}
    pupil = train(options, tmp_path / "pupil", **changes)
    [base] = pupil.network().encoders.encoders
    documents = list(workflow.load_corpus(pupil.config(), splits=("train",)).splits["train"])
    stored = evaluator.contextual_vectors(pupil.predictor(), documents)["contextual_1"]
    for document, vectors in zip(documents, stored):
        own = base(tf.constant([[token.encode() for token in document.tokens]]))[0]
        np.testing.assert_allclose(vectors, own, atol=1e-2)
    [trained] = tuned.network().encoders.encoders
    assert not np.allclose(trained(tf.constant([["Ana"]])), base(tf.constant([["Ana"]])), atol=1e-2)


def test_frozen_encoders_cannot_start_from_a_run_that_trained_its_own(options, tmp_path):
    tuned = train(options, tmp_path / "tuned", **{"encoder.trainable": True})
    config = configs.change(configs.from_dict(options), {"start_from": str(tuned.path)})
    with pytest.raises(InputError, match=r"must train them too: `encoder.trainable`\. Received: `start_from` "):
        workflow.train(config, tmp_path / "next", allow_encoders=options["encoder"]["modules"])
    assert not (tmp_path / "next").exists()


def test_a_teacher_whose_encoder_is_not_allowed_is_refused_before_the_run_begins(options, tmp_path):
    teacher = train(options, tmp_path / "teacher")
    plain = {**options, "encoder": {}}
    with pytest.raises(InputError, match="--allow-encoder"):
        train(plain, tmp_path / "next", **{"training.teacher": str(teacher.path)})
    assert not (tmp_path / "next").exists()
