"""A tiny corpus and configuration, small enough to train in seconds."""

import gc
import os
import time
from pathlib import Path

import pytest
from hypothesis import settings

from cman_tf import config as configs
from cman_tf.data.document import Document, Entity, Relation
from cman_tf.data.schema import Schema

# The workers of pytest-xdist share the cores, and networks this small gain nothing from threads: without them the tests
# take a tenth less. TensorFlow reads these when it is imported, which the modules of tests do.
if "PYTEST_XDIST_WORKER" in os.environ:
    for _kind in ("INTRAOP", "INTEROP"):
        os.environ.setdefault(f"TF_NUM_{_kind}_THREADS", "1")

# On Python 3.9, subprocesses start as forks, which the handlers of grpcio would end. grpcio reads this when imported.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")

# Where a test does not say how many examples it draws; each run of the tests draws others.
settings.register_profile("tests", max_examples=50)
settings.load_profile("tests")

TINY = {
    "words": {"size": 6, "min_count": 1},
    "characters": {"size": 4, "hidden_size": 3},
    "model": {"hidden_size": 4, "num_heads": 2, "bsa_units": 1, "label_size": 3, "relation_size": 4},
    "training": {"epochs": 2, "batch_size": 4},
}

# Where the network does not matter. Eager mode takes a dozen calls for each step of a BiLSTM.
TINY_PLAIN = {**TINY, "model": {**TINY["model"], "encoder": "mlp", "bla": False}}


LONGEST = [f"tests/{name}" for name in ("export", "training", "encoders", "data", "commands", "model", "tuning")]


BEGIN = time.monotonic()


def pytest_addoption(parser):
    parser.addoption("--minutes", type=float, default=float("inf"), help="skip tests that would begin after MINUTES")


def pytest_runtest_setup(item):
    if time.monotonic() - BEGIN > 60 * item.config.getoption("--minutes"):
        pytest.skip("no time left")


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist looks at the groups
def pytest_collection_modifyitems(items):
    """Tests of a folder share what was trained or exported for them: one of pytest-xdist's workers takes them all."""
    groups = {}
    for item in items:
        folder = "/".join(item.nodeid.split("::")[0].split("/")[:2])
        groups[item] = "tests/export" if folder == "tests/interop" else folder
        item.add_marker(pytest.mark.xdist_group(groups[item]))
    # A long group that begins last would run alone. The slow tests of the documents repeat what others test.
    order = {group: number for number, group in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(groups[item], len(order)) + len(order) * (groups[item] == "tests/docs"))


def pytest_collection_finish():
    """What is imported by now stays: the garbage collector need not look through it again and again."""
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def unoptimised_graphs():
    """Rewriting graphs takes a fifth of these tests' time. What runs in a process of its own has them rewritten."""
    import tensorflow as tf

    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})


def sentence(text, entities=(), relations=(), id=""):
    """A document from a text with blanks between tokens; entities as (start, end, type), relations likewise."""
    return Document(
        text.split(), [Entity(*entity) for entity in entities], [Relation(*relation) for relation in relations], id=id
    )


def untrained_network(config, documents):
    """A `Network` with start values, for the words and types of some documents."""
    # TensorFlow takes seconds to import.
    from cman_tf.data.vocabulary import Vocabulary
    from cman_tf.model.network import Network

    vocabulary, vectors = Vocabulary.of(documents, config.words)
    return Network.build(config, Schema.of(documents), vocabulary, vectors=vectors)


@pytest.fixture(scope="session")
def documents():
    return [
        sentence("Ana lives in Oslo .", [(0, 1, "Peop"), (3, 4, "Loc")], [(0, 1, "Live_In")]),
        sentence("Rain .", []),
        sentence("Bo Ek of New Lima met Ana", [(0, 2, "Peop"), (3, 5, "Loc"), (6, 7, "Peop")], [(0, 1, "Live_In")]),
        sentence("Oslo , Norway", [(0, 1, "Loc"), (2, 3, "Loc")], [(0, 1, "Located_In")]),
        sentence(
            "Ana and Bo live in Lima , Peru .",
            [(0, 1, "Peop"), (2, 3, "Peop"), (5, 6, "Loc"), (7, 8, "Loc")],
            [(0, 2, "Live_In"), (1, 2, "Live_In"), (2, 3, "Located_In")],
        ),
    ]


@pytest.fixture(scope="session")
def schema(documents):
    return Schema.of(documents)


@pytest.fixture(scope="session")
def config():
    return configs.from_dict(TINY)


def untrained_run(folder, documents, values):
    """`(Run, Network, corpus)` of a tiny network with random weights: what it finds is nonsense, and plenty."""
    import tensorflow as tf

    from cman_tf.data import formats
    from cman_tf.training import workflow

    for split in ("train", "dev", "test"):
        formats.write(documents, folder / "corpus" / f"{split}.json", "spert")
    values = {**values, "corpus": {"name": str(folder / "corpus")}, "decoding": {"threshold": 0.4}}
    run, network, read = workflow.begin(configs.from_dict(values), folder / "run")
    for number, weight in enumerate((network.model.crf.kernel, network.model.head_selection.scorer)):
        weight.assign(tf.random.stateless_normal(weight.shape, [2, number], stddev=5.0))
    run.save_weights(network)
    return run, network, read


@pytest.fixture(scope="session")
def random_run(tmp_path_factory, documents):
    """`(Run, Predictor)` of an untrained run. One graph is traced: it is scored with the predictor that tests use."""
    from cman_tf.predictor import Predictor
    from cman_tf.training import results

    run, network, read = untrained_run(tmp_path_factory.mktemp("runs"), documents, TINY)
    predictor = Predictor(network)
    results.score_run(run, read, documents, [], predictor)
    return run, predictor


@pytest.fixture(scope="session")
def trained_run(random_run):
    return random_run[0]


@pytest.fixture(scope="session")
def run_predictor(random_run):
    return random_run[1]


@pytest.fixture
def quick(monkeypatch, run_predictor):
    """One predictor for all exports: building graphs is what takes time."""
    from cman_tf.training.run import Run

    monkeypatch.setattr(Run, "predictor", lambda run, overrides=None: run_predictor)


@pytest.fixture(scope="session")
def exported(tmp_path_factory, trained_run, run_predictor):
    """Folder of the first version in a model folder."""
    from cman_tf.training.run import Run
    from export.savedmodel import export

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "predictor", lambda run, overrides=None: run_predictor)
        folder = tmp_path_factory.mktemp("models") / "tiny"
        return export(trained_run, folder, max_entities=64, max_relations=64, max_tokens=512)[0]


@pytest.fixture(scope="module")
def eager():
    """Run without graphs, where tests train many tiny networks for a few steps: tracing is what would take the time."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def eager_here():
    """The same for one test alone."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="session")
def public_data():
    """Folder with copies of the public corpora, or skip."""
    for folder in (os.environ.get("CMAN_TF_DATA"), Path(__file__).parents[2] / "shared" / "data"):
        if folder and Path(folder).is_dir():
            return Path(folder)
    pytest.skip("no copies of the public corpora: set CMAN_TF_DATA")
