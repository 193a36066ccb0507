"""Whole documents through a predictor: one sentence at a time, offsets of the document, streams."""

import itertools
import shutil

import pytest

from cman_tf import config as configs
from cman_tf.data import formats
from cman_tf.data.document import Document
from cman_tf.data.sentences import parts
from cman_tf.errors import InputError
from cman_tf.training.corpus import load_corpus
from cman_tf.training.run import Run
from tests.conftest import sentence

TEXT = "Ana and Bo live in Lima, Peru. Oslo, Norway.\n\nBo Ek of New Lima met Ana. Rain."


def test_a_document_has_the_answers_of_its_sentences(run_predictor):
    document = run_predictor(TEXT)
    assert document.text == TEXT
    assert len(document.sentences) == 4
    own = [run_predictor(TEXT[slice(*document.sentence_span(index))], split=False) for index in range(4)]
    assert [(part.text, part.entities, part.relations) for part in parts(document)] == [
        (part.text, part.entities, part.relations) for part in own
    ]
    assert sum(bool(part.entities) for part in own) > 1
    assert sum(len(part.relations) for part in own) == len(document.relations) > 0
    for entity in document.entities:
        start, end = document.char_span(entity)
        assert TEXT[start:end] == entity.text
        first, last = document.sentences[document.sentence_of(entity)]
        assert first <= entity.start < entity.end <= last


def test_a_text_may_be_one_sentence(run_predictor):
    document = run_predictor(TEXT, split=False)
    assert document.sentences == ((0, len(document)),)
    assert document.entities == run_predictor.extract([Document(document.tokens)])[0].entities


def test_the_language_decides_on_abbreviations(run_predictor):
    text = "Ana wohnt z. B. in Oslo. Bo auch."
    assert len(run_predictor(text, language="de").sentences) == 2
    assert len(next(run_predictor.pipe([text], language="de")).sentences) == 2


def test_a_stream_is_read_as_it_is_used(run_predictor):
    read = []

    def texts():
        for number in itertools.count():
            read.append(number)
            yield f"Ana lives in Oslo. Bo lives in Lima. {number}."

    found = run_predictor.pipe(texts(), batch_size=7)
    first = [next(found) for _ in range(3)]
    assert [document.tokens[-2] for document in first] == ["0", "1", "2"]
    assert len(read) == 3
    assert first[0].entities == run_predictor(first[0].text).entities


def test_a_stream_may_contain_documents(run_predictor):
    given = [sentence("Ana lives in Oslo . Rain .", id="7"), Document((), text=TEXT, offsets=(), id="8"), TEXT, ""]
    found = list(run_predictor.pipe(given))
    assert [document.id for document in found] == ["7", "8", "", ""]
    assert [len(document.sentences) for document in found] == [1, 4, 4, 0]
    assert found[1].entities == found[2].entities == run_predictor(TEXT).entities
    assert list(run_predictor.pipe([])) == []
    assert [len(document.sentences) for document in run_predictor.pipe(given[1:], split=False)] == [1, 1, 0]


def test_what_is_not_text(run_predictor):
    for call in (run_predictor, lambda texts: list(run_predictor.pipe(texts))):
        with pytest.raises(InputError, match="must be a string or a sequence of strings.*: int at position 1"):
            call(["Ana", 3])
    with pytest.raises(InputError, match="bytes at position 0"):
        run_predictor(b"Ana")


def test_an_annotated_document_is_predicted_again(run_predictor):
    document = run_predictor(TEXT)
    [again] = run_predictor.extract([document])
    assert (again, again.entities) == (document, document.entities)


def test_a_run_keeps_its_tokenizer(trained_run, run_predictor, tmp_path):
    assert trained_run.config().words.tokenizer == "unicode2"
    text = "東京 🇳🇴"
    assert run_predictor.tokenize([text])[0].tokens == ("東", "京", "🇳🇴")
    shutil.copytree(trained_run.path, tmp_path / "old")
    config = tmp_path / "old" / "config.yaml"
    config.write_text(config.read_text().replace("  tokenizer: unicode2\n", ""))
    old = Run.open(tmp_path / "old")
    assert old.config().words.tokenizer == "conll04"
    assert old.config({"decoding.threshold": 0.3}).words.tokenizer == "conll04"
    assert old.network(trained=False).config.words.tokenizer == "conll04"


def test_a_corpus_of_texts_has_the_tokens_of_its_run(tmp_path, config, documents):
    formats.write([sentence("東京 !", [(0, 1, "Loc")]), *documents], tmp_path / "train", "brat")
    for tokenizer, tokens in (("unicode2", ("東", "京", "!")), ("conll04", ("東京", "!"))):
        changed = configs.change(config, {"corpus.name": str(tmp_path), "words.tokenizer": tokenizer})
        assert load_corpus(changed, splits=("train",)).splits["train"][0].tokens == tokens
