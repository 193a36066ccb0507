"""The benchmark of growth: corpora, bars and measurements."""

import json
import sys
from subprocess import Popen
from types import SimpleNamespace

import pytest

from benchmarks import growth, growth_corpora
from cman_tf.commands import cli
from cman_tf.data import formats


@pytest.fixture(scope="module")
def documents():
    return growth_corpora.sample()[:40]


def test_types_change_and_nothing_else(documents):
    changed = growth_corpora.with_types(documents, 7)
    assert {relation.type for document in changed for relation in document.relations} == {f"R{n}" for n in range(7)}
    for one, other in zip(changed, documents):
        assert (one.tokens, one.entities) == (other.tokens, other.entities)
        assert [(r.head, r.tail) for r in one.relations] == [(r.head, r.tail) for r in other.relations]
    with pytest.raises(ValueError, match="1000 types"):
        growth_corpora.with_types(documents, 1000)


@pytest.mark.parametrize("tokens", [1, 30, 300])
def test_a_sentence_has_its_length_and_the_annotation_of_its_parts(documents, tokens):
    document = growth_corpora.of_length(documents, tokens)
    assert len(document) == tokens
    text = [token for source in documents for token in source.tokens]
    assert list(document.tokens) == text[:tokens]
    first = documents[0]
    if tokens > len(first):
        assert document.entities[: len(first.entities)] == first.entities
        assert document.relations[: len(first.relations)] == first.relations
        assert tokens < 300 or len(document.relations) > len(first.relations)


def test_repeated_sentences_have_other_names(documents, tmp_path):
    count = 2 * len(documents) + 5
    found = growth_corpora.renamed(documents, count)
    assert len(found) == count
    assert [document.tokens for document in found[: len(documents)]] == [document.tokens for document in documents]
    for one, other in zip(found[len(documents) :], documents):
        names = {place for entity in other.entities for place in range(entity.start, entity.end)}
        for place, (new, old) in enumerate(zip(one.tokens, other.tokens)):
            assert (new == old + "a") == (place in names and old.isalpha())
    assert growth_corpora._ending(27) == "aa"
    folder = growth_corpora.write(tmp_path / "corpus", found, documents)
    read = formats.read(folder / "train.json")
    assert [(d.tokens, d.entities, d.relations) for d in read] == [(d.tokens, d.entities, d.relations) for d in found]


def test_a_process_that_takes_too_much_memory_is_killed():
    for megabytes, ended in ((1, False), (300, True)):
        code = f"memory = bytearray({megabytes}000000); print(1, flush=True); input()"
        process = Popen([sys.executable, "-c", code], stdin=-1, stdout=-1)
        with growth.limited(SimpleNamespace(process=process), most_gb=0.2) as over:
            process.stdout.readline()
            if ended:
                process.wait(20)
        process.communicate(b"\n")
        assert over.is_set() == ended == (process.returncode != 0)


RESULT = {
    "types": {
        str(types): {"sentences_per_second": speed, "processor_ms_per_sentence": 1.0, "peak_gb": 1.0}
        for types, speed in ((5, 60.0), (200, 20.0))
    },
    "tokens": {"30": {"peak_gb": 1.0}, "1000": {"peak_gb": 2.0}, "4000": None},
    "sentences": {
        count: {"seconds": seconds, "processor_seconds": 1.0, "peak_gb": 2.0}
        for count, seconds in (("1000", 10.0), ("56000", 80.0))
    },
}


def test_bars_compare_the_extremes():
    found = [(bar["value"], bar["reached"]) for bar in growth.bars(RESULT)]
    assert found == [(3.0, False), (1.0, True), (70.0, False), (2.0, True)]


def test_a_length_that_does_not_fit_is_reported():
    *_, tokens, _, _ = growth.parts(RESULT)
    assert list(tokens.columns[1].cells)[-1] == "more than 10, killed"


def test_sizes_are_whole_numbers(capsys):
    assert cli.run("benchmarks.growth", growth.command, ["--types", "5,0"]) == 2
    assert "argument --types: must be whole numbers from 1, separated by commas, not '5,0'" in capsys.readouterr().err


@pytest.mark.slow
def test_the_command_measures_each_series(tmp_path, capsys):
    sizes = ["--types", "5,60", "--tokens", "30,1000", "--corpus-sizes", "100,200", "--steps", "2", "--rounds", "1"]
    code = cli.run("benchmarks.growth", growth.command, [*sizes, "--json", str(tmp_path / "a.json")])
    assert code == 0, capsys.readouterr().err
    found = json.loads((tmp_path / "a.json").read_text())
    assert list(found["types"]) == ["5", "60"]
    assert found["tokens"]["1000"]["peak_gb"] > found["tokens"]["30"]["peak_gb"] > 0.3
    assert all(item["seconds"] > 1 for item in found["sentences"].values())
    assert len(found["bars"]) == 4
