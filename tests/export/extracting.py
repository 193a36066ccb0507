"""Requests of `POST /v1/extract`, and servers of a tiny model that answers them."""

import contextlib
import json
import urllib.error
import urllib.request

from export.serving.app import Server, ServerOptions
from export.serving.batching_options import BatchingOptions
from tests.export.serving import Asker
from tests.export.tiny import Extractor

LINES = {"Accept": "application/x-ndjson"}


def extract(asker, body, headers=None):
    """`(status, media type, text)` of a request."""
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    address = f"http://127.0.0.1:{asker.rest_port}/v1/extract"
    request = urllib.request.Request(address, data, headers or {})
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return reply.status, reply.headers["content-type"], reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["content-type"], error.read().decode()


def found(asker, **body):
    """The answer to a request with these fields."""
    status, kind, text = extract(asker, body)
    assert (status, kind) == (200, "application/json"), text
    return json.loads(text)


@contextlib.contextmanager
def servers(tmp_path_factory):
    """A function that starts a server, `(Server, Asker)`; all are stopped at the end."""
    with contextlib.ExitStack() as stack:

        def start(model=None, folder=None, batching=None, **options):
            if folder is None:
                folder = tmp_path_factory.mktemp("models")
                (model or Extractor()).save(folder / "1")
            batching = BatchingOptions(**(batching or {}))
            server = Server(ServerOptions(folder, port=0, rest_port=0, batching=batching, **options))
            server.start()
            stack.callback(server.stop, 10)
            return server, Asker(server.port, server.rest_port)

        yield start
