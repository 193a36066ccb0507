"""`cman encoder convert`: its output, and its errors of one sentence."""

import json
import os
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from cman_tf.commands import cli, encoder
from cman_tf.encoders import conversion
from cman_tf.encoders.card import Card
from cman_tf.encoders.hugging_face import HuggingFaceFolder
from export.operations import beyond_core, operations
from tests.encoders import tiny

# What each kind needs of tensorflow-text.
BEYOND_CORE = {
    "bert": ["FastBertNormalize", "FastWordpieceTokenizeWithOffsets", "NormalizeUTF8"],
    "mpnet": ["FastBertNormalize", "FastWordpieceTokenizeWithOffsets", "NormalizeUTF8"],
    "flair": [],
    "elmo": [],
}


def card_of(module):
    return json.loads((module / "assets" / "encoder.json").read_text(encoding="utf-8"))


def test_cards(modules):
    cards = {kind: card_of(modules[kind]) for kind in ("bert", "mpnet", "flair")}
    for kind, card in cards.items():
        assert set(card) == {"name", "kind", "layers", "width", "casing", "licence", "fingerprint"}
        assert (card["name"], card["kind"]) == (f"tiny {kind}", kind)
        assert len(bytes.fromhex(card["fingerprint"])) == 32
    assert [(card["layers"], card["width"]) for card in cards.values()] == [(3, 8), (3, 8), (1, 10)]
    assert [card["casing"] for card in cards.values()] == ["uncased", "uncased", "cased"]
    assert [card["licence"] for card in cards.values()] == ["cc0-1.0", "cc0-1.0", "unknown"]
    assert len({card["fingerprint"] for card in cards.values()}) == 3


@pytest.mark.parametrize("kind", BEYOND_CORE)
def test_each_kind_is_known_to_run_on_a_stock_server(modules, kind):
    assert beyond_core(operations(modules[kind])) == BEYOND_CORE[kind]


@pytest.fixture
def folder(tmp_path, sources):
    """A BERT folder to break."""
    return shutil.copytree(sources["bert"], tmp_path / "source")


def change_tensor(folder, name, change):
    tensors = load_file(folder / "model.safetensors")
    tensors[name] = change(tensors[name])
    save_file({key: value for key, value in tensors.items() if value is not None}, folder / "model.safetensors")


def test_a_fingerprint_changes_with_what_decides_the_vectors(folder, sources, tmp_path):
    def found(source=folder):
        return conversion._transformer("bert", source, "n", None)[1].fingerprint

    def found_flair(source, with_whitespace=False):
        return conversion._flair(source, "n", None, with_whitespace)[1].fingerprint

    seen = [found()]
    assert seen == [found(sources["bert"])]  # independent of its place and name

    def changed():
        seen.append(found())
        return len(set(seen)) == len(seen)

    change_tensor(folder, "encoder.layer.1.output.dense.bias", lambda value: value + 1e-6)
    assert changed()
    tiny.change_json(folder / "tokenizer_config.json", do_lower_case=False)
    assert changed()
    tiny.change_json(folder / "config.json", layer_norm_eps=1e-6)
    assert changed()
    words = (folder / "vocab.txt").read_text(encoding="utf-8")
    (folder / "vocab.txt").write_text(words.replace("oslo", "rome"), encoding="utf-8")
    assert changed()
    (folder / "README.md").write_text("---\nlicense: mit\n---\n", encoding="utf-8")
    assert not changed()
    other = shutil.copytree(sources["flair"], tmp_path / "flair")
    tiny.change_json(other / "char2id.json", a=2, b=1)
    seen = [found_flair(sources["flair"]), found_flair(sources["flair"], True), found_flair(other)]
    assert len(set(seen)) == 3


def test_older_ways_to_name_and_store_weights(folder, sources):
    tensors = load_file(folder / "model.safetensors")
    renamed = {
        "bert." + n.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): value
        for n, value in tensors.items()
    }
    names = sorted(renamed)
    (folder / "model.safetensors").unlink()
    for number, part in enumerate((names[:20], names[20:])):
        save_file({name: renamed[name] for name in part}, folder / f"model-{number}.safetensors")
    found, expected = HuggingFaceFolder("bert", folder).weights, HuggingFaceFolder("bert", sources["bert"]).weights
    assert found.keys() == expected.keys()
    for name, value in found.items():
        np.testing.assert_array_equal(value, expected[name])


def test_half_precision_is_read(folder):
    tensors = load_file(folder / "model.safetensors")
    save_file({name: value.astype(np.float16) for name, value in tensors.items()}, folder / "model.safetensors")
    assert {value.dtype for value in HuggingFaceFolder("bert", folder).weights.values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize("there", [True, False], ids=["empty", "missing"])
def test_what_is_not_said_is_bert(folder, there):
    if there:
        tiny.write_json(folder / "tokenizer_config.json", {})
    else:
        os.unlink(folder / "tokenizer_config.json")
    os.unlink(folder / "README.md")
    source = HuggingFaceFolder("bert", folder)
    assert (source.lower_case, source.strip_accents, source.unknown) == (True, True, "[UNK]")
    assert (source.begin, source.end, source.licence) == ("[CLS]", "[SEP]", "unknown")


def refused(capsys, *arguments):
    """The one sentence of a command that fails and leaves nothing behind."""
    folder = arguments[1].parent
    before = set(folder.iterdir())
    assert cli.run("cman encoder", encoder.command, ["convert", *map(str, arguments)]) == 2
    assert before == set(folder.iterdir())
    said = capsys.readouterr().err
    assert said.startswith("cman encoder: ")
    assert said.count("\n") == 1
    return said


def write(name, text):
    return lambda folder: (folder / name).write_text(text, encoding="utf-8")


def remove(name):
    return lambda folder: (folder / name).unlink()


def dangle(name):
    def change(folder):
        (folder / name).unlink()
        (folder / name).symlink_to("nowhere")

    return change


def config(**changes):
    return lambda folder: tiny.change_json(folder / "config.json", **changes)


def tokenizer(**changes):
    return lambda folder: tiny.change_json(folder / "tokenizer_config.json", **changes)


def truncate(size):
    return lambda folder: os.truncate(folder / "model.safetensors", size)


def drop_tensor(name):
    return lambda folder: change_tensor(folder, name, lambda value: None)


def tensor(name, change):
    return lambda folder: change_tensor(folder, name, change)


WORDS = "embeddings.word_embeddings.weight"
BERT_FAULTS = {
    "no folder": (shutil.rmtree, "There is no folder "),
    "no config": (remove("config.json"), "Cannot read "),
    "broken config": (write("config.json", "{"), "valid JSON. Received: "),
    "list as config": (write("config.json", "[]"), "config.json must be a JSON object. Received: []"),
    "other model": (config(model_type="roberta"), "`model_type` must be bert; this project converts bert and mpnet"),
    "mpnet": (config(model_type="mpnet"), "`model_type` must be bert"),
    "relative positions": (config(position_embedding_type="relative_key"), "absolute. Received: 'relative_key'"),
    "no layers": (config(num_hidden_layers=None), "`num_hidden_layers` must be a whole number"),
    "text as layers": (config(num_hidden_layers="2"), "`num_hidden_layers` must be a whole number. Received: '2'"),
    "heads": (config(num_attention_heads=3), "must be a multiple of `num_attention_heads`"),
    "activation": (config(hidden_act="silu"), "`hidden_act` must be one of gelu, gelu_new, relu. Received: silu"),
    "few positions": (config(max_position_embeddings=8), "must have at least 16 positions. Received: 8"),
    "other positions": (config(max_position_embeddings=99), "Received: 99 in config.json, 16 position embeddings"),
    "hidden size": (config(hidden_size=16), "`hidden_size` must fit the weights. Received: 16 in config.json, 8"),
    "more layers": (config(num_hidden_layers=3), " lack the tensor encoder.layer.2."),
    "tokenizer that leads nowhere": (dangle("tokenizer_config.json"), "Cannot read "),
    "casing": (tokenizer(do_lower_case="yes"), "`do_lower_case` must be true or false. Received: 'yes'"),
    "Chinese": (tokenizer(tokenize_chinese_chars=False), "`tokenize_chinese_chars` must be true"),
    "piece": (tokenizer(unk_token="<none>"), "must contain the tokenizer's special pieces. Missing: <none>"),
    "no vocabulary": (remove("vocab.txt"), "Cannot read "),
    "empty vocabulary": (write("vocab.txt", "\n"), " is empty."),
    "short vocabulary": (write("vocab.txt", "[UNK]\n[CLS]\n[SEP]\n"), "Received: 3 word pieces in vocab.txt, 25 word"),
    "piece twice": (write("vocab.txt", "[UNK]\n[CLS]\n[SEP]\n[SEP]"), "once. Received: '[SEP]' in lines 3 and 4"),
    "no weights": (remove("model.safetensors"), "contains no *.safetensors."),
    "truncated weights": (truncate(2000), "Weights must be complete"),
    "truncated header": (truncate(5), "Weights must be complete"),
    "empty weights": (truncate(0), "Weights must be complete"),
    "missing tensor": (drop_tensor("embeddings.LayerNorm.bias"), "lack the tensor embeddings.LayerNorm.bias."),
    "wrong axes": (tensor(WORDS, lambda value: value[0].copy()), "must have 2 axes, none of size 0. Received: (8,)"),
    "wrong width": (
        tensor("encoder.layer.0.output.dense.bias", lambda value: value[:3].copy()),
        "must have shape (8,) to fit the other weights. Received: (3,)",
    ),
    "nan": (tensor(WORDS, lambda value: value * np.nan), "must be finite. Received: embeddings.word_embeddings"),
}


@pytest.mark.parametrize("fault", BERT_FAULTS)
def test_broken_bert_folders(folder, tmp_path, capsys, fault):
    breaking, message = BERT_FAULTS[fault]
    breaking(folder)
    said = refused(capsys, "bert", folder, tmp_path / "out")
    assert message in said
    assert str(folder) in said


def flair_tensor(name, value):
    def change(folder):
        with np.load(folder / "lm.npz") as archive:
            tensors = {**archive, name: value}
        np.savez(folder / "lm.npz", **{key: item for key, item in tensors.items() if item is not None})

    return change


def one_array(folder):
    with open(folder / "lm.npz", "wb") as file:
        np.save(file, np.ones(3))


FLAIR_FAULTS = {
    "no folder": (shutil.rmtree, "Cannot read "),
    "no weights": (remove("lm.npz"), "must be an .npz file"),
    "text": (write("lm.npz", "something"), "must be an .npz file"),
    "truncated": (lambda folder: os.truncate(folder / "lm.npz", 900), "must be an .npz file"),
    "one array": (one_array, "must be an .npz file"),
    "missing tensor": (flair_tensor("backward/rnn.bias_hh_l0", None), "must contain backward/rnn.bias_hh_l0"),
    "two layers": (flair_tensor("forward/rnn.weight_ih_l1", np.ones([2, 2])), "must have one LSTM layer"),
    "other units": (flair_tensor("forward/rnn.bias_ih_l0", np.ones(3)), "rnn.bias_ih_l0 must be (20,). Received: (3,)"),
    "nan": (flair_tensor("forward/rnn.bias_ih_l0", np.full(20, np.nan)), "The weights must be finite"),
    "alphabet": (write("char2id.json", '{"a": 1}'), "The alphabet must fit the weights"),
    "ids": (lambda folder: tiny.change_json(folder / "char2id.json", a="1"), "The alphabet must fit the weights"),
}


@pytest.mark.parametrize("fault", FLAIR_FAULTS)
def test_broken_flair_folders(sources, tmp_path, capsys, fault):
    folder = shutil.copytree(sources["flair"], tmp_path / "source")
    breaking, message = FLAIR_FAULTS[fault]
    breaking(folder)
    said = refused(capsys, "flair", folder, tmp_path / "out")
    assert message in said
    assert str(folder) in said


def test_folders_that_cannot_be_written(folder, tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine").touch()
    assert "must be new or empty" in refused(capsys, "bert", folder, out)
    assert "must be new or empty" in refused(capsys, "bert", tmp_path / "nowhere", out)  # before any work
    assert [path.name for path in out.iterdir()] == ["mine"]
    (tmp_path / "file").touch()
    assert "not a directory" in refused(capsys, "bert", folder, tmp_path / "file" / "out")


def test_arguments(folder, tmp_path, capsys):
    assert "invalid choice: 'gpt'" in refused(capsys, "gpt", folder, tmp_path / "out")
    assert "--with-whitespace is only for flair. Received: bert" in refused(
        capsys, "bert", folder, tmp_path / "out", "--with-whitespace"
    )
    assert "arguments are required: OUT" in refused(capsys, "bert", folder)
    with pytest.raises(SystemExit) as stopped:
        cli.run("cman encoder", encoder.command, ["convert", "--help"])
    assert stopped.value.code == 0
    assert "example: cman encoder convert" in capsys.readouterr().out


def test_a_licence_that_is_given(sources, tmp_path, capsys):
    arguments = ["flair", str(sources["flair"]), str(tmp_path / "out"), "--licence", "MIT"]
    assert cli.run("cman encoder", encoder.command, ["convert", *arguments]) == 0
    card = Card.parse((tmp_path / "out" / "assets" / "encoder.json").read_text(encoding="utf-8"))
    assert (card.name, card.licence) == ("flair", "MIT")
    expected = f"{tmp_path / 'out'}: flair, 1 layer of 10, cased, licence MIT, fingerprint {card.fingerprint[:12]}\n"
    assert capsys.readouterr().out == expected
