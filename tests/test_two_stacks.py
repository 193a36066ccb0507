"""What one stack trained or exported, the other answers alike; CMAN_TF_OTHER_PYTHON names the other's Python."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
OTHER = os.environ.get("CMAN_TF_OTHER_PYTHON")
PYTHONS = {"this": sys.executable, "other": OTHER}
SENTENCES = [
    "Ana Lima lives in Oslo , Norway , and works for Nordlys Energi .",
    "Bo Ek , 34 , of Lima killed Jo Dahl .",
    "Rain .",
]

TRAIN = """
import sys
from cman_tf import config
from cman_tf.training.run import Run
from cman_tf.training.workflow import train
from export.savedmodel import export
changes = {
    "corpus.name": sys.argv[1], "training.epochs": 12, "training.learning_rate": 0.01, "training.average_decay": 0.0,
    "model.hidden_size": 16, "characters.hidden_size": 8, "characters.size": 8,
}
run, *_ = train(config.load("sample", changes), sys.argv[2])
print(export(run, sys.argv[3])[0])
"""

ANSWER = """
import json, sys
import cman_tf
for path in sys.argv[2:]:
    found = cman_tf.load(path).extract([cman_tf.Document(text.split()) for text in json.loads(sys.argv[1])])
    print("ANSWER", json.dumps([
        [[e.type, e.start, e.end, e.score] for e in document.entities]
        + [[r.type, int(r.head), int(r.tail), r.score] for r in document.relations]
        for document in found
    ]))
"""


def call(stack, script, *arguments, cwd):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [PYTHONS[stack], "-c", script, *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()


@pytest.mark.slow
@pytest.mark.skipif(OTHER is None, reason="CMAN_TF_OTHER_PYTHON is not set: make compat")
@pytest.mark.parametrize("stack", PYTHONS)
def test_a_run_and_an_export_are_answered_alike_by_both(tmp_path, stack):
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for split in ("train", "dev"):
        shutil.copyfile(ROOT / "cman_tf" / "data" / "sample" / "dev.json", corpus / f"{split}.json")
    version = call(stack, TRAIN, corpus, tmp_path / "run", tmp_path / "model", cwd=tmp_path)[-1]
    answers = []
    for reader in PYTHONS:
        lines = call(reader, ANSWER, json.dumps(SENTENCES), tmp_path / "run", version, cwd=tmp_path)
        answers += [json.loads(line.partition(" ")[2]) for line in lines if line.startswith("ANSWER")]
    assert len(answers) == 4
    first = answers[0]
    assert first[0], "a network that finds nothing shows nothing"
    for other in answers[1:]:
        assert [[item[:3] for item in document] for document in other] == [[i[:3] for i in d] for d in first]
        scores = [[item[3] for document in answer for item in document] for answer in (first, other)]
        np.testing.assert_allclose(*scores, atol=1e-4)
