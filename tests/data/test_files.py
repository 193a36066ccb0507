import errno
import os
import shutil

import pytest

from cman_tf.errors import InputError
from cman_tf.files import atomic_folder, atomic_write, check_new_file


def test_writes_text_as_utf8_with_plain_line_ends(tmp_path):
    with atomic_write(tmp_path / "new" / "folder" / "a.txt") as file:
        file.write("é\n")
    assert (tmp_path / "new" / "folder" / "a.txt").read_bytes() == b"\xc3\xa9\n"


def test_a_file_can_be_tried_before_it_is_written(tmp_path):
    (tmp_path / "old").write_text("kept")
    for path in (tmp_path / "old", tmp_path / "new" / "folder" / "a", "/dev/stdout"):
        check_new_file(path)
    assert (tmp_path / "old").read_text() == "kept"
    assert os.listdir(tmp_path) == ["old"]
    for path in (tmp_path, tmp_path / "old" / "a", "/proc/nope/a", "a\0b", tmp_path / "half" / ("y" * 300) / "a"):
        with pytest.raises(InputError, match="^Cannot write "):
            check_new_file(path)
    assert os.listdir(tmp_path) == ["old"]


def test_writes_bytes(tmp_path):
    with atomic_write(tmp_path / "a", "wb") as file:
        file.write(b"\r\n\xff")
    assert (tmp_path / "a").read_bytes() == b"\r\n\xff"


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "a"
    path.write_text("old")
    with atomic_write(path) as file:
        file.write("new")
        file.flush()
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("error", [KeyError, KeyboardInterrupt])
def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "a"
    path.write_text("old")
    with pytest.raises(error), atomic_write(path) as file:  # noqa: PT012
        file.write("half")
        raise error
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a"]


def test_a_full_disk_is_an_input_error_and_leaves_nothing(tmp_path):
    with (
        pytest.raises(InputError, match=r"^Cannot write .*a: no space left on device\.$"),
        atomic_write(tmp_path / "a") as file,
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert file.closed
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["", "folder", "file/a", "x" * 300])
def test_a_path_that_cannot_be_written_is_an_input_error(tmp_path, name):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with (
        pytest.raises(InputError, match="^Cannot write "),
        atomic_write(tmp_path / name),
    ):
        pass
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


def test_permissions_are_those_of_any_new_file(tmp_path):
    (tmp_path / "plain").touch()
    with atomic_write(tmp_path / "a"):
        pass
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_an_error_of_another_file_keeps_its_name(tmp_path):
    with pytest.raises(FileNotFoundError, match="missing"), atomic_write(tmp_path / "a"):
        (tmp_path / "missing").read_text()
    assert os.listdir(tmp_path) == []


def test_a_device_is_written_and_stays(tmp_path):
    with (
        pytest.raises(InputError, match=r"^Cannot write /dev/full: no space left on device\.$"),
        atomic_write("/dev/full") as file,
    ):
        file.write("a")
    assert not os.path.isfile("/dev/full")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with atomic_write(pipe) as file:
        file.write("é")
    assert os.read(reader, 10) == "é".encode()
    os.close(reader)
    assert os.listdir(tmp_path) == ["pipe"]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "a").symlink_to(tmp_path / "folder" / "b")
    with atomic_write(tmp_path / "a") as file:
        file.write("new")
    assert (tmp_path / "a").is_symlink()
    assert (tmp_path / "folder" / "b").read_text() == "new"
    assert os.listdir(tmp_path / "folder") == ["b"]


@pytest.mark.parametrize("make", [atomic_write, atomic_folder])
def test_a_folder_that_disappears_meanwhile_is_named(tmp_path, make):
    place = tmp_path / "folder" / "output"
    place.parent.mkdir()
    with pytest.raises(InputError, match=f"Cannot write {place}: no such file or directory"), make(place):
        shutil.rmtree(place.parent)
    assert list(tmp_path.iterdir()) == []
