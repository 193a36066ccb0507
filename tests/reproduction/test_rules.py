"""Scores with and without rules for relations."""

import json

from cman_tf.commands import cli
from reproduction import rules


def test_rules_change_the_scores_of_a_run(trained_run, quick, run_predictor, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(run_predictor.extractor, "constraints", run_predictor.extractor.constraints)

    # An untrained network predicts nearly all relations, all of them wrong. So here, fewer relations score higher.
    def few_are_good(documents, predictions):
        found = sum(len(document.relations) for document in predictions)
        return {"strict": {"micro": {"relations": dict.fromkeys(("precision", "recall", "f1"), 1 / (1 + found))}}}

    monkeypatch.setattr(rules, "score", few_are_good)
    one_tail = [f"one_tail:{name}" for name in run_predictor.network.schema.relation_types]
    monkeypatch.setitem(rules.DECODINGS, "learnt", {"rules": one_tail, "type_constrained": False})
    argv = [str(trained_run.path), "--name", "tiny/random", "--results", str(tmp_path)]
    assert cli.run("test", rules.command, argv) == 0
    (scores,) = json.loads((tmp_path / "tiny-random.json").read_text())["runs"]
    none, typed, learnt, both = (scores[name]["f1"] for name in ("none", "type_constrained", "learnt", "both"))
    assert 0 < none < min(typed, learnt) <= max(typed, learnt) <= both
    table = (tmp_path / "table.md").read_text()
    assert table in capsys.readouterr().out
    gain = 100 * (scores["learnt"]["f1"] - scores["none"]["f1"])
    assert f"| tiny/random | 1 | learnt | {100 * scores['learnt']['precision']:.2f} |" in table
    assert table.splitlines()[4].endswith(f"| {gain:+.2f} |")


def test_the_table_has_means_over_the_runs(tmp_path):
    def run(**f1):
        return {name: {"precision": 0.5, "recall": 0.4, "f1": f1.get(name, 0.6)} for name in rules.DECODINGS}

    found = {"name": "ade/best", "runs": [run(), run(both=0.62)]}
    (tmp_path / "ade-best.json").write_text(json.dumps(found))
    lines = rules.table(tmp_path).splitlines()
    assert lines[2] == "| ade/best | 2 | none | 50.00 | 40.00 | 60.00 | |"
    assert lines[5] == "| ade/best | 2 | both | 50.00 | 40.00 | 61.00 | +1.00 ± 1.41 |"
