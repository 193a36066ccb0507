"""A run folder from a stranger cannot read other files of the machine, nor run code."""

import http.server
import shutil
import threading
from pathlib import Path

import h5py
import numpy as np
import pytest

import cman_tf
from cman_tf import config as configs
from cman_tf.encoders import contextual
from cman_tf.encoders.card import Card
from cman_tf.errors import InputError
from cman_tf.files import ENCODERS_VARIABLE
from cman_tf.training import workflow
from cman_tf.training.run import Run
from tests.conftest import TINY_PLAIN
from tests.encoders.toys import write

SECRET = b"root:x:0:0:secret" * 1000


@pytest.fixture
def run(tmp_path, trained_run):
    return Run.open(shutil.copytree(trained_run.path, tmp_path / "run"))


def change(run, name, make):
    """Replace a data set of `weights.h5` by what `make(group, name, shape)` creates in its place."""
    with h5py.File(run.weights, "r+") as file:
        found = []
        file.visititems(lambda path, item: found.append(path) if isinstance(item, h5py.Dataset) else None)
        path = next(path for path in found if name in path)
        shape, group = file[path].shape, file[path].parent
        del file[path]
        make(group, path.rsplit("/", 1)[1], shape)


@pytest.fixture
def secret(tmp_path):
    """A file of the machine, and an HDF5 file."""
    (tmp_path / "secret").write_bytes(SECRET)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["data"] = np.ones([200, 200], np.float32)
    return tmp_path


def _external(group, name, shape, place):
    group.create_dataset(name, shape, np.float32, external=[(str(place / "secret"), 0, h5py.h5f.UNLIMITED)])


def _external_without_size(group, name, shape, place):
    group.create_dataset(name, shape, np.float32, external=[(str(place / "secret"), 7, int(np.prod(shape)) * 4)])


def _virtual(group, name, shape, place):
    layout = h5py.VirtualLayout(shape, np.float32)
    layout[...] = h5py.VirtualSource(str(place / "other.h5"), "data", (200, 200))[: shape[0], : shape[1]]
    group.create_virtual_dataset(name, layout)


def _external_link(group, name, shape, place):
    group[name] = h5py.ExternalLink(str(place / "other.h5"), "/data")


def _soft_link(group, name, shape, place):
    group[name] = h5py.SoftLink("/elsewhere")


def _links_of_a_group(group, name, shape, place):
    group[name] = np.zeros(shape, np.float32)
    group.file["more"] = h5py.ExternalLink(str(place / "other.h5"), "/")


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (_external, "external storage"),
        (_external_without_size, "external storage"),
        (_virtual, "a virtual data set"),
        (_external_link, "a link"),
        (_soft_link, "a link"),
        (_links_of_a_group, "a link"),
    ],
)
def test_weights_that_refer_to_another_file_are_refused_unread(run, secret, make, told):
    change(run, "crf/kernel", lambda *arguments: make(*arguments, secret))
    with pytest.raises(InputError, match=rf"must be in its own file\. Received: .*weights\.h5 with {told}$"):
        run.network()


def test_weights_that_claim_a_giant_size_are_refused_unread(run):
    def giant(group, name, shape):
        group.create_dataset(name, (1 << 40, 1 << 20), np.float32, chunks=(1, 1024))

    change(run, "crf/kernel", giant)
    with pytest.raises(InputError, match=r"must fit its configuration\. Received: .* values for "):
        run.network()


def test_a_group_that_contains_itself_is_read_once(run):
    with h5py.File(run.weights, "r+") as file:
        file["crf_again"] = file["/"]
    run.network()


@pytest.mark.parametrize("name", ["vocabulary/words.txt", "weights.h5", "labels.json", "vocabulary"])
def test_files_that_are_links_to_other_places_are_refused(run, tmp_path, name):
    (run.path / name).rename(tmp_path / "aside")
    (run.path / name).symlink_to(tmp_path / "aside")
    with pytest.raises(InputError, match=r"The files of a run must be in its folder\. Received: .* a link to "):
        Run.open(run.path)


def test_a_link_to_a_whole_run_and_links_inside_it_are_fine(run, tmp_path):
    (run.path / "labels.json").rename(run.path / "types.json")
    (run.path / "labels.json").symlink_to("types.json")
    (tmp_path / "alias").symlink_to(run.path)
    assert Run.open(tmp_path / "alias").schema() == run.schema()


@pytest.fixture(scope="module")
def with_encoder(tmp_path_factory, documents):
    """`(run folder, encoder's folder)`, the encoder beside neither the run nor the folder of encoders."""
    from cman_tf.data import formats

    place = tmp_path_factory.mktemp("encoded")
    for split in ("train", "dev", "test"):
        formats.write(documents, place / "corpus" / f"{split}.json", "spert")
    module = write(place, "toy", 1)
    values = {**TINY_PLAIN, "corpus": {"name": str(place / "corpus")}, "encoder": {"modules": [module]}}
    run, network, _ = workflow.begin(configs.from_dict(values), place / "run")
    run.save_weights(network)
    return run.path, module


@pytest.fixture
def loaded(monkeypatch):
    """Folders of the SavedModels that are loaded."""
    folders, load = [], contextual.load_saved_model
    monkeypatch.setattr(contextual, "load_saved_model", lambda folder: folders.append(folder) or load(folder))
    return folders


@pytest.fixture
def encoder_folder(tmp_path, monkeypatch):
    monkeypatch.setenv(ENCODERS_VARIABLE, str(tmp_path / "encoders"))
    (tmp_path / "encoders").mkdir()
    return tmp_path / "encoders"


def stranger(with_encoder, tmp_path, module):
    """A copy of the run whose configuration names another place of its encoder."""
    path = shutil.copytree(with_encoder[0], tmp_path / "stranger")
    config = Run(path).config()
    configs.save(configs.change(config, {"encoder.modules": [str(module)]}), path / "config.yaml")
    return path


def test_an_encoder_is_not_loaded_from_where_the_run_says(with_encoder, tmp_path, encoder_folder, loaded):
    # A forger gives the SavedModel the fingerprint that the run asks for.
    path = stranger(with_encoder, tmp_path, with_encoder[1])
    with pytest.raises(InputError, match=r"must be in the folder of encoders, .*--allow-encoder PATH.*toy for .*neit"):
        cman_tf.load(path)
    assert loaded == []


def test_addresses_in_a_run_are_not_fetched(with_encoder, tmp_path, encoder_folder, loaded):
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as site:
        threading.Thread(target=site.serve_forever, args=(0.02,), daemon=True).start()
        address = f"http://127.0.0.1:{site.server_address[1]}/toy"
        path = stranger(with_encoder, tmp_path, address)
        with pytest.raises(InputError, match=f"Received: {address} for "):
            cman_tf.load(path)
        assert asked == []
        with pytest.raises(InputError, match="Cannot download the encoder"):
            cman_tf.load(path, allow_encoders=[address])
        assert asked
        site.shutdown()
    assert loaded == []


def test_an_encoder_with_another_fingerprint_is_not_loaded(with_encoder, tmp_path, encoder_folder, loaded):
    write(encoder_folder, "toy", 2)
    path = stranger(with_encoder, tmp_path, "toy")
    with pytest.raises(InputError, match=f"toy with fingerprint {1:064d}. Received: .*/encoders/toy with .*{2:064d}"):
        cman_tf.load(path)
    assert loaded == []


def test_the_folder_of_encoders_and_allowed_places_are_loaded(with_encoder, tmp_path, encoder_folder, loaded):
    path = stranger(with_encoder, tmp_path, "/somewhere/else/toy")
    Run.open(path, allow_encoders=[with_encoder[1]]).network()
    assert loaded == [with_encoder[1]]
    loaded.clear()
    shutil.copytree(with_encoder[1], encoder_folder / "toy")
    cman_tf.load(path)
    assert loaded == [str(encoder_folder / "toy")]


@pytest.mark.parametrize("name", ["..", "", "/", "a/.."])
def test_a_name_does_not_lead_out_of_the_folder_of_encoders(with_encoder, tmp_path, encoder_folder, name, loaded):
    shutil.copytree(with_encoder[1], tmp_path, dirs_exist_ok=True)
    with pytest.raises(InputError, match="must be in the folder of encoders"):
        cman_tf.load(stranger(with_encoder, tmp_path, name))
    assert loaded == []


@pytest.mark.parametrize("content", ["[]", '[{"name": "toy"}]', "[1]"])
def test_encoders_must_be_described(with_encoder, tmp_path, encoder_folder, content, loaded):
    shutil.copytree(with_encoder[1], encoder_folder / "toy")
    path = stranger(with_encoder, tmp_path, "toy")
    (path / "encoders.json").write_text(content)
    with pytest.raises(InputError):
        cman_tf.load(path)
    assert loaded == []


def test_a_training_may_start_from_the_run_of_a_stranger(with_encoder, tmp_path, encoder_folder, loaded, monkeypatch):
    from cman_tf.commands import options

    path = stranger(with_encoder, tmp_path, with_encoder[1])
    config = options.configuration(None, {"start_from": str(path), "corpus.name": "sample"}, "start")
    assert config.encoder.modules == ("toy",)
    with pytest.raises(InputError, match="must be in the folder of encoders"):
        workflow.begin(config, tmp_path / "new")
    assert loaded == []
    config = configs.change(config, {"corpus.name": str(with_encoder[0].parent / "corpus")})
    run, network, _ = workflow.begin(config, tmp_path / "new", allow_encoders=[with_encoder[1]])
    assert loaded == [with_encoder[1]]
    assert run.allow_encoders == (with_encoder[1],)
    monkeypatch.chdir(tmp_path)
    assert network.encoders.about[0]["fingerprint"] == f"{1:064d}"


def test_a_resumed_training_takes_the_encoders_that_the_user_names(with_encoder, tmp_path, encoder_folder, loaded):
    path = stranger(with_encoder, tmp_path, with_encoder[1])
    with pytest.raises(InputError, match="must be in the folder of encoders"):
        workflow.resume(path)
    assert loaded == []
    workflow.resume(path, allow_encoders=[with_encoder[1]])
    workflow.resume(path, {"encoder.modules": [with_encoder[1]]})
    assert loaded == [with_encoder[1]] * 2


def test_the_fingerprint_on_disk_is_that_of_the_card(with_encoder):
    from cman_tf.encoders.choosing import fingerprint

    card = Card.parse(Path(with_encoder[1], "assets", "encoder.json").read_text(encoding="utf-8"))
    assert fingerprint(with_encoder[1]) == card.fingerprint
