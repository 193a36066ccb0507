"""Requests of all kinds reach a server, and a wrong answer is noticed."""

from types import SimpleNamespace

import grpc
import pytest

from benchmarks import mixed
from export.serving.app import Server, ServerOptions


@pytest.fixture(scope="module")
def server(exported):
    server = Server(ServerOptions(exported.parent, port=0, rest_port=0))
    server.start()
    memory = iter([100e6, 100e6, 103e6])
    yield SimpleNamespace(
        address=f"127.0.0.1:{server.port}",
        rest_port=server.rest_port,
        memory=lambda: next(memory),
        watcher=server.watcher,
    )
    server.stop(10)


def test_memory_is_read_between_requests_of_all_kinds(server, monkeypatch):
    monkeypatch.setattr(mixed, "CLIENTS", 2)
    found = mixed.memory(server, ["Ana lives in Oslo .", "Rain ."], requests=20, warmup=10, step=10)
    assert len(found["requests"]) == 10
    assert set(found["requests"].values()) == {2}
    assert found["megabytes"] == [100.0, 100.0, 103.0]
    assert found["growth"] == pytest.approx(0.015)


def test_a_wrong_answer_ends_the_measurement(server):
    client = mixed.Mixed(server, ["Ana lives in Oslo ."])
    with pytest.raises(ValueError, match="Status 400 instead of 200"):
        client._post("/v1/extract", {"text": 1})
    with pytest.raises(ValueError, match="answered a request whose status is INVALID_ARGUMENT"):
        client._refused("INVALID_ARGUMENT", ["Ana"])
    with pytest.raises(grpc.RpcError):
        client._refused("DEADLINE_EXCEEDED", ["Ana"], shape=[2**40])
    client.close()
