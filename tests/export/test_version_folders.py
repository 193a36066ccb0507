"""Versions appear whole or not at all."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from cman_tf.errors import InputError
from cman_tf.interop.saved_model import newest_version, versions
from export.version_folders import new_version


def write(folder):
    (folder / "variables").mkdir()
    (folder / "variables" / "data").write_text("weights")
    (folder / "saved_model.pb").write_text("graph")


def test_the_next_number_is_taken(tmp_path):
    for name in ("1", "7", ".export-x", "canary", "007", "٣"):
        (tmp_path / name).mkdir()
    with new_version(tmp_path) as made:
        assert made.folder.name.startswith(".")
        write(made.folder)
        assert list(versions(tmp_path)) == [1, 7]
    assert made.path == tmp_path / "8"
    assert (tmp_path / "8" / "variables" / "data").read_text() == "weights"


def test_the_newest_version_is_the_last_one_with_a_graph(tmp_path):
    assert newest_version(tmp_path / "nowhere") is None
    for name in ("2", "10", "11", "099", "٣", str(2**63)):
        (tmp_path / name).mkdir()
        if name != "11":
            (tmp_path / name / "saved_model.pb").write_text("graph")
    assert list(versions(tmp_path)) == [2, 10, 11, 99]
    assert newest_version(tmp_path) == tmp_path / "099"
    assert newest_version(tmp_path / "2") == tmp_path / "2"
    assert newest_version(tmp_path / "2") == tmp_path / "2"


def test_a_given_number_is_taken_and_may_be_the_first(tmp_path):
    with new_version(tmp_path / "new" / "model", 5) as made:
        write(made.folder)
    assert made.path == tmp_path / "new" / "model" / "5"
    assert [path.name for path in made.path.parent.iterdir()] == ["5"]


@pytest.mark.parametrize("number", [0, -1, 2**63])
def test_a_number_that_no_server_takes_is_refused(tmp_path, number):
    with pytest.raises(InputError, match="--version"), new_version(tmp_path, number):
        pass


def test_a_version_that_came_meanwhile_is_not_overwritten(tmp_path):
    with pytest.raises(InputError, match="must be new"), new_version(tmp_path, 3):
        (tmp_path / "3").mkdir()
    assert list((tmp_path / "3").iterdir()) == []
    assert os.listdir(tmp_path) == ["3"]


def test_exports_at_the_same_time_get_different_numbers(tmp_path):
    barrier, numbers = threading.Barrier(8), []

    def export():
        with new_version(tmp_path) as made:
            write(made.folder)
            barrier.wait()
        numbers.append(int(made.path.name))

    threads = [threading.Thread(target=export) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == list(versions(tmp_path)) == list(range(1, 9))


def test_an_error_leaves_the_folder_as_it_was(tmp_path):
    (tmp_path / "1").mkdir()
    with pytest.raises(ZeroDivisionError), new_version(tmp_path) as made:
        made.folder.joinpath("saved_model.pb").write_bytes(bytes(1 // 0))
    assert os.listdir(tmp_path) == ["1"]


def test_a_killed_export_leaves_no_version(tmp_path):
    code = (
        "import os, sys; from export.version_folders import new_version\n"
        "with new_version(sys.argv[1]) as made:\n"
        "    (made.folder / 'saved_model.pb').write_text('half'); os.kill(os.getpid(), 9)"
    )
    process = subprocess.run([sys.executable, "-c", code, tmp_path])
    assert process.returncode == -signal.SIGKILL
    assert versions(tmp_path) == {}
    assert all(path.name.startswith(".") for path in tmp_path.iterdir())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="Cannot write the model folder"), new_version(tmp_path / "model"):
        pass
