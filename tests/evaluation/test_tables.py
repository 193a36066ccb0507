from cman_tf.evaluation.breakdowns import by_entity_distance, by_sentence_length
from cman_tf.evaluation.scorer import ITEMS, score
from cman_tf.evaluation.significance import paired_bootstrap
from cman_tf.evaluation.tables import evaluation_text, group_f1, percent, text_table, thresholds_text
from cman_tf.model.calibration import Calibration
from tests.evaluation.examples import by_hand, sentence


def cells(table):
    """Rows of a table, by their first cells."""
    rows = [line.split() for line in table.splitlines()]
    return {" ".join(w for w in row if w.isalpha() or "_" in w): [w for w in row if w[0].isdigit()] for row in rows}


def test_scores_by_hand():
    rows = cells(text_table(score(*by_hand())))
    assert rows["strict micro"] == ["60.00", "60.00", "60.00", "33.33", "33.33", "33.33"]
    # 7/18, 5/9 and 4/9, worked out in test_scorer.
    assert rows["strict macro"] == ["38.89", "55.56", "44.44", "33.33", "33.33", "33.33"]
    assert rows["boundaries micro"] == ["80.00", "80.00", "80.00", "66.67", "66.67", "66.67"]
    assert rows["Loc"] == ["50.00", "100.00", "66.67", "1", "2", "1"]
    assert rows["Work_For"] == ["0.00", "0.00", "0.00", "1", "1", "0"]


def test_says_what_is_left_out():
    assert "Without entities of type Org, [b]." in text_table(score(*by_hand(), exclude_types=["Org", "[b]"]))
    assert "Without" not in text_table(score(*by_hand()))


def test_a_type_is_data_not_markup():
    gold = [sentence("a", [(0, 1, "[bold]")])]
    table = text_table(score(gold, gold))
    assert "[bold]" in table
    assert "\x1b" not in table


def test_long_names_of_types_are_wrapped():
    name = "ein sehr langer Name " * 5
    gold = [sentence("a", [(0, 1, name.strip())])]
    table = text_table(score(gold, gold))
    assert max(map(len, table.splitlines())) <= 100
    assert table.count("sehr") == 5
    assert "only entities are scored" in table


def test_everything_that_was_measured():
    gold, predicted = by_hand()
    metrics = score(gold, predicted)
    assert evaluation_text(metrics) == text_table(metrics)
    metrics["by_sentence_length"] = by_sentence_length(gold, predicted)
    metrics["by_entity_distance"] = by_entity_distance(gold, predicted)
    metrics["without_types"] = score(gold, predicted, exclude_types=["Org"])
    metrics["gold_labels"] = score(gold, gold)
    metrics["type_constrained"] = score(gold, predicted)
    metrics["overlap_policies"] = {"keep_outer": score(gold, predicted), "all": score(gold, gold)}
    metrics["against"] = {
        "run": "runs/[b]", **{item: paired_bootstrap(gold, predicted, gold, metric=item, samples=50) for item in ITEMS}
    }  # fmt: skip
    text = evaluation_text(metrics)
    assert text.startswith(text_table(metrics))
    rows = cells(text)
    without = metrics["without_types"]["strict"]["micro"]["entities"]
    assert rows["without Org"][:3] == [percent(without[rate]) for rate in ("precision", "recall", "f1")]
    assert rows["gold labels fed"] == ["100.00"] * 6
    assert rows["types constrained"] == ["60.00"] * 3 + ["33.33"] * 3
    assert rows["gold keep_outer"] == ["60.00"] * 3 + ["33.33"] * 3
    assert rows["gold all"] == ["100.00"] * 6
    assert max(map(len, text.splitlines())) <= 100
    assert "Tokens of sentence" in text
    assert "Characters from end to end" in text
    assert "Against runs/[b], strict micro F1" in text
    assert "entities: +40.00 (95 %: " in text


def test_a_difference_in_every_draw_has_a_bound_for_p():
    gold, predicted = (documents * 20 for documents in by_hand())
    metrics = score(gold, predicted)
    compared = {item: paired_bootstrap(gold, predicted, gold, metric=item, samples=50) for item in ITEMS}
    metrics["against"] = {"run": "runs/b", **compared}
    assert evaluation_text(metrics).count(", p < 0.0200\n") == len(ITEMS)
    metrics["against"] = {"run": "runs/b", **{item: {**compared[item], "p_value": 0.02} for item in ITEMS}}
    assert evaluation_text(metrics).count(", p = 0.0200\n") == len(ITEMS)


def test_fitted_thresholds_with_the_examples_of_each():
    about = {"corpus": "[b]mine", "split": "dev", "sentences": 7, "entities": 40, "relations": {"[red]Kill": 31}}
    text = thresholds_text(Calibration(0.25, {"[red]Kill": 0.5, "Live_In": 0.125}, fitted_on=about))
    rows = [line.split() for line in text.splitlines()]
    assert rows[2:5] == [["entities", "0.250", "40"], ["[red]Kill", "0.500", "31"], ["Live_In", "0.125", "-"]]
    assert text.endswith("Fitted on dev of [b]mine, 7 sentences.\n")


def test_a_group_of_nothing_has_no_score():
    gold, predicted = by_hand()
    groups = by_sentence_length(gold, predicted)
    assert groups[">=50"]["entities"]["gold"] == 0
    assert group_f1(groups[">=50"]["entities"]) == "-"
    # What was found where there is nothing is wrong.
    assert group_f1({"f1": 0.0, "gold": 0, "predicted": 2}) == "0.00"


def test_percent():
    assert percent(0.90625) == "90.62"
    assert percent(1.0) == "100.00"
