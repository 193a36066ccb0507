"""A tiny network, trained once, and its export."""

import json
import shutil
from pathlib import Path

import pytest
import tensorflow as tf

from export.probe import Probe
from export.serving.app import Server, ServerOptions
from export.serving.batching_options import BatchingOptions
from tests.export.serving import Asker, Process


@pytest.fixture(scope="session")
def served(exported):
    """`Probe` that calls the loaded export."""
    model = tf.saved_model.load(str(exported))
    probe = Probe(tf, model.signatures)
    probe.model = model  # its tables and weights live as long as it does
    return probe


@pytest.fixture(scope="session")
def real(exported):
    """`Asker` of one server of the export, which takes seconds to load. No answer may have more than 60 kB."""
    batching = BatchingOptions(max_answer_bytes=60_000)
    server = Server(ServerOptions(exported.parent, port=0, rest_port=0, batching=batching))
    server.start()
    yield Asker(server.port, server.rest_port)
    server.stop(10)


@pytest.fixture
def moved(exported, tmp_path):
    """A copy of the version that a test may change."""
    return Path(shutil.copytree(exported, tmp_path / "moved" / "1"))


def rewrite_manifest(path, **changes):
    """Change entries of a version's manifest, with checksums that fit the files: what a careful forger would do."""
    from export.manifest import MANIFEST, checksums, read_manifest

    manifest = {**read_manifest(path), "files": checksums(path), **changes}
    (path / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")


@pytest.fixture
def process():
    """Function `(folder, *options, port) -> Process`: servers in processes, killed at the end of the test."""
    started = []

    def start(folder, *options, port=None):
        started.append(Process(folder, *options, port=port))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.wait(20)
