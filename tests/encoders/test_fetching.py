"""`cman encoder fetch`, against a server on this machine that can break off and resume."""

import hashlib
import http.server
import pickle
import re
import struct
import sys
import threading
import types
import zipfile
from collections import OrderedDict

import numpy as np
import pytest

from cman_tf.commands.encoder import command
from cman_tf.encoders import fetching, published
from cman_tf.encoders.contextual import load_encoder
from cman_tf.encoders.fetching import fetch
from cman_tf.encoders.flair import FlairFolder
from cman_tf.encoders.flair_tagger import write_language_models
from cman_tf.encoders.published import PUBLISHED, Published, PublishedFile
from cman_tf.errors import InputError
from cman_tf.files import find_pretrained
from tests.encoders import tiny


class Server(http.server.BaseHTTPRequestHandler):
    folder, cut, requested = None, None, []

    def do_GET(self):
        begin = int(re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "bytes=0-"))[1])
        self.requested.append((self.path, begin))
        path = self.folder / self.path.lstrip("/")
        if not path.is_file():
            self.send_error(404)
            return
        data = path.read_bytes()
        if begin >= len(data):
            self.send_error(416)
            return
        self.send_response(206 if begin else 200)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - begin))
        self.end_headers()
        self.wfile.write(data[begin : self.cut])

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Serves the folder `public`; `server.cut = n` breaks each answer off after n bytes."""
    handler = type("Handler", (Server,), {"folder": tmp_path / "public", "cut": None, "requested": []})
    (tmp_path / "public").mkdir()
    served = http.server.ThreadingHTTPServer(("localhost", 0), handler)
    threading.Thread(target=served.serve_forever, args=(0.02,), daemon=True).start()
    monkeypatch.setenv("CMAN_TF_MIRROR", f"http://localhost:{served.server_port}/")
    monkeypatch.setenv("CMAN_TF_ENCODERS", str(tmp_path / "encoders"))
    monkeypatch.setattr(fetching.platformdirs, "user_cache_path", lambda name: tmp_path / "cache")
    yield handler
    served.shutdown()
    served.server_close()


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def publish(monkeypatch, folder, name, kind, **members):
    """Pin the files of a folder, or the members of archives in it."""
    files = tuple(
        PublishedFile(
            f"https://example.com/{path.name}", members.get("sha256") or sha256(path), 1, members.get("member")
        )
        for path in sorted(folder.iterdir())
    )
    monkeypatch.setitem(PUBLISHED, name, Published(kind, "MIT", files))


@pytest.fixture
def minilm(server, monkeypatch):
    server.folder.rmdir()
    tiny.bert(server.folder)
    publish(monkeypatch, server.folder, "minilm", "bert")


@pytest.mark.usefixtures("minilm")
def test_an_encoder_is_downloaded_checked_and_converted(server, tmp_path, capsys):
    command(["fetch", "minilm"])
    assert capsys.readouterr().out == f"minilm: {tmp_path}/encoders/minilm, licence MIT\n"
    assert load_encoder(find_pretrained("minilm")).width == tiny.HIDDEN
    assert not any((tmp_path / "cache" / "downloads").iterdir())
    count = len(server.requested)
    command(["fetch", "minilm"])
    assert capsys.readouterr().out.endswith("was there already\n")
    assert len(server.requested) == count


@pytest.mark.usefixtures("minilm")
def test_an_interrupted_download_is_resumed(server, tmp_path, monkeypatch):
    monkeypatch.setattr(fetching, "_BLOCK", 100)
    server.cut = 700
    with pytest.raises(InputError, match=r"Run the command again to resume"):
        fetch("minilm")
    assert not (tmp_path / "encoders" / "minilm").exists()
    server.cut = None
    done = []
    path, new = fetch("minilm", lambda *args: done.append(args))
    assert new
    assert ("/model.safetensors", 700) in server.requested
    # What was complete is not requested again.
    assert server.requested.count(("/config.json", 0)) == 1
    assert all(there <= size for _, there, size in done)
    assert load_encoder(str(path)).layers == tiny.LAYERS + 1


@pytest.mark.usefixtures("minilm")
def test_other_content_is_refused_and_removed(server, tmp_path):
    (server.folder / "vocab.txt").write_text("other", encoding="utf-8")
    with pytest.raises(InputError, match=r"vocab.txt must have SHA-256 [0-9a-f]{64}. Received: [0-9a-f]{64}"):
        fetch("minilm")
    assert not list((tmp_path / "cache").rglob("vocab.txt*"))


@pytest.mark.usefixtures("minilm")
def test_a_missing_file_is_reported_with_its_address(server):
    (server.folder / "config.json").unlink()
    with pytest.raises(InputError, match=r"Cannot download http://localhost:\d+/config.json: HTTP status 404"):
        fetch("minilm")


def test_word_vectors_are_taken_from_their_archive(server, tmp_path, monkeypatch):
    with zipfile.ZipFile(server.folder / "glove.zip", "w") as archive:
        archive.writestr("glove.100d.txt", "a 2\n")
        archive.writestr("glove.50d.txt", "a 1\n")
    text = hashlib.sha256(b"a 1\n").hexdigest()
    publish(monkeypatch, server.folder, "glove", "vectors", member="glove.50d.txt", sha256=text)
    assert fetch("glove") == (tmp_path / "encoders" / "glove.50d.txt", True)
    (tmp_path / "encoders" / "glove.50d.txt").unlink()
    (server.folder / "glove.zip").write_bytes(b"no archive")
    with pytest.raises(InputError, match="must be a zip archive"):
        fetch("glove")


def test_an_unknown_name_is_refused_before_a_download(server):
    with pytest.raises(InputError, match="must be one of .*Received: minlm.*minilm"):
        command(["fetch", "minlm"])
    assert server.requested == []


def test_pinned_files_are_complete():
    for item in PUBLISHED.values():
        for file in item.files:
            assert re.fullmatch("[0-9a-f]{64}", file.sha256)
            assert file.address.startswith("https://")
    assert published.PUBLISHED["glove"].files[0].name == "glove.6B.50d.txt"


class _Tagger:
    """Writes PyTorch's old format: objects of unknown classes, tensors by reference, then the numbers."""

    def __init__(self, folder):
        read = FlairFolder(folder)
        self.alphabet = read.characters
        with np.load(folder / "lm.npz") as archive:
            self.tensors = {name: archive[name].astype(np.float32) for name in archive.files}

    def write(self, path):
        names = list(self.tensors)
        state = OrderedDict()
        for number, name in enumerate(names):
            direction, rest = name.split("/")
            state[f"embeddings.list_embedding_{['forward', 'backward'].index(direction)}.lm.{rest}"] = _Tensor(
                number, self.tensors[name]
            )
        dictionary = Dictionary({"item2idx": {key.encode(): value for key, value in self.alphabet.items()}})
        language_model = Dictionary({"dictionary": dictionary})
        embedding = Dictionary({"_modules": {"lm": language_model}})
        model = {
            "embeddings": Dictionary({"_modules": {"list_embedding_0": embedding}}),
            "state_dict": state,
        }
        with open(path, "wb") as file:
            for item in (1, 2, {}):
                pickle.dump(item, file, protocol=2)
            _Pickler(file, protocol=2).dump(model)
            pickle.dump([str(number) for number in range(len(names))], file, protocol=2)
            for name in names:
                numbers = self.tensors[name].ravel()
                file.write(struct.pack("<q", len(numbers)) + numbers.tobytes())


class Dictionary:
    def __init__(self, state):
        self.__dict__.update(state)


class _Tensor:
    def __init__(self, number, array):
        self.number, self.array = number, array


class _Storage:
    def __init__(self, number):
        self.number = number


def _rebuild_tensor_v2(*arguments):
    raise AssertionError("the reader must not call PyTorch")


_rebuild_tensor_v2.__module__ = "torch._utils"


class FloatStorage:
    __module__ = "torch"


class _Pickler(pickle._Pickler):
    def persistent_id(self, obj):
        if isinstance(obj, _Storage):
            return ("storage", FloatStorage, str(obj.number), "cpu", 0, None)
        return None

    def save(self, obj, save_persistent_id=True):
        if isinstance(obj, _Tensor):
            steps = tuple(step // 4 for step in obj.array.strides)
            return self.save_reduce(_rebuild_tensor_v2, (_Storage(obj.number), 0, obj.array.shape, steps, False))
        return super().save(obj, save_persistent_id)


def test_language_models_are_read_from_a_tagger(tmp_path, monkeypatch):
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    torch.FloatStorage, utils._rebuild_tensor_v2 = FloatStorage, _rebuild_tensor_v2
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)
    tiny.flair(tmp_path / "source")
    _Tagger(tmp_path / "source").write(tmp_path / "tagger.bin")
    (tmp_path / "out").mkdir()
    write_language_models(tmp_path / "tagger.bin", tmp_path / "out")
    read, expected = FlairFolder(tmp_path / "out"), FlairFolder(tmp_path / "source")
    assert read.characters == expected.characters
    for name, value in expected.weights.items():
        np.testing.assert_array_equal(read.weights[name], value)


@pytest.mark.parametrize("content", [b"", b"no pickle", pickle.dumps(1) * 6])
def test_another_file_is_not_a_tagger(tmp_path, content):
    (tmp_path / "tagger.bin").write_bytes(content)
    with pytest.raises(InputError, match="must be a Flair tagger"):
        write_language_models(tmp_path / "tagger.bin", tmp_path)


def test_no_code_of_a_tagger_runs(tmp_path):
    class Evil:
        def __reduce__(self):
            return open, (str(tmp_path / "written"), "w")

    with open(tmp_path / "tagger.bin", "wb") as file:
        for item in (1, 2, {}, Evil(), []):
            pickle.dump(item, file)
    with pytest.raises(InputError):
        write_language_models(tmp_path / "tagger.bin", tmp_path)
    assert not (tmp_path / "written").exists()
