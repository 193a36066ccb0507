"""The shipped model: it is that of today's corpus, is small, and finds what its page says."""

import re
import shutil
from pathlib import Path

import h5py
import pytest
import tensorflow as tf

import cman_tf
from cman_tf.data import corpora
from cman_tf.training import shipped
from cman_tf.training.corpus import training_data
from cman_tf.training.origin import fingerprint
from cman_tf.training.run import Run


@pytest.fixture(scope="module")
def run():
    return Run.open("news")


def test_it_was_trained_on_the_sample_corpus_as_it_is(run):
    train, dev = training_data(run.config(), corpora.load("sample", splits=("train",)))
    assert run.environment()["corpus_sha256"] == fingerprint(train, dev)


def test_its_name_is_known():
    assert shipped.names() == ["news"]


def test_it_is_small_and_knows_no_place_of_another_machine(run):
    assert sum(path.stat().st_size for path in run.path.rglob("*") if path.is_file()) < 15e6
    assert run.config().words.vectors is None
    assert run.config().corpus.name == "sample"
    with h5py.File(run.weights) as file:
        types = set()
        file.visititems(lambda _, item: types.add(str(item.dtype)) if isinstance(item, h5py.Dataset) else None)
    assert types == {"float16"}


def test_the_five_lines_of_the_readme_print_what_it_says(capsys):
    page = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    lines, printed = re.search(r"```python\n(.*?)```\n\n```text\n(.*?)```", page, re.DOTALL).groups()
    exec(lines, {})
    found, said = (
        [line.rsplit(" ", 1) for line in text.strip().splitlines()] for text in (capsys.readouterr().out, printed)
    )
    assert [words for words, _ in found] == [words for words, _ in said]
    assert [float(score) for _, score in found] == pytest.approx([float(score) for _, score in said], abs=0.02)


def test_a_month_is_not_a_person():
    document = cman_tf.load("news")("The storm reached Iceland in April.")
    assert ("April", "Peop") not in [(entity.text, entity.type) for entity in document.entities]


def tokens_of(model):
    """Tokens of a text, the same in Python and in the graph."""
    [document] = model.tokenize(["Infor\u00admation for 1,234.5 東京 🇳🇴"])
    split = model.extractor.split(tf.constant([document.text]))
    assert [token.decode() for token in split["tokens"][0].numpy()] == list(document.tokens)
    return document.tokens


def test_its_tokens_are_those_that_it_was_trained_with(run, tmp_path):
    assert tokens_of(run.predictor()) == ("Infor\u00admation", "for", "1,234.5", "東", "京", "🇳🇴")
    # Runs of before the field keep the tokenizer that they were trained with.
    old = shutil.copytree(run.path, tmp_path / "old")
    text = (old / "config.yaml").read_text(encoding="utf-8")
    (old / "config.yaml").write_text(text.replace("  tokenizer: unicode\n", ""), encoding="utf-8")
    old = Run.open(old)
    assert old.config({"decoding.threshold": 0.4}).words.tokenizer == "conll04"
    assert tokens_of(old.predictor()) == ("Infor", "mation", "for", "1", ",", "234.5", "東京", "🇳", "🇴")
