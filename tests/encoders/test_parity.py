"""Real encoders against the implementations that they were published with.

`CMAN_TF_ENCODER_SOURCES` names the folder of the published ones (`all-MiniLM-L6-v2`, `all-mpnet-base-v2`,
`flair-news-fast`), `CMAN_TF_ENCODERS` that of the converted ones (`minilm`, `mpnet`, `flair`). The extra `parity`
installs what runs BERT and MPNet as published.
"""

import json
import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from cman_tf.data import corpora
from cman_tf.encoders.contextual import load_encoder
from cman_tf.encoders.hugging_face import HuggingFaceFolder
from cman_tf.encoders.subwords import WordPieces
from tests.encoders import numpy_models

SOURCES = {"minilm": ("bert", "all-MiniLM-L6-v2"), "mpnet": ("mpnet", "all-mpnet-base-v2")}

pytestmark = pytest.mark.slow


def folder(variable, name):
    if not os.environ.get(variable):
        pytest.skip(f"{variable} does not say where the encoders are")
    path = Path(os.environ[variable]) / name
    if not path.is_dir():
        pytest.skip(f"{path} is not there")
    return path


@pytest.fixture(scope="module")
def sentences(public_data):
    """Tokens of CoNLL04's test sentences."""
    documents = corpora.load("conll04", data_dir=str(public_data), splits=("test",)).splits["test"]
    return [list(document.tokens) for document in documents]


@pytest.mark.parametrize("name", SOURCES)
def test_vectors(name, sentences):
    transformers = pytest.importorskip("transformers")
    source = folder("CMAN_TF_ENCODER_SOURCES", SOURCES[name][1])
    encoder = load_encoder(folder("CMAN_TF_ENCODERS", name))
    model = {"minilm": transformers.TFBertModel, "mpnet": transformers.TFMPNetModel}[name].from_pretrained(source)
    tokenizer = transformers.AutoTokenizer.from_pretrained(source)
    for sentence in sentences[::6]:
        pieces = tokenizer(sentence, is_split_into_words=True, return_tensors="tf")
        states = np.stack(model(**pieces, output_hidden_states=True).hidden_states, axis=2)[0]
        words = np.array([-1 if word is None else word for word in pieces.word_ids()])
        expected = [states[words == number].mean(axis=0) for number in range(len(sentence))]
        np.testing.assert_allclose(encoder(tf.constant([sentence]))[0], expected, atol=1e-4, rtol=0)


def strange_words():
    """Words of characters of whose kind all versions of Unicode say the same, and some that tokenizers trip over."""
    old = unicodedata.ucd_3_2_0
    kinds = {code: unicodedata.category(chr(code)) for code in range(1, 0x30000)}
    same = [code for code, kind in kinds.items() if kind == old.category(chr(code)) and kind not in ("Cs", "Cn", "Co")]
    random = np.random.default_rng(1)
    words = ["".join(map(chr, random.choice(same, 3))) for _ in range(3000)]
    # Most characters are letters of scripts that hold thousands: a sample of those will do.
    words += [f"a{chr(code)}b" for code in same if kinds[code] != "Lo" or code % 20 == 0]
    return [*words, "İstanbul", "e\u0301", "\u0301", "a\u200db", "x" * 100, "x" * 101, "½", "１２", "don't", "U.S."]


@pytest.mark.parametrize("name", SOURCES)
def test_word_pieces(name, sentences, public_data):
    transformers = pytest.importorskip("transformers")
    path = folder("CMAN_TF_ENCODER_SOURCES", SOURCES[name][1])
    tokenizer = transformers.AutoTokenizer.from_pretrained(path)
    source = HuggingFaceFolder(SOURCES[name][0], path)
    pieces = WordPieces(source.vocabulary, source.unknown, source.lower_case, source.strip_accents)
    ade = corpora.load("ade", data_dir=str(public_data), splits=("test",), overlap=None).splits["test"]
    words = {token for sentence in sentences for token in sentence} | {t for document in ade for t in document.tokens}
    words = sorted(words) + strange_words()
    found = pieces(tf.constant(words)).to_list()
    unknown = source.vocabulary.index(source.unknown)
    for word, ids, expected in zip(words, found, tokenizer(words, add_special_tokens=False)["input_ids"]):
        assert ids == (expected or [unknown]), (word, tokenizer.convert_ids_to_tokens(expected))


def test_characters(sentences):
    source = folder("CMAN_TF_ENCODER_SOURCES", "flair-news-fast")
    encoder = load_encoder(folder("CMAN_TF_ENCODERS", "flair"))
    characters = json.loads((source / "char2id.json").read_text(encoding="utf-8"))
    with np.load(source / "lm.npz") as archive:
        tensors = dict(archive)
    for sentence in [*sentences[::48], ["Ana", "😀", "Zürich", "東京"]]:
        expected = numpy_models.flair(tensors, characters, sentence)
        np.testing.assert_allclose(encoder(tf.constant([sentence]))[0, :, 0], expected, atol=1e-4, rtol=0)
