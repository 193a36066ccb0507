import json
from pathlib import Path

import networkx
import pytest

from cman_tf.inspection.summaries import graph_picture, history_picture, paper_picture
from cman_tf.interop.graph import relation_graph
from reproduction.published import ROWS
from tests.conftest import sentence
from tests.inspection.test_pictures import drawn


def test_history_with_and_without_dev_scores():
    rows = [{"epoch": float(n), "loss": 9.0 / n, "dev_ner_f1": 0.1 * n, "dev_re_f1": None} for n in (1, 2)]
    figure = history_picture(rows)
    assert drawn(figure) == ["loss", "strict micro F1 on dev, %"]
    assert figure.axes[1].lines[0].get_ydata().tolist() == pytest.approx([10, 20])


def test_graph_shows_what_is_related():
    document = sentence(
        "Ana of $Lima$ left Oslo", [(0, 1, "Peop"), (2, 3, "Loc"), (4, 5, "Loc")], [(0, 1, "Live_In"), (0, 1, "Left")]
    )
    figure = graph_picture(relation_graph([document]))
    drawn(figure)
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert sorted(texts) == sorted(["Ana", r"\$Lima\$", "Live_In, Left"])
    drawn(graph_picture(networkx.MultiDiGraph()))


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
