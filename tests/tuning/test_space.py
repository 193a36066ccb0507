"""Search spaces: reading them, their errors, and their configurations."""

import re

import pytest

from cman_tf import config as configs
from cman_tf.data import formats
from cman_tf.errors import InputError
from tuning.hypermodel import CmanHyperModel
from tuning.keras2 import keras_tuner
from tuning.space import Space


@pytest.fixture
def read(tmp_path):
    """A space from YAML text, which replaces the shipped one."""

    def make(text, base=None, alone=True):
        path = tmp_path / "space.yaml"
        shipped = Space.read(configs.Config()).dimensions if alone else ()
        removed = "\n".join(f"{name}: null" for name in shipped if not re.search(f"^{re.escape(name)}:", text, re.M))
        path.write_text(removed + "\n" + text)
        return Space.read(base or configs.Config(), path)

    return make


def declared(space, **values):
    hp = keras_tuner.HyperParameters()
    hp.values.update(values)
    space.declare(hp)
    return hp


def test_every_end_of_the_shipped_space_is_a_configuration():
    space = Space.read(configs.load("conll04"))
    for item in space.dimensions.values():
        for value in item.values:
            changed = space.config({**declared(space).values, item.name: value})
            if item.when is None:
                assert configs.get(changed, item.name) == value


def test_a_file_narrows_removes_and_adds(read):
    space = read("model.bsa_units: {int: [1, 2]}\ntraining.clip_norm: {choice: [1.0, 5.0]}", alone=False)
    assert space.dimensions["model.bsa_units"].values == (1, 2)
    assert "training.clip_norm" in space.dimensions
    assert read("model.bsa_units: {int: [1, 2]}").dimensions.keys() == {"model.bsa_units"}


def test_one_choice_hides_another(read):
    space = read(
        "training.schedule: {choice: [constant, linear]}\n"
        "training.warmup_epochs: {choice: [1.0, 2.0], when: {training.schedule: [linear]}}"
    )
    assert "training.warmup_epochs" not in declared(space).values
    assert declared(space, **{"training.schedule": "linear"}).values["training.warmup_epochs"] == 1.0
    values = {"training.schedule": "constant", "training.warmup_epochs": 2.0}
    assert space.config(values).training.warmup_epochs == 0.0
    assert space.config({**values, "training.schedule": "linear"}).training.warmup_epochs == 2.0


def test_lists_and_numbers_come_back_as_they_were(read):
    space = read(
        "encoder.modules: {choice: [[], [a, b]]}\n"
        "encoder.projection: {choice: [0, 64], when: {encoder.modules: [[a, b]]}}\n"
        "model.bsa_units: {int: [1, 3]}\n"
        "model.lstm_dropout: {float: [0.1, 0.5], step: 0.1}"
    )
    hp = declared(space, **{"encoder.modules": "a,b", "model.lstm_dropout": 0.30000000000000004})
    config = space.config(hp.values)
    assert config.encoder.modules == ("a", "b")
    assert config.model.lstm_dropout == 0.3
    assert type(config.model.bsa_units) is int


def test_the_base_comes_first_where_it_can(read):
    base = configs.load("conll04", {"training.batch_size": 8})
    assert declared(read("training.batch_size: {choice: [4, 8]}", base)).values["training.batch_size"] == 8
    assert declared(read("training.batch_size: {choice: [2, 4]}", base)).values["training.batch_size"] == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "A space must have at least one hyper-parameter. Received: none"),
        ("model.hiden_size: {choice: [8]}", "A hyper-parameter must be a config field. Received: model.hiden_size; "
         "nearest: model.hidden_size"),
        ("training.epochs: {int: [1, 9]}", "A search cannot vary corpus., seed, protocol, training.epochs, "
         "encoder.store. Received: training.epochs"),
        ("corpus.name: {choice: [sample, ade]}", "A search cannot vary"),
        ("model.hidden_size: 8", "An entry must have the form of those in tuning/space.yaml"),
        ("model.hidden_size: {choices: [8]}", "An entry must have the form of those in tuning/space.yaml"),
        ("model.hidden_size: {choice: []}", "An entry must have one of choice, int and float"),
        ("model.bsa_units: {int: [3, 1]}", "Bounds must be two numbers, the lower first"),
        ("model.bsa_units: {int: [1, 2.5]}", "Bounds must be two numbers, the lower first"),
        ("training.learning_rate: {float: [0, 1], log: true}", "Bounds must be above 0 with `log`"),
        ("model.lstm_dropout: {float: [0, 0.5], step: 0}", "`step` must be above 0"),
        ("model.lstm_dropout: {float: [0, 1.5]}", "`model.lstm_dropout` must be less than 1"),
        ("model.hidden_size: {choice: [wide]}", "`model.hidden_size` must be a valid integer"),
        ("model.hidden_size: {choice: [10]}\nmodel.num_heads: {choice: [1, 8]}", "2 * `model.hidden_size` must be a "
         "multiple of `model.num_heads`"),
        ("model.num_heads: {choice: [3]}", "2 * `model.hidden_size` must be a multiple"),
        ("model.num_heads: {int: [1, 8]}", "model.num_heads must have a `choice`"),
        ("training.warmup_epochs: {choice: [1.0], when: {training.schedule: [linear]}}", "`when` must name a "
         "hyper-parameter with `choice`"),
        ("training.schedule: [constant]\ntraining.warmup_epochs: {choice: [1.0], when: {training.schedule: [linear]}}",
         "`when` must name a hyper-parameter"),
    ],
)  # fmt: skip
def test_what_is_no_space_is_refused(read, text, told):
    with pytest.raises(InputError) as error:
        read(text)
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[1]", "A space must map config fields to entries. Received: [1] in "),
        ("a: [", "space.yaml is not valid YAML: "),
    ],
)
def test_a_file_without_a_space_is_refused(read, text, told):
    with pytest.raises(InputError) as error:
        read(text, alone=False)
    assert told in str(error.value)


def test_a_search_on_few_sentences_has_more_epochs(config, documents, tmp_path):
    formats.write(documents, tmp_path / "train.json", "spert")
    formats.write(documents, tmp_path / "dev.json", "spert")
    base = configs.change(config, {"corpus.name": str(tmp_path), "training.epochs": 0})
    space = Space.read(base)
    CmanHyperModel(space)
    assert space.base == configs.change(base, {"training.epochs": 600})
