import dataclasses

import pytest
import yaml

from cman_tf import config as configs
from cman_tf.errors import InputError

NAMES = [name for name, *_ in configs.all_fields()]


def dump(path, text):
    path.write_text(text, encoding="utf-8")
    return str(path)


def message(call, *args):
    with pytest.raises(InputError) as caught:
        call(*args)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_fields_are_the_leaves_of_the_tree():
    def leaves(values, prefix=""):
        for name, value in values.items():
            if isinstance(value, dict):
                yield from leaves(value, f"{prefix}{name}.")
            else:
                yield prefix + name, value

    defaults = {name: [] if default == () else default for name, _, default, _ in configs.all_fields()}
    assert defaults == dict(leaves(configs.to_dict(configs.Config())))
    assert all(description for *_, description in configs.all_fields())


@pytest.mark.parametrize("name", sorted(configs.shipped()))
def test_shipped_configurations_are_valid_and_survive_saving(tmp_path, name):
    config = configs.load(name)
    configs.save(config, tmp_path / "config.yaml")
    assert configs.load(str(tmp_path / "config.yaml")) == config


def test_values_of_every_kind_survive_saving(tmp_path):
    changes = {"corpus.data_dir": "ÄÖ : #", "training.learning_rate": 1e-5, "model.bla": False, "corpus.name": "12"}
    config = configs.change(configs.Config(), changes)
    configs.save(config, tmp_path / "config.yaml")
    assert configs.load(str(tmp_path / "config.yaml")) == config


@pytest.mark.parametrize(
    "name", ["08", "-09", "+.5", "1\u0663", "1e5", "0x10", "1_000", "1:30", "2020-01-01", "no", "~"]
)
def test_text_that_looks_like_something_else_survives_saving(tmp_path, name):
    config = configs.from_dict({"corpus": {"name": name}, "encoder": {"modules": [name]}})
    configs.save(config, tmp_path / "config.yaml")
    assert configs.load(str(tmp_path / "config.yaml")) == config


def test_merged_mappings_are_no_repetition():
    text = "base: &b {a: 1}\nx: {y: {mid: &m {<<: *b, a: 2}}}\ntop: {<<: *m}\n"
    assert configs.parse_yaml(text) == yaml.safe_load(text)
    assert configs.parse_yaml('{1: a, "1": b}') == {1: "a", "1": "b"}


def test_a_configuration_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        configs.Config().model.hidden_size = 3


def test_overrides_go_over_the_file(tmp_path):
    file = dump(tmp_path / "a.yaml", "model: {hidden_size: 32, num_heads: 2}\nseed: 7\n")
    config = configs.load(file, {"model.hidden_size": 64})
    assert (config.model.hidden_size, config.model.num_heads, config.seed) == (64, 2, 7)


def test_an_empty_file_is_the_defaults(tmp_path):
    assert configs.load(dump(tmp_path / "a.yaml", "# nothing\n")) == configs.Config()


@pytest.mark.parametrize(
    ("text", "value"),
    [("5e-4", 5e-4), ("1e3", 1000.0), ("-2E+5", -2e5), (".5e1", 5.0), ("3", 3), ("e5", "e5"), ("no", False),
     ("010", 10), ("1:30", "1:30"), ("2020-99-99", "2020-99-99"), ("0b_", "0b_"), ("-7", -7), (".inf", float("inf"))],
)  # fmt: skip
def test_numbers_of_yaml(text, value):
    found = configs.parse_yaml(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"hidden_size": 3}, "Unknown config field: hidden_size in x; nearest: model.hidden_size"),
        ({"training": {"epoch": 3}}, "Unknown config field: training.epoch in x; nearest: training.epochs"),
        ({"training": {"num_heads": 3}}, "nearest: model.num_heads"),
        ({"modell": {"bla": True}}, "nearest: model"),
        ({"zzz": 1}, "sections: corpus, words"),
        (
            {"training.epochs": 3},
            "must be below its section, `training: {epochs: ...}`. Received: training.epochs in x",
        ),
        ({"model": 3}, "`model` must be a mapping of names to values. Received: 3 in x"),
        ({"model": {1: 2}}, "The name of a config field must be a string. Received: model.1 in x"),
        ({"training": {"epochs": 2.5}}, "`training.epochs` must be a valid integer. Received: 2.5 in x"),
        ({"training": {"epochs": True}}, "`training.epochs` must be a valid integer. Received: True in x"),
        ({"training": {"epochs": "3"}}, "`training.epochs` must be a valid integer. Received: '3' in x"),
        ({"training": {"epochs": -1}}, "`training.epochs` must be greater than or equal to 0. Received: -1 in x"),
        ({"training": {"learning_rate": "fast"}}, "`training.learning_rate` must be a valid number. Received: 'fast'"),
        ({"training": {"learning_rate": 0}}, "must be greater than 0. Received: 0"),
        ({"training": {"learning_rate": float("nan")}}, "must be a finite number. Received: nan"),
        ({"training": {"learning_rate": float("inf")}}, "must be a finite number. Received: inf"),
        ({"model": {"bla": 1}}, "`model.bla` must be a valid boolean. Received: 1 in x"),
        ({"model": {"embedding_dropout": 1.0}}, "must be less than 1. Received: 1.0"),
        ({"model": {"encoder": "lstm"}}, "`model.encoder` must be 'bilstm' or 'mlp'. Received: 'lstm' in x"),
        ({"corpus": {"name": 3}}, "`corpus.name` must be a valid string. Received: 3 in x"),
        ({"corpus": {"fold": 10}}, "`corpus.fold` must be less than or equal to 9. Received: 10"),
        ({"seed": -1}, "`seed` must be greater than or equal to 0. Received: -1 in x"),
        ({"seed": 2**32}, "`seed` must be less than or equal to 4294967295. Received: 4294967296 in x"),
        ({"protocol": "test"}, "`protocol` must be 'train' or 'train+dev'. Received: 'test' in x"),
        (
            {"model": {"hidden_size": 5, "num_heads": 4}},
            "must be a multiple of `model.num_heads`. Received: hidden_size=5, num_heads=4 in x",
        ),
        (
            {"training": {"joined": 0.5, "batch_size": 8, "micro_batch": 1}},
            "`training.joined` requires a `batch_size` and a `micro_batch` of two or more sentences. "
            "Received: batch_size=8, micro_batch=1 in x",
        ),
        ([1], "A configuration must be a mapping of names to values. Received: [1] in x"),
    ],
)  # fmt: skip
def test_bad_values(values, told):
    assert told in message(configs.from_dict, values, "x")


LISTS = ("encoder.modules", "training.callbacks", "decoding.rules")


@pytest.mark.parametrize("name", NAMES)
def test_every_field_refuses_what_it_cannot_be(name):
    told = message(configs.change, configs.Config(), {name: [[1]] if name in LISTS else [1]})
    item = ".0" if name in LISTS else ""  # it is a list; its item is wrong
    assert told.startswith(f"`{name}{item}` must be ")
    assert told.endswith("Received: [1] in the options")


def test_an_unknown_name_is_told_with_the_nearest():
    told = message(configs.load, "conl04")
    assert told.startswith("A config must be a YAML file or one of ade, ade_best, best, conll04, ")
    assert told.endswith("Received: conl04; nearest: conll04")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"model: [1", "A config file must be valid YAML. Received: "),
        (b"model: {hidden_size: 3", "line 1"),
        (b"seed: 1\nmodel: {bla: true}\nmodel: {}\n", "`model` is repeated"),
        (b"seed: !!bool x", "A config file must be valid YAML. Received: "),
        (b"seed: !!float ''", "A config file must be valid YAML. Received: "),
        (b"seed: " + b"[" * 5000, "A config file must be valid YAML. Received: "),
        (b"a: \x01", "A config file must be valid YAML. Received: "),
        (b"\xff\xfe\xff", "Cannot read "),
        (b"- 1\n- 2\n", "A configuration must be a mapping of names to values. Received: [1, 2] in "),
        (b"false", "A configuration must be a mapping of names to values. Received: False in "),
        (b"!!python/object/apply:os.getcwd []", "A config file must be valid YAML. Received: "),
    ],
)
def test_bad_files_are_told_with_their_name(tmp_path, content, told):
    (tmp_path / "a.yaml").write_bytes(content)
    found = message(configs.load, str(tmp_path / "a.yaml"))
    assert told in found
    assert str(tmp_path / "a.yaml") in found


def test_what_was_changed_is_read_as_it_was():
    configs.parse_yaml("a: [1]")["a"].append(2)
    assert configs.parse_yaml("a: [1]") == {"a": [1]}


def test_a_missing_file_is_told(tmp_path):
    assert "missing.yaml: no such file or directory." in message(configs.load, str(tmp_path / "missing.yaml"))


def test_written_yaml_is_plain(tmp_path):
    configs.save(configs.Config(), tmp_path / "config.yaml")
    assert yaml.safe_load((tmp_path / "config.yaml").read_text()) == configs.to_dict(configs.Config())


def test_best_is_conll04_best_for_any_corpus():
    changed = configs.different(configs.load("best"), configs.load("conll04_best"))
    assert changed == ["corpus.name", "decoding.threshold", "decoding.entity_threshold"]


def test_sample_is_own_with_fewer_epochs():
    assert configs.different(configs.load("own"), configs.load("sample")) == ["training.epochs"]
