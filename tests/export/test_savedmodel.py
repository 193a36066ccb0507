"""An export answers as its run does."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

import cman_tf
from cman_tf import config as configs
from cman_tf.commands import cli
from cman_tf.data.document import Document
from cman_tf.interop.saved_model import versions
from cman_tf.model.extraction import Extractor
from cman_tf.training.run import Run
from export import savedmodel, warmup
from export.check import TEXTS
from export.manifest import MANIFEST, read_manifest
from export.parity import differences
from tests.export.tiny import rows

HARD = [
    *TEXTS,
    "Ana lives in Oslo .",
    "Ana and Bo live in Lima , Peru .",
    "שלום Ana גר ב-Oslo.",
    " ".join(["Ana lives in Oslo and Bo in Lima"] * 25 + ["."]),
    "e\u0301 Ana\u200dBo Oslo\u2028Lima",
    "\ufeffAna",
]


def test_text_is_answered_as_the_run_answers(served, run_predictor):
    documents = run_predictor(HARD, split=False)
    # Else nothing would be compared.
    assert sum(len(document.entities) for document in documents) > 20
    assert sum(len(document.relations) for document in documents) > 10
    assert max(map(len, documents)) > 150
    found = served.answers("serving_default", "text", HARD)
    assert [differences(document, found, row) for row, document in enumerate(documents)] == [[]] * len(HARD)
    assert found["token_overflow"] == [0] * len(HARD)


def test_tokens_are_answered_as_the_run_answers(served, run_predictor):
    documents = run_predictor.extract([Document(document.tokens) for document in run_predictor.tokenize(HARD)])
    found = served.answers("tokens", "tokens", [list(document.tokens) for document in documents])
    assert [differences(document, found, row) for row, document in enumerate(documents)] == [[]] * len(HARD)


def test_one_sentence_by_itself_is_answered_as_in_a_batch(served):
    together = rows(served.answers("serving_default", "text", HARD))
    alone = [rows(served.answers("serving_default", "text", [text]))[0] for text in HARD[:5]]
    for one, other in zip(alone, together):
        assert one["entities"] == [[*item[:-1], pytest.approx(item[-1], abs=1e-4)] for item in other["entities"]]


def test_every_output_has_the_batch_first_and_the_width_that_was_asked_for(served):
    found = served.call("serving_default", text=served.strings(HARD))
    assert served.rows_wrong == []
    for name, value in found.items():
        if name.endswith("_overflow"):
            assert value.shape == (len(HARD),), name
        elif name.startswith(("entity_", "relation_")):
            assert value.shape == (len(HARD), 64), name
        else:
            assert value.shape == found["tokens"].shape, name
    for kind in ("entity", "relation"):
        hidden = ~found[f"{kind}_mask"]
        assert set(found[f"{kind}_type"][hidden]) == {b""}
        assert not found[f"{kind}_score"][hidden].any()
    assert set(found["tags"][found["tokens"] == b""]) == {b""}


@pytest.mark.parametrize("name", ["serving_default", "tokens", "scores"])
def test_an_empty_batch_has_an_empty_answer(served, name):
    assert set(served.empty(name).values()) == {0}


def test_sentences_without_tokens_have_an_answer_without_entities(served):
    answers = served.answers("tokens", "tokens", [[], []]), served.answers("serving_default", "text", ["", " "])
    for answer in [row for found in answers for row in rows(found)]:
        assert answer["tokens"] == answer["entities"] == answer["relations"] == []


def test_a_gap_between_tokens_is_passed_over(served):
    tokens = [["Ana", "lives", "in", "Oslo"], ["Ana", "", "lives", "in", "Oslo"]]
    whole, gap = rows(served.answers("tokens", "tokens", tokens))
    assert gap["tokens"] == whole["tokens"]
    assert gap["offsets"] == whole["offsets"] == [[0, 3], [4, 9], [10, 12], [13, 17]]
    assert [item[:-1] for item in gap["entities"]] == [item[:-1] for item in whole["entities"]]


def test_bytes_that_are_no_text_are_answered(served):
    bad = tf.constant([b"Ana \xff\xfe lives", b"\xc3(", b"\x80"])
    found = served.call("serving_default", text=bad)
    assert found["tokens"][0].tolist()[:2] == [b"Ana", "\ufffd".encode()]
    assert served.call("tokens", tokens=bad[:, None])["tokens"][1, 0].decode() == "\ufffd("


def test_scores_are_those_that_the_decoder_reads(served, run_predictor):
    tokens = served.strings([["Ana", "lives", "in", "Oslo"], ["Rain", "."]])
    found = served.call("scores", tokens=tokens)
    model, features = run_predictor.network.model, run_predictor.network.featurizer(tokens)
    tags = model.crf.decode(found["emissions"], features["lengths"])
    expected = model({**features, "tags": tags}, training=False)
    np.testing.assert_allclose(found["emissions"], expected["emissions"], atol=1e-4)
    np.testing.assert_allclose(found["relation_logits"], expected["relation_scores"], atol=1e-4)
    np.testing.assert_array_equal(found["transitions"], np.stack([model.crf.transitions.numpy()] * 2))
    names = [b"O", *(f"{p}-{t}".encode() for t in run_predictor.network.schema.entity_types for p in "BI")]
    answered = served.call("tokens", tokens=tokens)["tags"]
    assert answered[0].tolist() == [names[tag] for tag in tags[0]]


def test_the_card_says_what_it_is(exported, trained_run, run_predictor):
    card = read_manifest(exported)
    assert card["entity_types"] == ["Loc", "Peop"]
    assert card["tags"] == ["O", "B-Loc", "I-Loc", "B-Peop", "I-Peop"]
    assert card["corpus"]["name"] == "corpus"
    assert card["metrics"]["strict"] == json.loads(trained_run.metrics.read_text())["strict"]
    assert card["limits"] == {"max_entities": 64, "max_relations": 64, "max_tokens": 512}
    assert card["operations"]["beyond_core"] == []
    assert card["decoding"]["threshold"] == 0.4
    assert "saved_model.pb" in card["files"]
    assert card["licence"].startswith("Apache-2.0 for the code")
    trained_with = {name: trained_run.environment()[name] for name in ("cman_tf", "tensorflow", "git_commit")}
    assert card["versions"] == {
        "cman_tf": cman_tf.__version__,
        "tensorflow": tf.__version__,
        "trained_with": trained_with,
    }
    assert trained_with["tensorflow"]
    assert str(trained_run.path) not in (exported / MANIFEST).read_text()


def test_the_signatures_share_one_set_of_weights(exported, run_predictor):
    """In the checkpoint each weight is there once; in the graph each has one place, from which all signatures read."""
    stored = tf.train.list_variables(str(exported / "variables" / "variables"))
    shapes = sorted(tuple(shape) for name, shape in stored if name.endswith("VARIABLE_VALUE"))
    weights = run_predictor.network.model.weights
    assert shapes == sorted(tuple(weight.shape) for weight in weights)
    model = saved_model_pb2.SavedModel.FromString((exported / "saved_model.pb").read_bytes())
    (graph,) = model.meta_graphs
    handles = {node.name for node in graph.graph_def.node if node.op == "VarHandleOp"}
    assert len(handles) == len(weights)
    nodes = {node.name: node for node in graph.graph_def.node}
    reading = []
    for name in ("serving_default", "tokens", "scores"):
        (call,) = {output.name.split(":")[0] for output in graph.signature_def[name].outputs.values()}
        reading.append(handles & set(nodes[call].input))
    assert reading[0] == reading[1] == reading[2] == handles


# The command.


@pytest.fixture
def refused(capsys):
    def call(*argv):
        assert cli.run("cman-export", savedmodel.command, [str(argument) for argument in argv]) == 2
        out, err = capsys.readouterr()
        assert err.startswith("cman-export: ")
        assert err.count("\n") == 1
        return err

    return call


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--max-entities", "0"], "--max-entities"),
        (["--max-relations", "-1"], "--max-relations"),
        (["--max-tokens", "0"], "--max-tokens"),
        (["--max-entities", "many"], "many"),
        (["--version", "0"], "--version"),
        (["--version", "-3"], "--version"),
        (["--max-token", "9"], "--max-tokens"),
    ],
)
def test_bad_options_are_refused_before_anything_is_written(refused, trained_run, tmp_path, options, said):
    assert said in refused(trained_run.path, tmp_path / "model", *options)
    assert list(tmp_path.iterdir()) == []


def test_a_run_must_be_there(refused, tmp_path):
    assert "nowhere" in refused(tmp_path / "nowhere", tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_a_version_must_be_new(refused, exported, trained_run):
    assert "A version must be new" in refused(trained_run.path, exported.parent, "--version", 1)
    assert list(versions(exported.parent)) == [1]


@pytest.mark.parametrize("place", ["file", "file/model"])
def test_the_model_folder_must_be_writable(refused, trained_run, tmp_path, place):
    (tmp_path / "file").write_text("")
    assert "Cannot write the model folder" in refused(trained_run.path, tmp_path / place)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, OSError(28, "No space left on device")])
def test_an_export_that_breaks_off_leaves_nothing(monkeypatch, quick, trained_run, tmp_path, error):
    def fail(*args):
        raise error

    monkeypatch.setattr(savedmodel, "save", lambda signatures, path: (path / "saved_model.pb").write_bytes(b""))
    monkeypatch.setattr(warmup, "write_warmup", fail)
    with pytest.raises((RuntimeError, KeyboardInterrupt, ValueError)):
        savedmodel.export(trained_run, tmp_path / "new" / "model", max_entities=1, max_relations=1, max_tokens=9)
    assert list(tmp_path.iterdir()) == []


def test_an_operation_that_calls_python_is_refused(monkeypatch, refused, quick, trained_run, tmp_path):
    monkeypatch.setattr(Run, "open", lambda path, **options: trained_run)

    def save(signatures, path):
        module = tf.Module()
        module.f = tf.function(
            lambda text: tf.numpy_function(lambda x: x, [text], tf.string), [tf.TensorSpec([None], tf.string)]
        )
        tf.saved_model.save(module, str(path), signatures=module.f.get_concrete_function())

    monkeypatch.setattr(savedmodel, "save", save)
    assert "PyFunc" in refused("run", tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def random_texts(count):
    """Texts of the characters that tokenizers treat in different ways, always the same."""
    random = np.random.default_rng(1)
    pieces = [
        *" \t\n\x00\x01\x1f.,;:!?-–—…'’\"“”()[]$%&/@#_+=~",
        *"aZéßŁ9٣३",
        *"漢字かカー한ไทยລາວខ្មែរ",
        *"\u0301\u05b0\u00ad\u2060\u200b\u200d",
    ]
    pieces += [
        *"\ufe0f\u20e3\u2028\ufeff\ufffd",
        *"🎈👩🚀❤🇳🇴🏳🏽\U000e0067",
        "U.S.",
        "Mr.",
        "http://a.b/",
        "x@y.de",
        "1,234.5",
        ".-",
        "bbc.de/",
        "O'B",
        "www.a",
        "'d",
        "b.com",
        "bzw.",
    ]
    drawn = ["".join(random.choice(pieces, random.integers(0, 24))) for _ in range(count - count // 4)]
    numbers = random.integers(1, 0x110000, [count // 4, 8])
    return [*drawn, *("".join(chr(n) for n in row if not 0xD800 <= n < 0xE000) for row in numbers)]


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.slow)])
def test_the_graph_finds_the_tokens_that_python_finds(served, run_predictor, count):
    texts = random_texts(count)
    for first in range(0, count, 500):
        part = texts[first : first + 500]
        found = served.call("serving_default", text=served.strings(part))
        for row, document in enumerate(run_predictor.tokenize(part)):
            length = len(document)
            assert [token.decode() for token in found["tokens"][row][:length]] == list(document.tokens)
            assert set(found["tokens"][row][length:]) <= {b""}
            places = zip(found["token_start"][row][:length], found["token_end"][row][:length])
            assert [tuple(map(int, place)) for place in places] == list(document.offsets)


def test_an_export_has_the_tokenizer_of_its_run(trained_run, run_predictor):
    config = configs.change(run_predictor.network.config, {"words.tokenizer": "conll04"})
    old = Extractor(dataclasses.replace(run_predictor.network, config=config))
    new = run_predictor.extractor
    assert [
        list(map(bytes.decode, part.split(tf.constant(["東京 🇳🇴"]))["tokens"][0].numpy())) for part in (old, new)
    ] == [
        ["東京", "🇳", "🇴"],
        ["東", "京", "🇳🇴"],
    ]
