"""The newcomer's way: ten sentences in the README's format, its advice for so few, and what is found again."""

import json
import os
import re
import subprocess
import sys

import pytest

from cman_tf.data import formats
from tests.docs.blocks import ROOT, blocks

README = ROOT / "README.md"


def person(name, words, place, type="Loc", relation="Live_In"):
    """A sentence as the README has it: a person's name, words, a place's or a company's name, a full stop."""
    tokens = [*name.split(), *words.split(), *place.split(), "."]
    start = len(tokens) - 1 - len(place.split())
    return {
        "tokens": tokens,
        "entities": [
            {"type": "Peop", "start": 0, "end": len(name.split())},
            {"type": type, "start": start, "end": len(tokens) - 1},
        ],
        "relations": [{"type": relation, "head": 0, "tail": 1}],
    }


# The README's own sentence, and nine more.
TEN = [
    *json.loads(next(block.code for block in blocks(README) if block.language == "json")),
    person("Bo Ek", "has lived for years in", "Lima"),
    person("Zoë Lindqvist", "moved with her sons to", "Bergen"),
    person("Tariq", "still rents a flat in", "New Haven"),
    person("Marta Ruiz", "grew up near the harbour of", "Porto"),
    person("Chen Wei", "repairs boats for", "Nordlys Energi", "Org", "Work_For"),
    person("Old Mrs. Grant", "keeps the books at", "Acme", "Org", "Work_For"),
    person("Ivo", "was hired last spring by", "Delta Press", "Org", "Work_For"),
    {"tokens": ["It", "rained", "all", "morning", "."], "entities": [], "relations": []},
    {
        "tokens": ["Porto", ",", "Lima", "and", "Oslo", "are", "ports", "."],
        "entities": [{"type": "Loc", "start": place, "end": place + 1} for place in (0, 2, 4)],
        "relations": [],
    },
]


def advice():
    """Options of the README for few sentences."""
    text = " ".join(README.read_text(encoding="utf-8").split())
    return re.search(r"With few sentences[^`]*`(--[^`]+)`", text)[1].split()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "my_corpus").mkdir()
    (tmp_path / "my_corpus" / "train.json").write_text(json.dumps(TEN, ensure_ascii=False), encoding="utf-8")
    return tmp_path


def test_ten_sentences_are_read_and_differ(folder):
    documents = formats.read(folder / "my_corpus" / "train.json")
    assert len({document.text for document in documents}) == 10
    assert documents[0].entity_text(documents[0].entities[0]) == "Ana Lima"
    assert [option for option in advice() if option.startswith("--")] == ["--start-from"]


@pytest.mark.slow
def test_a_newcomer_finds_what_was_learnt(folder):
    def python(*command):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
        done = subprocess.run(
            [sys.executable, "-m", *command], cwd=folder, env=environment, capture_output=True, timeout=1200
        )
        assert done.returncode == 0, done.stderr.decode("utf-8", "replace")[-3000:]
        return done.stdout.decode("utf-8")

    # Ten sentences leave none for dev.
    train = ["--corpus", "my_corpus", "--run-dir", "runs/mine", "--protocol", "train+dev"]
    python("cman_tf.fit", *train, *advice())
    sentences = ["Ana Lima lives in Oslo.", "Chen Wei repairs boats for Nordlys Energi."]
    found = [
        json.loads(line)
        for line in python("cman_tf.predict", "runs/mine", *sentences, "--format", "jsonl").splitlines()
    ]
    assert [[(entity["text"], entity["type"]) for entity in line["entities"]] for line in found] == [
        [("Ana Lima", "Peop"), ("Oslo", "Loc")],
        [("Chen Wei", "Peop"), ("Nordlys Energi", "Org")],
    ]
