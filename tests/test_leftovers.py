"""What killed processes leave is removed, and nothing else."""

import os
import signal
import subprocess
import sys
import time

import pytest

from cman_tf.files import atomic_write
from cman_tf.files.leftovers import owner, remove_leftovers
from export.version_folders import new_version

WRITER = """
import sys, time
from cman_tf.files import atomic_write
with atomic_write(sys.argv[1] + "/weights.h5", "wb") as file:
    file.write(b"half")
    file.flush()
    print("writing", flush=True)
    time.sleep(60)
"""

EXPORTER = """
import sys, time
from export.version_folders import new_version
with new_version(sys.argv[1]) as made:
    (made.folder / "half").write_text("half")
    print("writing", flush=True)
    time.sleep(60)
"""


def hidden(folder):
    return [name for name in os.listdir(folder) if name.startswith(".")]


@pytest.fixture
def writing(tmp_path):
    """Starts a process that is in the middle of writing into the folder."""
    processes = []

    def start(code):
        process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
        processes.append(process)
        assert process.stdout.readline() == b"writing\n"
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()
        process.stdout.close()


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_a_killed_process_leaves_a_file_that_is_removed_and_a_living_one_keeps_its_own(tmp_path, writing):
    process = writing(WRITER)
    (left,) = hidden(tmp_path)
    assert left.startswith(".weights.h5.")
    assert remove_leftovers(tmp_path) == []
    kill(process)
    assert remove_leftovers(tmp_path) == [left]
    assert os.listdir(tmp_path) == []


def test_the_next_export_removes_the_folder_of_a_killed_one(tmp_path, writing):
    living, killed = writing(EXPORTER), writing(EXPORTER)
    kill(killed)
    assert len(hidden(tmp_path)) == 2
    with new_version(tmp_path) as made:
        assert len(hidden(tmp_path)) == 2  # the living one's, and this one
    assert made.path.name == "1"
    assert len(hidden(tmp_path)) == 1
    kill(living)


def test_what_is_not_a_leftover_stays(tmp_path):
    names = [".hidden", ".tmp", "weights.h5", ".weights.h5.abc.tmp", "a.12345678.tmp", ".export-mine", ".a.12345678"]
    names += [f".a.{owner()}.tmp", f".export-{owner()}", ".a.00000000-1-12345678.tmp", ".b.12345678.tmp"]
    for name in names:
        (tmp_path / name).touch()
    assert remove_leftovers(tmp_path) == []
    assert sorted(os.listdir(tmp_path)) == sorted(names)
    assert remove_leftovers(tmp_path / "missing") == []


def test_old_ones_of_other_machines_and_earlier_versions_are_removed(tmp_path):
    names = [".a.00000000-1-12345678.tmp", ".b.12345678.tmp", ".export-12345678", ".export-00000000-7-12345678"]
    (tmp_path / names[-1]).mkdir()
    for name in names[:-1]:
        (tmp_path / name).touch()
    (tmp_path / names[-1] / "data").touch()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "kept").touch()
    (tmp_path / ".c.12345678.tmp").symlink_to(tmp_path / "outside")
    old = time.time() - 25 * 3600
    for path in (*tmp_path.iterdir(), tmp_path / names[-1] / "data"):
        os.utime(path, (old, old), follow_symlinks=False)
    assert set(remove_leftovers(tmp_path)) >= set(names)
    assert (tmp_path / "outside" / "kept").exists()


def test_a_resumed_run_is_clean_and_numbers_its_epochs(tmp_path, trained_run, documents):
    import shutil

    from cman_tf.training import workflow
    from cman_tf.training.run import Run

    run = Run(shutil.copytree(trained_run.path, tmp_path / "run"))
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    host = owner().split("-")[0]
    left = [run.path / f".weights.h5.{host}-{dead.pid}-12345678.tmp"]
    run.predictions.mkdir(exist_ok=True)
    left.append(run.predictions / f".test.jsonl.{host}-{dead.pid}-12345678.tmp")
    for path in left:
        path.write_bytes(b"half")
    (run.path / "history.csv").write_text("epoch,loss,dev_ner_f1\n1.0,2.5,\n2,1.0,0.5\n")
    workflow.resume(run.path)
    assert not any(path.exists() for path in left)
    run.save_history([*run.history(), {"epoch": 3, "loss": 0.5, "dev_ner_f1": 1.0}])
    assert (run.path / "history.csv").read_text() == "epoch,loss,dev_ner_f1\n1,2.5,\n2,1.0,0.5\n3,0.5,1.0\n"


def test_a_file_is_still_written_whole(tmp_path):
    with atomic_write(tmp_path / "a") as file:
        file.write("b")
    assert (tmp_path / "a").read_text() == "b"
    assert hidden(tmp_path) == []
