"""What two corpora share, and scores without it."""

import pytest

from cman_tf.data import formats
from cman_tf.data.document import Document
from cman_tf.errors import InputError
from reproduction import overlap


def test_runs_of_words_that_are_in_both():
    first = [Document(("a", "b", "C", "d")), Document(("x",))]
    second = [Document(("z", "b", "c", "d")), Document(("a", "b"))]
    assert overlap.shared(first, second, 2) == {("a", "b"), ("b", "c"), ("c", "d")}
    assert overlap.shared(first, second, 3) == {("b", "c", "d")}
    # A run does not cross sentences.
    assert overlap.shared([Document(("a",)), Document(("b",))], [Document(("a", "b"))], 2) == set()


def test_relations_between_equal_texts(documents):
    assert overlap.relations(documents[:1]) == [("ana", "Live_In", "oslo")]
    assert overlap.recurring(documents[:1], documents) == {"total": 6, "shared": 1}


def test_kinds_of_test_sentences(documents):
    # `sample` has the first sentence, training the second to the fourth.
    kinds = overlap.kinds(documents[:1], documents[1:4])
    kept = {name: [keep(document) for document in documents] for name, keep in kinds.items()}
    assert list(kept.values()) == [
        [True] * 5,
        [False, True, True, True, True],
        [False, True, True, True, True],  # Ana and Oslo are in training too
        [False, True, False, False, False],
    ]
    alone = overlap.kinds(documents[:1], documents[1:2])["no relation of sample, no entity of sample alone"]
    assert [alone(document) for document in documents] == [False, True, False, False, False]


def test_scores_of_the_sentences_that_are_kept(tmp_path, documents):
    found = [documents[0].with_annotation(documents[0].entities[:1], ()), *documents[1:]]
    for seed, predicted in ((1, documents), (2, found)):
        path = tmp_path / f"seed{seed}" / "predictions" / "test.jsonl"
        path.parent.mkdir(parents=True)
        formats.write(predicted, path, "jsonl")
    runs = overlap.predictions(tmp_path, documents)
    # The second run finds one of two entities of the first sentence, and no relation: F1 of 2/3 and 0.
    scores = overlap.mean_f1(documents, runs, lambda document: document == documents[0])
    assert scores == pytest.approx({"entities": (1 + 2 / 3) / 2, "relations": 0.5})
    assert overlap.mean_f1(documents, runs, lambda document: document != documents[0])["entities"] == 1


def test_predictions_must_be_there_and_of_the_same_sentences(tmp_path, documents):
    with pytest.raises(InputError, match="must have runs with predictions/test.jsonl"):
        overlap.predictions(tmp_path, documents)
    (tmp_path / "seed1" / "predictions").mkdir(parents=True)
    formats.write(documents, tmp_path / "seed1" / "predictions" / "test.jsonl", "jsonl")
    with pytest.raises(InputError, match="must be those of CoNLL04's test sentences"):
        overlap.predictions(tmp_path, documents[:2])
