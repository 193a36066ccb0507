"""Loading encoders from folders and addresses and in other processes, and invalid encoders."""

import functools
import http.server
import json
import os
import shutil
import subprocess
import sys
import tarfile
import threading

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from cman_tf.data.vocabulary import read_vectors
from cman_tf.encoders.card import Card
from cman_tf.encoders.combined import Encoders
from cman_tf.encoders.contextual import load_encoder
from cman_tf.encoders.published import PUBLISHED
from cman_tf.errors import InputError
from cman_tf.files import find_pretrained
from tests.encoders import tiny

TOKENS = [["Ana", "lives", "in", "Oslo"], ["rains", "münchen", "", ""]]


def refused(handle):
    with pytest.raises(InputError) as caught:
        load_encoder(handle)
    said = str(caught.value)
    assert (
        "Received: " in said
        or "Missing: " in said
        or said.endswith(".")
        or said.startswith(("Cannot load ", "Cannot download "))
    )
    assert "\n" not in said
    assert str(handle) in said
    return said


@pytest.fixture
def module(tmp_path, modules):
    """Flair's module, to break."""
    return shutil.copytree(modules["flair"], tmp_path / "module")


@pytest.mark.parametrize("kind", ["bert", "mpnet", "flair", "elmo"])
def test_a_moved_folder_answers_the_same(tmp_path, modules, encoders, kind):
    there = shutil.copytree(modules[kind], tmp_path / "before" / kind)
    moved = shutil.move(there, tmp_path / "after")
    encoder = load_encoder(moved)
    np.testing.assert_array_equal(encoder(tf.constant(TOKENS)), encoders[kind](tf.constant(TOKENS)))
    assert encoder.fingerprint == encoders[kind].fingerprint


SCRIPT = """
import json, sys
import tensorflow as tf, tensorflow_hub as hub, tensorflow_text
tokens = tf.constant(json.loads(sys.argv[1]))
for folder in sys.argv[2:]:
    module = hub.load(folder)
    card = json.loads(tf.io.read_file(module.card.asset_path).numpy())
    print(json.dumps([card["width"], module(tokens).numpy().tolist()]))
assert not [name for name in sys.modules if name.startswith(("cman_tf", "transformers", "safetensors"))]
"""


@pytest.mark.slow  # that its graph holds no Python, and what it answers, are tests of their own
def test_a_process_without_this_package(tmp_path, modules, encoders):
    """TensorFlow, its Hub and its Text are enough."""
    kinds = ["bert", "mpnet", "flair"]
    command = [sys.executable, "-c", SCRIPT, json.dumps(TOKENS), *(str(modules[kind]) for kind in kinds)]
    found = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    for kind, line in zip(kinds, found.stdout.splitlines()):
        width, vectors = json.loads(line)
        assert width == encoders[kind].width
        np.testing.assert_allclose(vectors, encoders[kind](tf.constant(TOKENS)), atol=1e-6)


def test_loading_registers_the_operations_of_tensorflow_text(tmp_path, modules):
    script = (
        "import sys\n"
        "from cman_tf.encoders.contextual import load_encoder\n"
        "assert 'tensorflow_text' not in sys.modules\n"
        "for folder, expected in zip(sys.argv[1:], (False, True)):\n"
        "    load_encoder(folder)\n"
        "    assert ('tensorflow_text' in sys.modules) == expected\n"
    )
    command = [sys.executable, "-c", script, str(modules["flair"]), str(modules["bert"])]
    found = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": os.getcwd()})
    assert found.returncode == 0, found.stderr


@pytest.mark.parametrize("kind", ["bert", "mpnet", "flair"])
def test_the_graph_holds_no_python(modules, kind):
    saved = saved_model_pb2.SavedModel.FromString((modules[kind] / "saved_model.pb").read_bytes())
    library = saved.meta_graphs[0].graph_def.library
    operations = {node.op for function in library.function for node in function.node_def}
    assert "MatMul" in operations
    assert not {name for name in operations if "Py" in name}


def test_elmo_in_an_export(tmp_path, modules, encoders):
    """The export includes its table of words, though its format is that of TensorFlow 1."""
    root = tf.Module()
    root.encoders = Encoders([str(shutil.copytree(modules["elmo"], tmp_path / "elmo"))])
    root.call = tf.function(root.encoders, input_signature=[tf.TensorSpec([None, None], tf.string)])
    tf.saved_model.save(root, str(tmp_path / "export"))
    shutil.rmtree(tmp_path / "elmo")
    loaded = tf.saved_model.load(str(tmp_path / "export"))
    found = loaded.call(tf.constant(TOKENS))
    np.testing.assert_array_equal(found["contextual_1"], encoders["elmo"](tf.constant(TOKENS)))


def test_elmo_card(encoders, modules, tmp_path):
    elmo = encoders["elmo"]
    words = shutil.copytree(modules["elmo"], tmp_path / "words")
    (words / "assets" / "words.txt").write_text("Oslo\nlives\nin\nAna\n", encoding="utf-8")
    assert load_encoder(words).fingerprint != elmo.fingerprint
    assert (elmo.name, elmo.licence, elmo.trainable_variables) == ("elmo", "Apache-2.0", ())
    other = load_encoder(tiny.elmo(tmp_path / "other", size=4))
    assert other.width == 8
    assert other.fingerprint != elmo.fingerprint


def test_a_name_is_found_in_the_folder_of_encoders(modules, monkeypatch, tmp_path):
    monkeypatch.setenv("CMAN_TF_ENCODERS", str(modules["bert"].parent))
    assert find_pretrained("bert") == str(modules["bert"])
    assert find_pretrained("https://example.com/bert") == "https://example.com/bert"
    monkeypatch.delenv("CMAN_TF_ENCODERS")
    shutil.copytree(modules["bert"], tmp_path / "encoders" / "mine")
    monkeypatch.chdir(tmp_path)
    assert find_pretrained("mine") == os.path.join("encoders", "mine")
    assert refused(find_pretrained("bert")) == "Cannot load the encoder bert: there is no such folder."


@pytest.mark.parametrize("name", [name for name, item in PUBLISHED.items() if item.kind != "vectors"])
def test_a_published_encoder_that_is_missing_can_be_fetched(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CMAN_TF_ENCODERS", str(tmp_path))
    assert refused(find_pretrained(name)).endswith(f"no such folder. Download it with: cman encoder fetch {name}")


def test_word_vectors_that_are_missing_can_be_fetched(tmp_path):
    (file,) = PUBLISHED["glove"].files
    with pytest.raises(InputError, match=r"There is no file .*\. Download it with: cman encoder fetch glove$"):
        read_vectors(tmp_path / file.name)


def test_folders_that_are_no_encoder(tmp_path, module):
    assert refused(tmp_path / "nowhere").endswith("nowhere: there is no such folder.")
    assert refused(tmp_path) == f"Cannot load the encoder {tmp_path}: saved_model.pb is missing."
    plain = tf.Module()
    plain.call = tf.function(lambda tokens: tokens, input_signature=[tf.TensorSpec([None, None], tf.string)])
    tf.saved_model.save(plain, str(tmp_path / "plain"))
    assert "a SavedModel without a call or card" in refused(tmp_path / "plain")


class Foreign(tf.Module):
    """A user's own module, without this project's class."""

    trainable_variables = None

    def __init__(self, folder, kind=tf.string, training=(False, True), card=True):
        super().__init__()
        self.trainable_variables = []
        file = folder / "encoder.json"
        file.write_text(Card("own", "own", 2, 3, "cased", "CC0", "f").dump(), encoding="utf-8")
        self.card = tf.saved_model.Asset(str(file)) if card else tf.Variable(1.0)
        for switch in training:
            self.__call__.get_concrete_function(tf.TensorSpec([None, None], kind), training=switch)
        tf.saved_model.save(self, str(folder / "own"))

    @tf.function
    def __call__(self, tokens, training=False):
        there = tf.cast(tokens != tf.zeros([], tokens.dtype), tf.float32)
        return there[:, :, None, None] * tf.ones([2, 3])


def test_an_encoder_of_your_own(tmp_path):
    Foreign(tmp_path)
    encoder = load_encoder(tmp_path / "own")
    assert (encoder.name, encoder(tf.constant(TOKENS)).shape) == ("own", (2, 4, 2, 3))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": tf.int32}, "must accept (tokens, training=False) with tokens a string matrix"),
        ({"training": [False]}, "must accept (tokens, training=True) with tokens a string matrix"),
        ({"card": False}, "card must be an asset"),
    ],
)
def test_calls_that_are_no_encoder(tmp_path, changes, message):
    Foreign(tmp_path, **changes)
    assert message in refused(tmp_path / "own")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "An encoder's card must be JSON"),
        ("[]", "must be a JSON object. Received: list"),
        ("", " is empty."),
        ("{}", "Missing: name, kind, layers, width, casing, licence, fingerprint"),
        ({"layers": "1"}, "`layers` of an encoder's card must be a positive whole number. Received: '1'"),
        ({"width": 0}, "`width` of an encoder's card must be a positive whole number. Received: 0"),
        ({"width": 11}, "must return the shape of its card, [None, None, 1, 11]. Received: [None, None, 1, 10]"),
        ({"casing": "CASED"}, "must be cased or uncased. Received: 'CASED'"),
        ({"name": " "}, "`name` of an encoder's card must be a non-empty string"),
        ({"fingerprint": 7}, "`fingerprint` of an encoder's card must be a non-empty string"),
    ],
)
def test_broken_cards(module, text, message):
    card = module / "assets" / "encoder.json"
    if isinstance(text, dict):
        tiny.change_json(card, **text)
    else:
        card.write_text(text, encoding="utf-8")
    assert message in refused(module)


def test_fields_of_a_later_card_are_left_aside(module):
    tiny.change_json(module / "assets" / "encoder.json", colour="blue")
    assert load_encoder(module).name == "tiny flair"


def test_no_card(module):
    (module / "assets" / "encoder.json").unlink()
    assert "Cannot read " in refused(module)


PARTS = ["saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"]


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("left", [0, 50])
def test_damaged_modules(module, name, left):
    os.truncate(module / name, left)
    assert refused(module).startswith(f"Cannot load the SavedModel in {module}: ")


def test_elmo_of_other_widths(tmp_path):
    folder = tmp_path / "module"
    root = tf.Module()
    tokens, lengths = tf.TensorSpec([None, None], tf.string, "tokens"), tf.TensorSpec([None], tf.int32, "sequence_len")

    @tf.function(input_signature=[tokens, lengths])
    def signature(tokens, sequence_len):
        there = tf.cast(tokens != "", tf.float32) * tf.cast(sequence_len > 0, tf.float32)[:, None]
        return {"word_emb": there[:, :, None], "lstm_outputs1": there[:, :, None], "elmo": there[:, :, None]}

    tf.saved_model.save(root, str(folder), signatures={"tokens": signature})
    assert "must return word_emb, lstm_outputs1, lstm_outputs2" in refused(folder)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def site(tmp_path, monkeypatch):
    """The address and the folder of a web server on this machine; downloads go to a separate folder."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "cache"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", folder
    server.shutdown()
    server.server_close()


def pack(module, path):
    with tarfile.open(path, "w:gz") as archive:
        for name in os.listdir(module):
            archive.add(module / name, name)


def test_an_address(site, modules, encoders, tmp_path):
    address, folder = site
    pack(modules["flair"], folder / "flair.tar.gz")
    encoder = load_encoder(f"{address}/flair.tar.gz")
    np.testing.assert_array_equal(encoder(tf.constant(TOKENS)), encoders["flair"](tf.constant(TOKENS)))
    (folder / "flair.tar.gz").unlink()
    assert load_encoder(f"{address}/flair.tar.gz").fingerprint == encoder.fingerprint  # kept
    assert len([path for path in (tmp_path / "cache").iterdir() if path.is_dir()]) == 1


def test_addresses_that_do_not_answer(site, modules):
    address, folder = site
    assert ": HTTP Error 404: File not found. For a copy on disk" in refused(f"{address}/nothing.tar.gz")
    pack(modules["flair"], folder / "good.tar.gz")
    data = (folder / "good.tar.gz").read_bytes()
    (folder / "half.tar.gz").write_bytes(data[: len(data) // 2])
    assert refused(f"{address}/half.tar.gz").startswith("Cannot download the encoder ")
    (folder / "page.tar.gz").write_text("<html>Sign in</html>", encoding="utf-8")
    assert refused(f"{address}/page.tar.gz").startswith("Cannot download the encoder ")
    # What failed is not kept.
    (folder / "half.tar.gz").write_bytes(data)
    assert load_encoder(f"{address}/half.tar.gz").name == "tiny flair"
    assert refused("http://127.0.0.1:9/module.tar.gz").startswith("Cannot download the encoder ")
    assert refused("nothing://module").startswith("Cannot download the encoder ")
