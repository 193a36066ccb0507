"""What is said of the configuration's fields."""

from typing import Literal

import pytest

from cman_tf import config as configs
from cman_tf.commands import field_texts

# Files, memory and trackers, which no paper would settle. All other fields of these sections are choices of somebody's.
WITHOUT_SOURCE = {"encoder.store", "encoder.store_gb", "training.callbacks", "training.micro_batch"}
SECTIONS = ("words", "characters", "encoder", "model", "training", "decoding", "seed", "protocol")


@pytest.mark.parametrize("name", [name for name, *_ in configs.all_fields() if name.split(".")[0] in SECTIONS])
def test_a_choice_says_where_its_default_comes_from(name):
    text = next(text for field, *_, text in configs.all_fields() if field == name)
    assert bool(field_texts.source(text)[1]) != (name in WITHOUT_SOURCE)


@pytest.mark.parametrize(
    ("text", "what", "source"),
    [
        ("width; not in the paper", "width", "not in the paper"),
        ("a width, not in the paper", "a width", "not in the paper"),
        ("passes (paper, 4.1)", "passes (paper, 4.1)", "paper, 4.1"),
        ("trained (paper: frozen)", "trained (paper: frozen)", "paper: frozen"),
        ("units; false: Table 4, row 2", "units; false: Table 4, row 2", "Table 4, row 2"),
        ("as of Bekoulis et al. (2018)", "as of Bekoulis et al. (2018)", "Bekoulis et al. (2018)"),
        ("folder with copies", "folder with copies", ""),
    ],
)
def test_source(text, what, source):
    assert field_texts.source(text) == (what, source)


@pytest.mark.parametrize(
    ("name", "limits"),
    [
        ("training.epochs", "at least 0"),
        ("decoding.threshold", "above 0, below 1"),
        ("model.relation_prior", "above 0, at most 0.5"),
        ("seed", "at least 0, at most 4294967295"),
        ("model.bla", ""),
        ("protocol", ""),
    ],
)
def test_limits_are_those_that_are_checked(name, limits):
    assert field_texts.limits(name) == limits


def test_values_and_placeholders():
    assert field_texts.values("training.epochs", int) == "integer, at least 0"
    assert field_texts.values("model.bla", bool) == "true or false"
    assert field_texts.values("protocol", Literal["train", "train+dev"]) == "`train` or `train+dev`"
    assert field_texts.metavar(Literal["a", "b"]) == "a|b"
    assert field_texts.metavar(tuple[str, ...]) == "TEXT,..."


def test_help_of_an_option():
    assert field_texts.option_help("training.batch_size").endswith(" (at least 1; default: 16)")
    assert field_texts.option_help("training.batch_size", with_default=False).endswith(" (at least 1)")
    assert field_texts.option_help("model.bla").endswith(" (default: true)")
    assert field_texts.option_help("words.vectors").endswith(" (default: none)")
    text = field_texts.option_help("corpus.name", with_default=False)
    assert text == "sample, conll04, ade, or a folder with train, dev and test files"
