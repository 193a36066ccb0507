import json

import pytest

from cman_tf.data import corpora, formats
from cman_tf.data.overlap import Counts
from cman_tf.errors import InputError
from tests.data.examples import ann, sentence, write_json


def folder(path, **splits):
    """A person's corpus: split names to file names; each file holds one sentence."""
    for split, name in splits.items():
        formats.write([ann(split)], path / name)
    return path


def sizes(corpus):
    return {split: len(documents) for split, documents in corpus.splits.items()}


def test_a_folder_may_mix_formats(tmp_path):
    corpus = corpora.load(folder(tmp_path, train="train.json", dev="dev.txt", test="test.jsonl"))
    assert {split: documents[0].id for split, documents in corpus.splits.items()} == {
        "train": "train",
        "dev": "dev",
        "test": "test",
    }
    assert corpus.splits["train"] == (ann("train"),)
    assert corpus.name == str(tmp_path)
    assert str(tmp_path) in corpus.source
    assert corpus.dropped == {"train": Counts(), "dev": Counts(), "test": Counts()}


def test_only_the_splits_that_are_asked_for_must_be_there(tmp_path):
    folder(tmp_path, train="train.json", test="test.json")
    assert sizes(corpora.load(tmp_path, splits=["train"])) == {"train": 1, "test": 1}
    assert sizes(corpora.load(tmp_path, splits=[])) == {"train": 1, "test": 1}
    with pytest.raises(InputError, match=rf"^{tmp_path} has no dev split: it contains no file such as dev\.json\.$"):
        corpora.load(tmp_path)


@pytest.mark.parametrize("format", ["brat", "csv"])
def test_a_split_may_be_a_folder(tmp_path, format):
    folder(tmp_path, train="train.json")
    formats.write([ann("dev")], tmp_path / "dev", format)
    assert sizes(corpora.load(tmp_path, splits=["train", "dev"])) == {"train": 1, "dev": 1}


def test_other_files_of_a_folder_are_left_alone(tmp_path):
    folder(tmp_path, train="train.json")
    (tmp_path / "README.md").write_text("x")
    (tmp_path / "training.json").write_text("x")
    (tmp_path / "dev").mkdir()
    assert sizes(corpora.load(tmp_path, splits=["train"])) == {"train": 1}


def test_two_files_for_one_split_are_refused(tmp_path):
    folder(tmp_path, train="train.json", dev="train.txt")
    with pytest.raises(InputError, match=r"folder for each split\. Received: train\.json and train\.txt in "):
        corpora.load(tmp_path, splits=["train"])


def test_a_folder_without_any_split_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"is not a corpus: it contains no files named train, dev, test\.$"):
        corpora.load(tmp_path)


@pytest.mark.parametrize("name", ["conll4", "./conll04", "no/such/folder"])
def test_a_name_that_is_no_corpus_and_no_folder(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    end = "; nearest: conll04" if "conll" in name else ""
    with pytest.raises(InputError, match=f"Received: {name}, which does not exist{end}$"):
        corpora.load(name)


def test_a_file_is_no_corpus(tmp_path):
    folder(tmp_path, train="train.json")
    with pytest.raises(InputError, match=r"Received: .*train\.json, which is a file; `cman data split` creates "):
        corpora.load(tmp_path / "train.json")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"variant": "sprt"}, "`variant` must be one of spert, multihead. Received: sprt; nearest: spert"),
        ({"splits": ["tests"]}, "A split must be one of train, dev, test. Received: tests; nearest: test"),
        ({"overlap": "keep_out"}, "An overlap policy must be one of .* Received: keep_out; nearest: keep_outer"),
    ],
)
def test_mistyped_options_get_the_nearest(arguments, message):
    with pytest.raises(InputError, match=message):
        corpora.load("conll04", **arguments)


@pytest.mark.parametrize("fold", [-1, 10, "0", None])
def test_folds_of_ade(fold):
    with pytest.raises(InputError, match="`fold` must be a whole number from 0 to 9. Received: "):
        corpora.load("ade", fold=fold)


def test_errors_of_a_file_name_it(tmp_path):
    folder(tmp_path, train="train.json")
    (tmp_path / "dev.json").write_text("[]")
    with pytest.raises(InputError, match=r"dev\.json contains no sentences\.$"):
        corpora.load(tmp_path, splits=["train"])


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        ([], r"at least one token\. Received: none in sentence 2 in .*train\.json \(train\)$"),
        (["a\ud800"], r"lone surrogate\. Received: 'a\\ud800' in sentence 2 in .*train\.json \(train\)$"),
    ],
)
def test_sentences_that_nothing_can_be_learnt_from_are_refused(tmp_path, tokens, message):
    write_json(tmp_path / "train.json", [{"tokens": ["a"]}, {"tokens": tokens}])
    with pytest.raises(InputError, match=message):
        corpora.load(tmp_path, splits=["train"])


def test_raw_text_is_no_corpus(tmp_path):
    (tmp_path / "train.jsonl").write_text(json.dumps({"text": "Ann left."}))
    with pytest.raises(InputError, match=r"raw text is read for prediction only\. .*train\.jsonl, line 1"):
        corpora.load(tmp_path, splits=["train"])


def test_texts_with_spans_get_the_tokens_of_the_tokenizer(tmp_path):
    (tmp_path / "train.jsonl").write_text(json.dumps({"text": "Ann, 3,14159", "label": [[0, 3, "Peop"]]}))
    for tokenizer, tokens in (("unicode2", "Ann , 3,14159"), ("unicode", "Ann , 3 , 14159")):
        [document] = corpora.load(tmp_path, splits=["train"], tokenizer=tokenizer).splits["train"]
        assert document.tokens == tuple(tokens.split())


def test_overlap_policies_and_their_counts(tmp_path):
    nested = sentence("a b", [(0, 2, "A"), (0, 1, "A")])
    formats.write([ann(), nested], tmp_path / "train.json")
    with pytest.raises(InputError, match=r"must not overlap.*'a b' and 'a' in sentence 2 in .*train\.json \(train\)$"):
        corpora.load(tmp_path, splits=["train"])
    corpus = corpora.load(tmp_path, splits=["train"], overlap="keep_outer")
    assert corpus.dropped == {"train": Counts(0, 1, 0)}
    assert sizes(corpus) == {"train": 2}
    formats.write([nested], tmp_path / "train.json")
    with pytest.raises(InputError, match=r"at least one sentence\. Received: none after overlap policy drop_sentences"):
        corpora.load(tmp_path, splits=["train"], overlap="drop_sentences")


def test_repeated_in_looks_at_the_characters_of_the_tokens():
    train = [sentence("Ann left Rome ."), sentence("Bob left")]
    test = [
        sentence("Bob stays"),
        sentence("Ann left Rome."),
        sentence("Ann left"),
        sentence("Bob left", [(0, 1, "A")]),
    ]
    assert corpora.repeated_in(train, test) == {1, 3}
    assert corpora.repeated_in([], test) == set()


@pytest.mark.parametrize(
    ("variant", "train", "dev", "repeated"),
    [("spert", 922, 231, 20), ("multihead", 910, 243, 21)],
)
def test_conll04(public_data, variant, train, dev, repeated):
    corpus = corpora.load("conll04", variant=variant, data_dir=public_data)
    test = corpus.splits["test"]
    assert sizes(corpus) == {"train": train, "dev": dev, "test": 288}
    assert sum(len(document.entities) for document in test) == 1079
    assert sum(len(document.relations) for document in test) == 422
    # 22 and 23 sentences of train stand in test, some of them twice.
    assert len(corpora.repeated_in(corpus.splits["train"], test)) == repeated
    assert len(corpora.repeated_in(test, corpus.splits["train"])) == repeated + 2


def test_ade_holds_out_a_dev_set_by_seed(public_data):
    def ids(corpus):
        return {split: {document.id for document in documents} for split, documents in corpus.splits.items()}

    first = ids(corpora.load("ade", data_dir=public_data, overlap="keep_outer"))
    assert {split: len(found) for split, found in first.items()} == {"train": 3268, "dev": 577, "test": 427}
    assert len(first["train"] | first["dev"] | first["test"]) == 4272
    again = corpora.load("ade", data_dir=public_data, overlap="drop_sentences")
    assert ids(again)["dev"] < first["dev"]
    assert again.dropped["test"].sentences == 12
    assert ids(corpora.load("ade", data_dir=public_data, overlap="keep_outer", seed=2))["dev"] != first["dev"]


def test_the_sample_corpus():
    corpus = corpora.load("sample")
    assert min(sizes(corpus).values()) > 0
    assert not corpora.repeated_in(corpus.splits["train"], corpus.splits["dev"] + corpus.splits["test"])
