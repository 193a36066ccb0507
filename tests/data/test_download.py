"""The download against a server on this machine: what is fetched, checked, kept, and told when it fails."""

import hashlib
import http.server
import os
import threading

import pytest

from cman_tf.data import corpora, download, formats
from cman_tf.data.pinned import PINNED
from cman_tf.errors import InputError
from tests.data.examples import ann

NAME = "conll04/spert/conll04_train.json"


class Server:
    """Serves `files`, path to bytes; `cut` breaks the connection in the middle of each."""

    def __init__(self):
        self.files, self.requests, self.cut = {}, [], False
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.requests.append(self.path)
                content = outer.files.get(self.path)
                if content is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[: len(content) // 2] if outer.cut else content)

            def log_message(self, *arguments):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(download.platformdirs, "user_cache_path", lambda name: tmp_path / "cache" / name)
    return tmp_path / "cache" / "cman-tf"


@pytest.fixture
def server(tmp_path, cache, monkeypatch):
    """Serves CoNLL04's addresses with other sentences, pinned as such."""
    server = Server()
    monkeypatch.delenv(download.DATA_VARIABLE, raising=False)
    monkeypatch.setenv(download.MIRROR_VARIABLE, server.address)
    for variable in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(variable, "127.0.0.1")
    for split in corpora.SPLITS:
        formats.write([ann(split)], tmp_path / f"{split}.json")
        content = (tmp_path / f"{split}.json").read_bytes()
        name = f"conll04/spert/conll04_{split}.json"
        server.files["/" + PINNED[name][0]] = content
        monkeypatch.setitem(PINNED, name, (PINNED[name][0], hashlib.sha256(content).hexdigest()))
    yield server
    server.close()


def left(folder):
    return sorted(name for _, _, names in os.walk(folder) for name in names)


def test_a_corpus_is_downloaded_once(server, cache):
    for _ in range(2):
        corpus = corpora.load("conll04")
        assert corpus.splits["dev"] == (ann("dev"),)
    assert len(server.requests) == 3
    assert left(cache) == ["conll04_dev.json", "conll04_test.json", "conll04_train.json"]


def test_progress_is_shown(server, capfd):
    download.fetch(NAME)
    assert "100%" in capfd.readouterr().err


def test_a_damaged_file_in_the_cache_is_fetched_again(server, cache):
    path = download.fetch(NAME)
    path.write_bytes(path.read_bytes()[:-1])
    assert download.fetch(NAME).read_bytes() == server.files["/" + PINNED[NAME][0]]
    assert len(server.requests) == 2


def test_another_content_is_refused_and_not_kept(server, cache):
    server.files["/" + PINNED[NAME][0]] += b" "
    with pytest.raises(
        InputError, match=rf"SHA-256 {PINNED[NAME][1]}\. Received: {server.address}.*--data-dir or CMAN_TF_DATA\.$"
    ):
        download.fetch(NAME)
    assert left(cache) == []


def test_a_cut_connection_leaves_nothing(server, cache):
    server.cut = True
    with pytest.raises(InputError, match=rf"Cannot download {server.address}.*--data-dir or CMAN_TF_DATA\.$"):
        download.fetch(NAME)
    assert left(cache) == []


def test_a_missing_file_leaves_nothing(server, cache):
    server.files.clear()
    with pytest.raises(InputError, match=rf"Cannot download {server.address}.*: HTTP status 404\. "):
        download.fetch(NAME)
    assert left(cache) == []


def test_no_network_names_the_address_and_the_way_out(server, cache):
    server.close()
    with pytest.raises(
        InputError, match=rf"Cannot download {server.address}/.*: ConnectionError\. .*--data-dir or CMAN_TF_DATA\.$"
    ):
        corpora.load("conll04")
    assert left(cache) == []


def test_a_cache_that_cannot_be_written(server, cache):
    cache.parent.write_text("a file where the folder should be")
    with pytest.raises(InputError, match=r"Cannot write .*--data-dir or CMAN_TF_DATA\.$"):
        download.fetch(NAME)


def test_a_data_folder_stands_in_for_the_network(server, tmp_path, monkeypatch):
    path = tmp_path / "data" / NAME
    path.parent.mkdir(parents=True)
    path.write_bytes(server.files["/" + PINNED[NAME][0]])
    assert download.fetch(NAME, tmp_path / "data") == path
    monkeypatch.setenv(download.DATA_VARIABLE, str(tmp_path / "data"))
    assert download.fetch(NAME) == path
    assert server.requests == []
    path.write_bytes(b"[]")
    received = hashlib.sha256(b"[]").hexdigest()
    with pytest.raises(InputError, match=rf"SHA-256 {PINNED[NAME][1]}\. Received: {received} for {path}"):
        download.fetch(NAME)


def test_a_data_folder_whose_name_cannot_be():
    with pytest.raises(InputError, match=r"Cannot read .*null byte\. --data-dir or CMAN_TF_DATA names"):
        download.fetch(NAME, "a\0b")


def test_a_data_folder_without_the_file(tmp_path):
    with pytest.raises(InputError, match=rf"Cannot read {tmp_path / NAME}: no such file"):
        download.fetch(NAME, tmp_path)


def test_the_pins_are_of_the_published_copies(public_data):
    for name in PINNED:
        assert download.fetch(name, public_data) == public_data / name


def test_addresses_name_a_commit():
    for address, sha256 in PINNED.values():
        owner, repository, commit, *path = address.split("/")
        assert owner
        assert repository
        assert path
        assert len(commit) == 40
        assert set(commit) <= set("0123456789abcdef")
        assert len(sha256) == 64
