"""A corpus whose test split cannot be read, a tiny configuration and space."""

import pytest
import yaml

from cman_tf.data import formats
from tests.conftest import TINY_PLAIN

SPACE = {
    "model.hidden_size": {"choice": [4, 6]},
    "model.bsa_units": {"int": [1, 2]},
    "training.learning_rate": {"float": [0.001, 0.03], "log": True},
}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory, documents):
    """Arguments for a search that takes seconds."""
    folder = tmp_path_factory.mktemp("search")
    for split in ("train", "dev"):
        formats.write(documents, folder / "corpus" / f"{split}.json", "spert")
    # A search that opened it would end here.
    (folder / "corpus" / "test.json").write_text("not JSON")
    values = {**TINY_PLAIN, "corpus": {"name": str(folder / "corpus")}}
    values["training"] = {"epochs": 2, "batch_size": 5, "adversarial_alpha": 0.0, "learning_rate": 0.02}
    (folder / "config.yaml").write_text(yaml.safe_dump(values))
    from cman_tf.config import Config
    from tuning.space import Space

    removed = dict.fromkeys(Space.read(Config()).dimensions)
    (folder / "space.yaml").write_text(yaml.safe_dump({**removed, **SPACE}))
    return ["--config", str(folder / "config.yaml"), "--space", str(folder / "space.yaml"), "--seed", "1"]
