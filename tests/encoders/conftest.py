"""Tiny encoders, each converted once by the command that converts the real ones."""

import pytest

from cman_tf.commands import cli, encoder
from cman_tf.data.formats import FORMATS
from cman_tf.encoders.contextual import load_encoder
from tests.encoders import tiny
from tests.encoders.toys import write


@pytest.fixture(scope="session")
def sources(tmp_path_factory):
    """Folders of the published form, by kind."""
    folder = tmp_path_factory.mktemp("sources")
    return {kind: getattr(tiny, kind)(folder / kind) for kind in ("bert", "mpnet", "flair")}


@pytest.fixture(scope="session")
def modules(tmp_path_factory, sources):
    """Folders of modules, by kind."""
    folder = tmp_path_factory.mktemp("modules")
    for kind, source in sources.items():
        arguments = ["convert", kind, str(source), str(folder / kind), "--name", f"tiny {kind}"]
        assert cli.run("cman encoder", encoder.command, arguments) == 0
    tiny.elmo(folder / "elmo")
    return {kind: folder / kind for kind in (*sources, "elmo")}


@pytest.fixture(scope="session")
def encoders(modules):
    """`ContextualEncoder`s, by kind."""
    return {kind: load_encoder(folder) for kind, folder in modules.items()}


@pytest.fixture(scope="session")
def module(tmp_path_factory):
    return write(tmp_path_factory.mktemp("encoders"), "toy", 1)


@pytest.fixture(scope="session")
def corpus(tmp_path_factory, documents):
    folder = tmp_path_factory.mktemp("corpus")
    for split in ("train", "dev", "test"):
        FORMATS["spert"].write(documents, folder / f"{split}.json")
    return folder
