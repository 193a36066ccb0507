import json
from pathlib import Path

import pytest

from reproduction.pictures import paper_picture
from reproduction.published import ROWS
from tests.inspection.test_pictures import drawn


def test_figures_beside_the_papers(tmp_path):
    for seed, score in (("seed1", 0.5), ("seed2", 0.7)):
        (tmp_path / "a" / seed).mkdir(parents=True)
        micro = {"entities": {"f1": score}, "relations": {"f1": 0.25}}
        (tmp_path / "a" / seed / "metrics.json").write_text(json.dumps({"strict": {"micro": micro}}))
        (tmp_path / "a" / seed / "config.yaml").write_text("{}")
    figure = paper_picture([Path(tmp_path / "a")])
    assert drawn(figure) == ["entities, strict micro F1, %", "relations, strict micro F1, %"]
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == [*ROWS["conll04"], "a"]
    assert figure.axes[0].lines[-3].get_xdata()[0] == pytest.approx(60)
