"""The inference benchmark on a tiny, untrained run."""

import contextlib
import json

import pytest

from benchmarks import inference, parts, serving
from cman_tf import config as configs
from cman_tf.commands import cli
from cman_tf.data.document import Document, Entity, Relation
from cman_tf.data.schema import Schema
from cman_tf.data.vocabulary import Vocabulary
from cman_tf.model.network import Network
from cman_tf.training.run import Run

DOCUMENTS = [
    Document(["Ana", "lives", "in", "Oslo"], [Entity(0, 1, "Peop"), Entity(3, 4, "Loc")], [Relation(0, 1, "Live_In")]),
    Document(["It", "rained", "."]),
]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    sizes = {
        "words.min_count": 1,
        "characters.hidden_size": 2,
        "model.hidden_size": 4,
        "model.num_heads": 2,
        "model.relation_size": 3,
    }
    config = configs.change(configs.Config(), sizes)
    vocabulary, _ = Vocabulary.of(DOCUMENTS, config.words)
    network = Network.build(config, Schema.of(DOCUMENTS), vocabulary)
    run = Run.create(tmp_path_factory.mktemp("runs") / "tiny", network, "none")
    run.save_weights(network)
    return run.path


@pytest.mark.slow
def test_measures_and_writes(run, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("benchmarks.corpus.conll04", lambda split, data_dir: DOCUMENTS)
    inference.command([str(run), "--json", str(tmp_path / "figures.json"), "--rounds", "2"])
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["sentences"] == 2
    assert set(figures["sentences_per_second"]) == {"1", "32"}
    assert 0 < figures["milliseconds_per_call"]["p50"] <= figures["milliseconds_per_call"]["p99"]
    for costs in figures["parts"].values():
        assert list(costs) == [*parts.PARTS, "all"]
        assert min(costs.values()) > 0
    single = figures["sentences_per_second"]["1"]
    assert figures["bars"][0]["reached"] == (single >= 210)
    printed = capsys.readouterr().out
    assert f"{single:.0f}" in printed
    assert "16 to 21 sentences/s" in printed


class Server:
    """A client that answers at once."""

    def __init__(self):
        self.asked = []

    @contextlib.contextmanager
    def client(self, address):
        assert address == "somewhere"
        yield self.asked.append


def test_clients_share_the_requests(monkeypatch):
    server = Server()
    monkeypatch.setattr(serving, "client", server.client)
    assert serving.throughput("somewhere", ["a", "b"], clients=3, requests=50) > 0
    assert len(server.asked) == 50
    assert set(server.asked) == {"a", "b"}
    assert serving.throughput("somewhere", ["a"], clients=2, seconds=0.05) > 0


def test_a_client_that_fails_ends_the_measurement(monkeypatch):
    monkeypatch.setattr(serving, "client", lambda address: contextlib.nullcontext(lambda text: 1 / 0))
    with pytest.raises(ZeroDivisionError):
        serving.throughput("somewhere", ["a"], clients=2, requests=5)


def test_a_server_reaches_its_bars_or_not():
    figures = {
        "latency_ms": {"added": {"gRPC": 2.5, "/v1/extract": 3.5}},
        "gain_of_batching": [2.4, 2.6, 9.0],
        "start": {"first_answer_ms": [9.0, 15.1], "median_ms": 10.0},
        "memory": {"growth": 0.01, "requests": {"rest": 15_000, "scores": 5000}},
    }
    bars = serving.bars(figures)
    assert [bar["reached"] for bar in bars] == [True, False, True, False, True]
    assert bars[-1]["name"] == "memory grows in 20,000 mixed requests, %"


@pytest.mark.parametrize("benchmark", [inference, serving])
def test_no_rounds_are_refused_before_anything_is_loaded(benchmark, tmp_path, capsys):
    arguments = ["none", "--rounds", "0", "--data-dir", str(tmp_path)]
    assert cli.run("benchmark", benchmark.command, arguments) == 2
    assert capsys.readouterr().err == "benchmark: --rounds must be 1 or more. Received: 0\n"


def test_a_missing_run_is_one_sentence_and_exit_code_2(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("benchmarks.corpus.conll04", lambda split, data_dir: DOCUMENTS)
    code = cli.run("benchmarks.inference", inference.command, [str(tmp_path / "none")])
    assert code == 2
    assert capsys.readouterr().err.count("\n") == 1
