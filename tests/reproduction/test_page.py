import csv
import json

import pytest

from cman_tf import config as configs
from cman_tf.errors import InputError
from cman_tf.evaluation.breakdowns import by_entity_distance, by_sentence_length
from cman_tf.evaluation.error_kinds import count_kinds
from cman_tf.evaluation.scorer import score
from reproduction.page import write_page
from reproduction.pictures import ablation_picture
from reproduction.plan import Experiment
from reproduction.runs import spread

KNOWN = {
    "conll04/words": Experiment("conll04/words", "words alone", "conll04", {}, (1, 2)),
    "conll04/best": Experiment("conll04/best", "the best", "conll04", {}, (1, 2, 3)),
}


def breakdowns(documents, predicted):
    return {
        "by_sentence_length": by_sentence_length(documents, predicted),
        "by_entity_distance": by_entity_distance(documents, predicted),
    }


def write_run(folder, config, documents, predicted, **more):
    folder.mkdir(parents=True)
    configs.save(config, folder / "config.yaml")
    metrics = {
        "split": "test",
        "corpus": "conll04",
        "protocol": "train",
        **score(documents, predicted),
        **breakdowns(documents, predicted),
        **more,
    }
    (folder / "metrics.json").write_text(json.dumps(metrics))


@pytest.fixture
def fewer(documents):
    """Of each sentence the first entity."""
    return [document.with_annotation(document.entities[:1], ()) for document in documents]


@pytest.fixture
def page(tmp_path):
    """The text of the page of what lies in `results`."""

    def make(known=KNOWN):
        return write_page(tmp_path / "results", tmp_path / "docs" / "results.md", known).read_text(encoding="utf-8")

    return make


def test_the_protocol_names_every_other_corpus(page, tmp_path, documents, config):
    for name, changes in {
        "conll04/best": {"start_from": "runs/reproduce/sample/first/seed1"},
        "conll04/words": {"start_from": "runs/reproduce/conll04/first/seed1"},
        "conll04/shipped": {"start_from": "news"},
        "conll04/mixed": {"corpus.extra": "sample"},
    }.items():
        write_run(tmp_path / "results" / name / "seed1", configs.change(config, changes), documents, documents)
    text = page()
    assert "| conll04/best | train+sample | 1 |" in text
    assert "| conll04/shipped | train+news | 1 |" in text
    assert "| conll04/mixed | train+sample | 1 |" in text
    assert "protocol train+sample" in text
    assert "Word vectors: those of sample/first" in text
    assert "| conll04/words | train | 1 |" in text


def test_a_table_for_each_experiment_with_mean_and_deviation(page, tmp_path, documents, fewer, config):
    for seed, predicted in ((1, documents), (2, fewer)):
        write_run(tmp_path / "results" / "conll04" / "words" / f"seed{seed}", config, documents, predicted)
    text = page()
    # Eleven entities: all found by the first seed; four, and nothing wrong, by the second: 2 * 4 / (4 + 11).
    assert "## conll04/words" in text
    assert "2 seeds" in text
    assert "| **This project** | 76.67 ± 33.00 | 50.00 ± 70.71 |" in text
    assert "72.97" in text
    assert "| conll04/words | train | 2 | no contextual encoder | 76.67 ± 33.00 | 50.00 ± 70.71 |" in text
    with open(tmp_path / "results" / "tables.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8
    chosen = [row for row in rows if (row["run"], row["average"], row["mode"]) == ("seed2", "micro", "strict")]
    assert [row["entities f1"] for row in chosen] == ["53.33"]


def test_kinds_of_error_are_counted(page, tmp_path, documents, fewer, config):
    for seed, predicted in ((1, documents), (2, fewer), (3, fewer)):
        kinds = count_kinds(documents, predicted)
        if seed == 3:  # scored before there were all of them
            del kinds["relations"]["missed end"]
        write_run(
            tmp_path / "results" / "conll04" / "words" / f"seed{seed}", config, documents, predicted, error_kinds=kinds
        )
    text = page()
    # Eleven entities, of which the second seed misses seven; six relations, of which it misses all.
    assert "| Entities | right | wrong type | wrong boundary | missed | spurious |" in text
    assert "| mean of 2 runs | 7.5 | 0.0 | 0.0 | 3.5 | 0.0 |" in text
    assert "| mean of 2 runs | 3.0 | 0.0 | 0.0 | 0.0 | 0.0 | 3.0 | 0.0 | 0.0 |" in text


def test_breakdowns_are_those_of_a_corpuss_first_experiment(page, tmp_path, documents, config):
    for name in ("best", "words"):
        write_run(tmp_path / "results" / "conll04" / name / "seed1", config, documents, documents)
    _, best, words = page({name: KNOWN[name] for name in ("conll04/best", "conll04/words")}).split("\n## ")[:3]
    assert "| Tokens in sentence |" in best
    assert "| Tokens in sentence |" not in words


def test_what_was_tried_on_dev_is_no_experiment(page, tmp_path, documents, config):
    write_run(tmp_path / "results" / "dev" / "words" / "1_base", config, documents, documents)
    assert "dev/words" not in page()


def test_what_is_missing_is_named_with_its_command(page, tmp_path, documents, config):
    # A seed beyond the plan stands for none of it.
    for seed in (1, 7):
        write_run(tmp_path / "results" / "conll04" / "words" / f"seed{seed}", config, documents, documents)
    text = page()
    command = "python -m reproduction --experiments"
    assert f"conll04/words, words alone: 1 of 2 runs are missing. `{command} conll04/words --seeds 2`" in text
    assert f"conll04/best, the best: 3 of 3 runs are missing. `{command} conll04/best --seeds 1,2,3`" in text


def test_folds_and_policies(page, tmp_path, documents, fewer, config):
    for fold, predicted in ((0, documents), (1, fewer)):
        policies = {"all": score(documents, predicted)}
        folder = tmp_path / "results" / "ade" / "best" / f"seed1-fold{fold}"
        write_run(folder, config, documents, predicted, corpus="ade", overlap_policies=policies)
    text = page({})
    assert "(10 sentences in 2 folds)" in text
    assert "1 seed, 2 folds" in text
    assert f"protocol {config.protocol}, dev held out of each fold's training part" in text
    assert "| CMAN, the paper's figures, ELMo | 89.40 | 81.14 |" in text
    assert "| gold entities by policy all, micro | 76.67 ± 33.00 | 50.00 ± 70.71 |" in text
    # Short sentences hold all eleven entities; 15 of them are right in two folds, of 22 and 15: counted together.
    assert f"| 0-19 | {100 * 2 * 15 / (22 + 15):.2f} | 66.67 |" in text


def test_ablations_stand_beside_the_paper_and_make_the_figures(page, tmp_path, documents, fewer, config):
    for name, predicted in (("whole", documents), ("no_units", fewer)):
        folder = tmp_path / "results" / "conll04" / "ablations" / name / "seed1"
        dev = {**score(documents, documents), **breakdowns(documents, predicted)}
        write_run(folder, config, documents, predicted, dev=dev)
    text = page()
    assert "| CMAN | 1 | 90.62 | 72.97 | 100.00 | 100.00 | 100.00 | 100.00 |" in text
    assert "| - both units | 1 | 89.34 | 68.95 | 53.33 | 0.00 | 100.00 | 100.00 |" in text
    assert "| - BLA unit | 0 | 90.57 | 70.84 | not run | not run | not run | not run |" in text
    assert "## conll04/ablations" not in text
    for name in ("by_entity_distance", "by_sentence_length"):
        assert f"(images/{name}.png)" in text
        picture = (tmp_path / "docs" / "images" / f"{name}.png").read_bytes()
        assert picture.startswith(b"\x89PNG")
        legend = ablation_picture(tmp_path / "results" / "conll04" / "ablations", name).axes[1].get_legend()
        assert "without BSA attention and BLA" in legend.texts[1].get_text()
        # The same runs give the same bytes: a page that is made again is no change.
        page()
        assert (tmp_path / "docs" / "images" / f"{name}.png").read_bytes() == picture


def test_ablations_must_be_alike(page, tmp_path, documents, config):
    for name, epochs in (("whole", 16), ("mlp", 8)):
        folder = tmp_path / "results" / "conll04" / "ablations" / name / "seed1"
        write_run(
            folder,
            configs.change(config, {"training.epochs": epochs}),
            documents,
            documents,
            dev=score(documents, documents),
        )
    with pytest.raises(InputError, match="must differ only in what is ablated. Received: .* 16 epochs, .* 8 epochs"):
        page()


def test_spread_of_one_run_is_its_figure():
    assert spread([61.954]) == "61.95"
    assert spread([60.0, 62.0]) == "61.00 ± 1.41"


def test_no_run_no_table(page):
    assert "##" not in page({})
