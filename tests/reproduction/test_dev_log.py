"""The log of the experiments on dev."""

import json
import re

import pytest
import yaml

from cman_tf import config as configs
from cman_tf.errors import InputError
from cman_tf.training.run import Run
from reproduction.dev_log import changes, scores, table, write_log


def history(path, config, *scores, commit=None):
    configs.save(config, path / "config.yaml")
    (path / "environment.json").write_text(json.dumps({"git_commit": commit}))
    Run(path).save_history([{"epoch": n, "dev_ner_f1": ner, "dev_re_f1": re} for n, (ner, re) in enumerate(scores, 1)])


def test_a_row_has_what_changed_and_its_best_epoch(tmp_path, config):
    history(tmp_path / "some" / "1_base", config, (0.8, 0.5), (0.9, 0.4))
    other = configs.change(config, {"model.relation_prior": 0.01, "training.epochs": 3, "corpus.data_dir": "x"})
    history(tmp_path / "some" / "2_prior", other, (0.1, 0.2), (0.85, 0.61), (0.8, 0.6), commit="0123456789")
    rows = [line.strip("| ").split(" | ") for line in table(tmp_path / "some").splitlines()[2:]]
    assert rows[0] == ["1_base", "(the same)", "-", "2", "80.00", "50.00", "40.00"]
    assert rows[1] == ["2_prior", "`model.relation_prior: 0.01`", "0123456", "3", "85.00", "61.00", "60.00"]
    (tmp_path / "notes.md").write_text("before\n\n<!-- table some -->\n\nafter\n")
    page = write_log(tmp_path, tmp_path / "page.md").read_text()
    assert page == f"before\n\n{table(tmp_path / 'some')}\nafter\n"


def test_a_field_that_only_its_commit_has_is_shown(tmp_path, config):
    for name in ("1_base", "2_shape"):
        history(tmp_path / "some" / name, config, (0.8, 0.5))
    path = tmp_path / "some" / "2_shape" / "config.yaml"
    values = configs.parse_yaml(path.read_text())
    values["words"]["shape_size"], values["more"] = 16, 1
    path.write_text(yaml.safe_dump(values))
    assert "| 2_shape | `more: 1`, `words.shape_size: 16` |" in table(tmp_path / "some")


def test_changes_name_every_field(config):
    assert changes(config, configs.change(config, {"seed": 2, "model.bla": False})) == "`model.bla: False`, `seed: 2`"


def test_a_run_without_dev_is_refused(tmp_path, config):
    history(tmp_path / "some" / "1_base", config, (None, None))
    with pytest.raises(InputError, match=r"scored on dev\. Received: .*1_base"):
        table(tmp_path / "some")


def test_runs_of_several_seeds_are_one_row(tmp_path, config):
    for name, weight, found in (("1_base", 0.5, [0.5, 0.6]), ("2_weight", 0.7, [0.62, 0.66])):
        for seed, score in enumerate(found, 1):
            changed = configs.change(config, {"seed": seed, "training.teacher_weight": weight})
            history(tmp_path / "some" / name / f"seed{seed}", changed, (0.9, score), (0.8, 0.1))
    rows = [re.split(r" *\| *", line)[1:-1] for line in table(tmp_path / "some").splitlines()[2:]]
    assert rows[0] == ["1_base", "(the same)", "-", "2", "2", "90.00 ± 0.00", "", "55.00 ± 7.07", ""]
    changed = "`training.teacher_weight: 0.7`"
    assert rows[1] == ["2_weight", changed, "-", "2", "2", "90.00 ± 0.00", "+0.00", "64.00 ± 2.83", "+9.00"]


def test_scores_of_evaluations_on_dev(tmp_path):
    found = {"split": "dev", "strict": {"micro": {"entities": {"f1": 0.88}, "relations": {"f1": 0.7}}}}
    (tmp_path / "base_0.75.json").write_text(json.dumps(found))
    assert scores(tmp_path).splitlines()[-1] == "| base, threshold 0.75 | 88.00 | 70.00 |"
    (tmp_path / "base_0.75.json").write_text(json.dumps({**found, "split": "test"}))
    with pytest.raises(InputError, match=r"must be those of dev\. Received: .*base_0.75.json, those of test"):
        scores(tmp_path)
