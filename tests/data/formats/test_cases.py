"""Files as annotation tools write them, in `cases/`: what is read of each, and what is counted as left out."""

from pathlib import Path

import pytest

from cman_tf.data import formats
from cman_tf.data.formats.losses import Reading
from cman_tf.errors import InputError

CASES = Path(__file__).parent / "cases"
# Files in our own words, and what each has its form from. docs/reference/formats.md names the files that were tried.
FORMS = {
    "abstracts.pubtator": "JHnlp/BioCreative-V-CDR-Corpus, CDR_sample.txt",
    "bioc.json": "bionlplab/bioc, tests/bioc/everything.json",
    "bioc.xml": "bionlplab/bioc, tests/bioc/everything.xml",
    "bioc_cdr.xml": "BioCreative V CDR, CDR_sample.xml, as its readers on GitHub parse it",
    "brat": "nlplab/brat, example-data/tutorials",
    "brat_bom": "a text with a byte order mark, which brat counts",
    "brat_wrapped": "nlplab/brat, example-data/corpora, with an entity over a line end",
    "char_spans.jsonl": "scripts of users",
    "doccano.jsonl": "doccano/doccano, backend/data_export/pipeline/examples/relation_extraction/example.jsonl",
    "doccano_data.jsonl": "flairNLP/flair, tests/resources/tasks/jsonl/train.jsonl",
    "dygie.jsonl": "dwadden/dygiepp, dygie/tests/fixtures/scierc_article.json",
    "germeval.tsv": "flairNLP/flair, tests/resources/tasks/ner_german_germeval/NER-de-dev.tsv",
    "inception.json": "dkpro/dkpro-cassis, tests/test_files/json/fs_as_array",
    "inception_xmi": "inception-project/inception, inception-imls-stringmatch/.../relation_test.xmi",
    "inclusive_end.json": "scripts of users",
    "label_studio.json": "Label Studio's guide, page Task format",
    "nyt10.jsonl": "weizhepei/CasRel, data/NYT10-HRL/build_data.py",
    "prodigy.jsonl": "prodi.gy/docs/api-interfaces#relations",
    "prodigy_session.jsonl": "explosion/projects, tutorials/rel_component/assets/annotations.jsonl",
    "pubtator3.json": "PubTator 3, export/biocjson",
    "pubtator3.txt": "PubTator 3, export/pubtator",
    "relation_component.spacy": "explosion/projects, tutorials/rel_component/scripts/parse_data.py",
    "semicolon_csv": "spreadsheets",
    "tags.iob2": "doccano/doccano, backend/data_import/tests/data/sequence_labeling/example.conll",
    "triples.jsonl": "weizhepei/CasRel, data/NYT/build_data.py",
    "webanno": "inception-project/inception, inception-io-webanno-tsv/.../tsv3-suite",
    "wrapped.json": "scripts of users",
}
ANA = [("Ana Lima", "Peop"), ("Oslo", "Loc")]
NORSK = [("Norsk Data", "Org")]
LIVES = ("Ana Lima", "Live_In", "Oslo")


def shown(document):
    entities = [(entity.text, entity.type) for entity in document.entities]
    return entities, [(r.head.text, r.type, r.tail.text) for r in document.relations]


def read(name, **choices):
    """`(what was read of each sentence, the reading)`."""
    reading = Reading(**choices)
    return [shown(document) for document in formats.read(CASES / name, reading=reading)], reading


@pytest.mark.parametrize(
    ("name", "format", "expected"),
    [
        ("tags.iob2", "iob2", [(ANA, []), ([("Port Authority", "Org")], [])]),
        ("wrapped.json", "spert", [(ANA, [LIVES])]),
        ("char_spans.jsonl", "doccano", [(ANA, [LIVES]), (NORSK, [])]),
        ("prodigy.jsonl", "prodigy", [(ANA, [LIVES]), (NORSK, [])]),
        ("dygie.jsonl", "dygie", [(ANA, [LIVES]), (NORSK, [])]),
        ("triples.jsonl", "triples", [(ANA, [LIVES])]),
        ("semicolon_csv", "csv", [(ANA, [LIVES])]),
        ("relation_component.spacy", "docbin", [([("Ann", "Peop"), ("Rome", "Loc")], [("Ann", "Live_In", "Rome")])]),
        ("brat_wrapped", "brat", [([("Norsk\nData", "Org")], [])]),
        ("brat_bom", "brat", [(ANA, [])]),
        ("doccano_data.jsonl", "doccano", [(ANA, []), ([], [])]),
        (
            "nyt10.jsonl",
            "triples",
            [([("Ana Lima", "Entity"), ("Oslo", "Entity")], [("Ana Lima", "/people/person/place_lived", "Oslo")])],
        ),
        ("bioc_cdr.xml", "bioc", [([("Aspirin", "Chemical"), ("asthma", "Disease")], [("Aspirin", "CID", "asthma")])]),
        (
            "pubtator3.txt",
            "pubtator",
            [([("Aspirin", "Chemical"), ("asthma", "Disease")], [("Aspirin", "Positive_Correlation", "asthma")])],
        ),
    ],
)
def test_all_of_it_is_read(name, format, expected):
    assert formats.recognise(CASES / name) == format
    found, reading = read(name)
    assert found == expected
    assert not reading.left_out
    assert (reading.sentences_read, reading.entities) == (len(expected), sum(len(entities) for entities, _ in expected))


def test_every_case_names_what_it_follows():
    assert {path.name for path in CASES.iterdir()} == set(FORMS)


def test_the_documents_say_what_each_reader_was_tried_on():
    page = (Path(__file__).parents[3] / "docs" / "reference" / "formats.md").read_text(encoding="utf-8")
    table = page.partition("## What the readers were tried on")[2].partition("\n## ")[0]
    assert [name for name in formats.FORMATS if f"`{name}`" not in table] == []


def test_columns_with_the_number_of_the_token():
    assert formats.recognise(CASES / "germeval.tsv") == "iob2"
    assert read("germeval.tsv", column=3)[0] == [([("Ana Lima", "PER"), ("Radio Oslo", "ORG")], []), ([], [])]
    found, reading = read("germeval.tsv")
    assert found[0] == ([("Oslo", "LOC")], [])
    assert reading.left_out == {"entities in column 3, which --column 3 reads": 2}
    assert formats.read(CASES / "germeval.tsv")[1].tokens == ("1980", "ended", ".")


def test_prodigy_counts_texts_that_were_ignored_and_relations_of_plain_tokens():
    found, reading = read("prodigy_session.jsonl")
    assert found == [([("Ana Lima", "Peop"), ("Norsk Data", "Org")], [("Ana Lima", "Left", "Norsk Data")])]
    assert reading.left_out == {"texts that were rejected or ignored": 1, "relations that do not fit their entities": 1}


def test_pubtator_3_links_the_nearest_annotations_of_concepts():
    assert formats.recognise(CASES / "pubtator3.json") == "bioc"
    found, reading = read("pubtator3.json")
    assert found == [
        ([], []),
        ([("Aspirin", "Chemical"), ("asthma", "Disease")], [("Aspirin", "Positive_Correlation", "asthma")]),
        ([("asthma", "Disease"), ("ibuprofen", "Chemical")], [("ibuprofen", "Association", "asthma")]),
    ]
    assert reading.left_out == {"relations of concepts without mentions": 1}


def test_brat_with_pieces_notes_and_relations_across_lines():
    found, reading = read("brat")
    assert found == [([*ANA, ("She", "Peop")], [LIVES]), ([("Norsk Data", "Org")], [])]
    assert reading.left_out == {
        "discontinuous entities": 1,
        "relations across sentences": 2,
        "attributes": 1,
        "notes": 1,
        "equivalences": 1,
    }
    assert str(reading).startswith("read: 1 documents, 2 sentences, 4 entities, 1 relations\nleft out:\n")


def test_brat_in_sentences_instead_of_lines():
    found, reading = read("brat", sentences="split")
    assert found == [(ANA, [LIVES]), ([("She", "Peop"), ("Norsk Data", "Org")], [("She", "Work_For", "Norsk Data")])]
    assert reading.left_out["relations across sentences"] == 1


def test_inclusive_ends():
    with pytest.raises(InputError, match=r"use --ends inclusive\. Received: start=4, end=4 .*, sentence 1\)\.$"):
        read("inclusive_end.json")
    assert read("inclusive_end.json", ends="inclusive")[0] == [(ANA, [LIVES])]


@pytest.mark.parametrize(("name", "format"), [("doccano.jsonl", "doccano"), ("label_studio.json", "label_studio")])
def test_a_relation_across_sentences_is_counted_or_joins_them(name, format):
    assert formats.recognise(CASES / name) == format
    found, reading = read(name)
    assert found == [(ANA, [LIVES]), (NORSK, [])]
    assert (reading.documents, reading.left_out) == (1, {"relations across sentences": 1})
    found, reading = read(name, cross_sentence="merge")
    # The direction of Label Studio's is `left`, from the organization to the person.
    assert found == [([*ANA, *NORSK], [LIVES, ("Ana Lima", "Work_For", "Norsk Data")])]
    assert not reading.left_out


def test_webanno_with_emoji_ids_and_linguistic_layers():
    assert formats.recognise(CASES / "webanno") == formats.recognise(CASES / "webanno" / "doc.tsv") == "webanno"
    found, reading = read("webanno")
    assert found == [(ANA, [LIVES]), (NORSK, [])]
    assert reading.left_out == {"annotations of the layer POS": 1, "relations across sentences": 1}
    found, _ = read("webanno", cross_sentence="merge")
    assert found == [([*ANA, *NORSK], [LIVES, ("Ana Lima", "Work_For", "Norsk Data")])]


ASPIRIN = [("Aspirin", "Chemical"), ("asthma", "Disease")]
CAUSES = ("Aspirin", "CID", "asthma")


def test_pubtator_links_the_nearest_mentions_of_concepts():
    assert formats.recognise(CASES / "abstracts.pubtator") == "pubtator"
    found, reading = read("abstracts.pubtator")
    assert found == [(ASPIRIN, [CAUSES]), (ASPIRIN, []), ([], []), ([], [])]
    assert reading.left_out == {"relations of concepts without mentions": 1}


@pytest.mark.parametrize("name", ["bioc.json", "bioc.xml"])
def test_bioc(name):
    assert formats.recognise(CASES / name) == "bioc"
    found, reading = read(name)
    assert found == [([], []), (ASPIRIN, [CAUSES])]
    assert reading.left_out == {"relations that do not fit their entities": 1}
