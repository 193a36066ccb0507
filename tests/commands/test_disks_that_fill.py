"""Commands on a real disk without room: one sentence, exit code 2, and what was there before is whole."""

import shutil
import subprocess
import sys

import pytest
import yaml

from tests.commands.conftest import files, write_corpus
from tests.conftest import TINY_PLAIN

# A file system in memory, of its own mount namespace: what is on it must be copied before the process ends.
SCRIPT = """
mount -t tmpfs -o size={size} none {disk} && cp -a {before}/. {disk}/ || exit 99
"$@"
code=$?
cp -a {disk}/. {after}/ || exit 98
exit $code
"""


def can_mount():
    command = ["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"]
    return subprocess.run(command, capture_output=True).returncode == 0


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("unshare") is None or not can_mount(), reason="no file system can be mounted here"),
]


def cman(*arguments):
    """The command line of `cman`."""
    return [sys.executable, "-m", "cman_tf.commands.main", *map(str, arguments)]


def size_of(folder):
    """Bytes that the files of a folder take, in pages of a file system in memory."""
    return sum(-(-path.stat().st_size // 4096) * 4096 for path in folder.rglob("*") if path.is_file())


class Disk:
    """A disk with the files of `before`, on which a command finds some bytes of room; the files afterwards: `after`."""

    def __init__(self, folder):
        self.folder, self.before, self.after = folder / "disk", folder / "before", folder / "after"
        for path in (self.folder, self.before):
            path.mkdir()

    def run(self, command, room):
        """`(exit code, standard error)` of a command."""
        shutil.rmtree(self.after, ignore_errors=True)
        self.after.mkdir()
        size = size_of(self.before) + 8192 + room
        script = SCRIPT.format(size=size, disk=self.folder, before=self.before, after=self.after)
        done = subprocess.run(["unshare", "-rm", "sh", "-c", script, "sh", *command], capture_output=True, text=True)
        return done.returncode, done.stderr

    def refuses(self, command, room):
        """Run a command that must find too little room: the sentence it says."""
        code, said = self.run(command, room)
        assert code == 2, said
        assert "Traceback" not in said
        # The lines of progress go before.
        sentence = said.rstrip("\n").rpartition("\n")[2]
        assert sentence.startswith("cman ")
        assert sentence.lower().count("no space left on device") == 1
        assert "{{" not in sentence
        for path in files(self.before):
            if (self.before / path).is_file():
                assert (self.after / path).read_bytes() == (self.before / path).read_bytes(), path
        assert not [path for path in files(self.after) if path.rpartition("/")[2].startswith(".")]
        return sentence


@pytest.fixture
def disk(tmp_path):
    return Disk(tmp_path)


@pytest.fixture(scope="module")
def config(tmp_path_factory, documents):
    """A configuration file for a training of a few epochs."""
    folder = tmp_path_factory.mktemp("config")
    write_corpus(folder / "corpus", train=documents[:4], dev=documents[2:], test=documents[:2])
    values = {**TINY_PLAIN, "corpus": {"name": str(folder / "corpus")}}
    values["training"] = {"epochs": 3, "batch_size": 4, "adversarial_alpha": 0.0}
    (folder / "config.yaml").write_text(yaml.safe_dump(values))
    return folder / "config.yaml"


@pytest.fixture(scope="module")
def needed(tmp_path_factory, config):
    """A run of this configuration, on a disk with room for it."""
    run = tmp_path_factory.mktemp("needed") / "run"
    subprocess.run(cman("fit", "--config", config, "--run-dir", run), check=True, capture_output=True)
    return run


@pytest.mark.parametrize("part", [0.0, 0.3, 0.6, 0.9])
def test_a_training_goes_on_when_there_is_room(disk, config, needed, part):
    (disk.before / "notes").write_text("mine")
    run = disk.folder / "run"
    disk.refuses(cman("fit", "--config", config, "--run-dir", run), int(part * size_of(needed)))
    # The same files, on a disk with room.
    shutil.copytree(disk.after, disk.folder, dirs_exist_ok=True)
    how = ["--resume"] if run.exists() else ["--config", config]
    done = subprocess.run(cman("fit", *how, "--run-dir", run), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert {path for path in files(needed) if not path.startswith("logs/")} <= set(files(run))


def test_predictions(disk, needed, tmp_path):
    (tmp_path / "in.txt").write_text("Ana Lima lives in Oslo .\n" * 2000)
    (disk.before / "out.jsonl").write_text("of yesterday\n")
    output = disk.folder / "out.jsonl"
    command = cman("predict", needed, "--input", tmp_path / "in.txt", "--format", "jsonl", "--output", output)
    said = disk.refuses(command, 40_000)
    assert f"Cannot write {output}: no space left on device." in said


@pytest.mark.parametrize("part", [0.1, 0.8, 0.95])
def test_exports(disk, needed, tmp_path, part):
    subprocess.run(cman("export", needed, disk.before / "models"), check=True, capture_output=True)
    room = int(part * size_of(disk.before / "models"))
    said = disk.refuses(cman("export", needed, disk.folder / "models"), room)
    assert f"Cannot write the model folder {disk.folder / 'models'}: no space left on device." in said
    assert [path.name for path in (disk.after / "models").iterdir()] == ["1"]


@pytest.mark.parametrize("part", [0.05, 0.5])
def test_a_search_goes_on_when_there_is_room(disk, config, tmp_path, part):
    (tmp_path / "space.yaml").write_text("training.learning_rate: {float: [0.001, 0.03], log: true}\n")
    folder = disk.folder / "search"
    command = cman("search", "--config", config, "--space", tmp_path / "space.yaml", "--tuner", "random")
    command += ["--max-trials", "2", "--finalists", "1", "--executions", "1", "--directory"]
    subprocess.run([*command, str(tmp_path / "needed")], check=True, capture_output=True)
    (disk.before / "notes").write_text("mine")
    disk.refuses([*command, str(folder)], int(part * size_of(tmp_path / "needed")))
    shutil.copytree(disk.after, disk.folder, dirs_exist_ok=True)
    resume = ["--resume"] if folder.exists() and any(folder.iterdir()) else []
    done = subprocess.run([*command, str(folder), *resume], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (folder / "best.yaml").exists()
