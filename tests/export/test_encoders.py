"""An export brings the contextual encoders of its run along."""

import shutil

import pytest

from cman_tf import config as configs
from cman_tf.data import formats
from cman_tf.training import workflow
from export.card import read_card
from export.check import check
from export.savedmodel import export
from tests.conftest import TINY
from tests.encoders.test_runs import write


@pytest.mark.slow
@pytest.mark.parametrize("trainable", [False, True])
def test_a_run_with_an_encoder_is_exported_whole(tmp_path, documents, trainable):
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for split in ("train", "dev"):
        formats.write(documents, corpus / f"{split}.json", "spert")
    module = write(tmp_path, "toy", 1)
    encoder = {"modules": [module], "store": str(tmp_path / "store"), "trainable": trainable}
    values = configs.from_dict({**TINY, "corpus": {"name": str(corpus)}, "encoder": encoder})
    run = workflow.train(values, tmp_path / "run")[0]
    path, _ = export(run, tmp_path / "model", max_entities=9, max_relations=9, max_tokens=300)
    assert read_card(path)["encoder"]["contextual"][0]["name"] == "toy"
    # The answers must come from the export: what the run still needs, it does not.
    shutil.copytree(module, tmp_path / "aside")
    findings = check(path, run.path)
    assert findings["problems"] == []
    shutil.rmtree(module)
    assert check(path)["problems"] == []
