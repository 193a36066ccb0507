"""Runs each code block of README.md and docs/ unchanged, in a folder with the files that its page assumes."""

import json
import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.docs.blocks import PAGES, PARSED, ROOT, RUN, RUN_PAGES, TEXT, blocks, run_blocks

# The files that a page assumes, by the names of the methods of `Folder`.
GIVEN = {
    "README.md": ["corpus", "sentences", "vectors"],
    "docs/encoders.md": ["encoder_sources", "vectors"],
    "docs/howto/annotation_tools.md": ["brat"],
    "docs/howto/look_inside.md": ["run"],
    "docs/howto/other_tools.md": ["run", "sentences"],
    "docs/howto/own_corpus.md": ["corpus", "brat"],
    "docs/serving.md": ["run", "deploy"],
}

# Pages that docs/generate.py makes when the site is built.
GENERATED = ("configuration.md", "commands.md", "contributing.md", "changelog.md")

# `python` and `cman` of the pages: the same, but trainings take two epochs, and a server runs in the background, ready
# when its command returns. A new server replaces the one before, because it takes its ports.
_PROGRAM = r"""#!/bin/sh
case "$*" in
*--resume*) ;;
"fit "*|"search "*|"-m cman_tf.fit "*|"-m tuning.search "*)
    # An option may be given only once.
    for word do
        if [ "$last" = --training.epochs ]; then word=2; fi
        shift; set -- "$@" "$word"; last=$word
    done
    case "$*" in *--training.epochs*) ;; *) set -- "$@" --training.epochs 2 ;; esac ;;
"serve "*|"-m export.server "*)
    if [ -f server.pid ]; then kill $(cat server.pid); tail --pid=$(cat server.pid) -f /dev/null; fi
    {program} "$@" > server.log 2>&1 &
    echo $! > server.pid
    until grep -q listening server.log; do kill -0 $(cat server.pid) || exit 1; sleep 0.2; done
    exit 0 ;;
esac
exec {program} "$@"
"""
COMMANDS = {
    "bash": ["bash", "-euo", "pipefail", "-s"],
    "python": ["python", "-"],
    "javascript": ["node", "--input-type=module", "-"],
}
PROGRAMS = {
    "python": sys.executable,
    "cman": f"{sys.executable} -c 'from cman_tf.commands.main import main; main()'",
}


def all_blocks():
    return [block for page in PAGES for block in blocks(page)]


# -- fast -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", all_blocks(), ids=str)
def test_each_block_is_run_or_parsed_or_text(block):
    assert block.language in (*RUN, *PARSED, *TEXT), "a block must name its language"
    if block.language in TEXT:
        assert not re.search(r"^\s*(\$ )?(cman|python -m) ", block.code, re.MULTILINE), (
            "a command must be in a block of bash"
        )
    if block.reason is not None:
        assert block.language in RUN
        assert len(block.reason) > 5


def test_fences_are_paired():
    for page in PAGES:
        assert len(re.findall(r"^```", page.read_text(encoding="utf-8"), re.MULTILINE)) == 2 * len(blocks(page)), page


def test_assumed_files_are_of_pages_that_run():
    assert set(GIVEN) <= {page.relative_to(ROOT).as_posix() for page in RUN_PAGES}


@pytest.mark.parametrize("block", [block for block in all_blocks() if block.language in PARSED], ids=str)
def test_data_can_be_read(block):
    code = re.sub(r'--8<-- "(.+)"', lambda found: (ROOT / "docs" / found[1]).read_text(encoding="utf-8"), block.code)
    assert {"json": json.loads, "yaml": yaml.safe_load}[block.language](code)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page):
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if "/api/" in link:  # the page of a package
            assert (ROOT / Path(link).stem.replace(".", "/")).is_dir(), link
        elif "://" not in link and Path(link).name not in GENERATED:
            assert (page.parent / link).exists(), link


# -- slow -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A run on the sample corpus, trained for six epochs."""
    from cman_tf import config
    from cman_tf.training import workflow

    folder = tmp_path_factory.mktemp("trained") / "run"
    changes = {"training.epochs": 6, "training.learning_rate": 0.002, "training.average_decay": 0.9}
    return workflow.train(config.load("sample", changes), folder)[0].path


class Folder:
    """Makes the files that pages assume, in the folder where their blocks run."""

    def __init__(self, path, trained):
        self.path, self.trained = path, trained

    def run(self):
        for name in ("first", "sample", "better"):
            shutil.copytree(self.trained, self.path / "runs" / name)

    def corpus(self):
        shutil.copytree(ROOT / "cman_tf/data/sample", self.path / "my_corpus")

    def brat(self):
        from cman_tf.data import corpora, formats

        formats.write(corpora.load("sample").splits["train"], self.path / "my_brat_folder", "brat")

    def sentences(self):
        text = "Ana Lima lives in Oslo, Norway.\nBo Ek works for Acme in Lima.\n"
        (self.path / "sentences.txt").write_text(text, encoding="utf-8")

    def vectors(self):
        chance = random.Random(1)
        words = ("the", "lives", "in", "works", "for", "was", "of")
        rows = [" ".join([word, *(f"{chance.gauss(0, 1):.3f}" for _ in range(50))]) for word in words]
        (self.path / "glove.6B.50d.txt").write_text("\n".join(rows) + "\n", encoding="utf-8")

    def deploy(self):
        (self.path / "export").symlink_to(ROOT / "export")

    def encoder_sources(self):
        from tests.encoders import tiny

        tiny.bert(self.path / "all-MiniLM-L6-v2")
        tiny.mpnet(self.path / "all-mpnet-base-v2")
        tiny.flair(self.path / "flair-news-fast")


@pytest.fixture
def folder(tmp_path, trained):
    path = tmp_path / "here"
    (path / ".bin").mkdir(parents=True)
    for name, program in PROGRAMS.items():
        (path / ".bin" / name).write_text(_PROGRAM.replace("{program}", program), encoding="utf-8")
        (path / ".bin" / name).chmod(0o755)
    yield Folder(path, trained)
    server = path / "server.pid"
    if server.exists():
        subprocess.run(["kill", server.read_text().strip()], check=False)


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN_PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_blocks_run(page, folder):
    for name in GIVEN.get(page.relative_to(ROOT).as_posix(), ()):
        getattr(folder, name)()
    # The user's own folders are neither read nor changed.
    own = {name: str(folder.path / ".own" / name) for name in ("CMAN_TF_STORE", "XDG_CACHE_HOME")}
    path = os.pathsep.join([str(folder.path / ".bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("CMAN_TF_", "TF_"))}
    for block in run_blocks(page):
        if block.language == "javascript" and shutil.which("node") is None:
            continue
        command = COMMANDS[block.language]
        with open(folder.path / ".output", "w+", encoding="utf-8") as output:
            # A file, not a pipe, which a server in the background would keep open.
            done = subprocess.run(
                command,
                input=block.code,
                cwd=folder.path,
                env={**environment, **own, "PATH": path, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""},
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=1200,
            )
            output.seek(0)
            assert done.returncode == 0, f"{block}\n{block.code}\n{output.read()[-3000:]}"


@pytest.mark.slow
def test_few_blocks_are_not_run(capsys):
    left = [block for block in all_blocks() if block.reason is not None]
    ran = sum(len(run_blocks(page)) for page in RUN_PAGES)
    with capsys.disabled():
        print(f"\n{ran} blocks run, {len(left)} not:", *(f"  {block}: {block.reason}" for block in left), sep="\n")
    assert len(left) < ran / 2
