"""What `cman data check` finds in a corpus."""

import html
import json

import pytest

from cman_tf.commands.data import command
from cman_tf.data import checks, corpora, formats
from cman_tf.data.document import Document, Entity
from cman_tf.errors import InputError
from tests.conftest import sentence

ANA = sentence("Ana lives in Oslo", [(0, 1, "Peop"), (3, 4, "Loc")], [(0, 1, "Live_In")], "ana")


def found(**splits):
    return {finding.title: finding.examples for finding in checks.findings(splits)}


def test_shared_sentences_and_pairs_of_names():
    again = sentence("Today ana left her house in oslo", [(1, 2, "Peop"), (6, 7, "Loc")], [(0, 1, "Live_In")], "again")
    assert found(train=[ANA] * 5, test=[ANA, again]) == {
        "sentences in both train and test": ["ana"],
        "related pairs of names in both train and test": ["ana - oslo"],
    }


def test_two_types_and_both_directions_and_rare_types():
    other = sentence("Oslo beat Ana", [(0, 1, "Org"), (2, 3, "Peop")], [(0, 1, "Beats"), (1, 0, "Beats")], "other")
    assert found(train=[ANA] * 5 + [other]) == {
        "mentions with two types": ["Oslo: Loc 5, Org 1"],
        "relations in both directions": ["Beats, Oslo and Ana: other"],
        "types with fewer than 5 training examples": ["Beats: 2", "Org: 1"],
    }


def test_an_entity_and_a_relation_type_of_one_name_are_counted_each():
    both = sentence("Ana married Bo", [(0, 1, "tokens"), (2, 3, "tokens")], [(0, 1, "tokens")])
    figures = checks.counts({"train": [both]})["train"]
    assert (figures["tokens"], figures["entity tokens"], figures["relation tokens"]) == (3, 2, 1)


def test_entities_that_cut_a_word_or_have_no_letter():
    cut = Document(
        ["Nor", "way", "."],
        [Entity(0, 1, "Loc"), Entity(2, 3, "Loc")],
        text="Norway.",
        offsets=[(0, 3), (3, 6), (6, 7)],
        id="cut",
    )
    [examples] = found(dev=[cut]).values()
    assert examples == ["'Nor' in 'Norway.': cut", "'.' in 'Norway.': cut"]


def test_mentions_that_are_annotated_elsewhere():
    missed = sentence("Oslo met Ana Lima", [(2, 4, "Peop")], id="missed")
    title = "mentions that are annotated elsewhere"
    assert found(train=[ANA] * 3, dev=[missed])[title] == ["Oslo (annotated 3 times): missed"]
    # Too seldom annotated to be expected, and too often not annotated.
    assert title not in found(train=[ANA] * 2, dev=[missed])
    assert title not in found(train=[ANA] * 3, dev=[missed] * 2)
    # "Ana" in "Ana Lima" is not missed; "New Oslo" is, though the part "Oslo" of it is annotated elsewhere.
    new = sentence("New Oslo fell", [(0, 2, "Loc")])
    assert found(train=[new] * 9, dev=[sentence("In New Oslo", id="whole")])[title] == [
        "New Oslo (annotated 9 times): whole"
    ]


def test_entities_with_something_at_their_ends():
    texts = ["Oslo ,", "( Oslo", "Oslo -", "Oslo (", ") Oslo", "Oslo:"]
    good = ["Oslo ( Norway )", "( Oslo )", "U.S.", "Yahoo!", "O'Brien", "-5"]
    documents = [sentence(text, [(0, len(text.split()), "Loc")], id=text) for text in [*texts, *good]]
    blank = Document([" Oslo"], [Entity(0, 1, "Loc")], text=" Oslo", offsets=[(0, 5)], id="blank")
    examples = found(dev=[*documents, blank])["entities with blanks, punctuation or half a bracket at their ends"]
    assert [example.rsplit(": ", 1)[1] for example in examples[:-1]] == texts
    assert examples[-1] == "' Oslo' in ' Oslo': blank"


def test_unusual_types_of_head_and_tail():
    turned = sentence("Oslo has Ana", [(0, 1, "Loc"), (2, 3, "Peop")], [(0, 1, "Live_In")], "turned")
    title = "types of head and tail in at most 2% of a relation's examples"
    assert found(train=[ANA] * 49, test=[turned])[title] == ["Live_In, Loc to Peop: turned"]
    assert title not in found(train=[ANA] * 48, test=[turned])
    figures = checks.counts({"train": [ANA, ANA, turned]})["train"]
    assert (figures["Live_In: Loc to Peop"], figures["Live_In: Peop to Loc"]) == (1, 2)


def test_frames_ignore_names_and_punctuation():
    shared = "{} who had worked in {} for ten years"
    documents = []
    for number, (name, place) in enumerate([("Ana", "Oslo"), ("Bo", "Lima"), ("Cy", "Rome")]):
        documents.append(sentence(shared.format(name, place), [(0, 1, "Peop"), (5, 6, "Loc")], id=f"s{number}"))
    assert checks.repeated_frames(documents[:2]) == []
    frames = dict(checks.repeated_frames(documents))
    assert frames[("who", "had", "worked", "in", "[Loc]", "for", "ten")] == ["s0", "s1", "s2"]


def test_headlines_are_three_lines_about_what_harms_most():
    other = sentence("Oslo beat Ana", [(0, 1, "Org"), (2, 3, "Peop")], [(0, 1, "Beats"), (1, 0, "Beats")], "other")
    assert checks.headlines({"train": [ANA] * 5 + [other], "dev": [ANA], "test": [other, ANA]}) == [
        "1 sentences in both train and dev, 2 sentences in both train and test, 1 sentences in both dev and test, "
        "so scores are too high (e.g. ana)",
        "2 types with fewer than 5 training examples (e.g. Beats: 2; Org: 1)",
        "1 mentions with two types (e.g. Oslo: Loc 7, Org 2)",
    ]


def test_headlines_are_short_and_only_of_what_is_there():
    assert checks.headlines({"train": [ANA] * 5}) == []
    kinds = [f"{number}{'x' * 100}" for number in range(9)]
    many = [sentence("Ana lives in Oslo", [(0, 1, kind), (3, 4, "Loc")], id="many") for kind in kinds]
    rare, mention = checks.headlines({"train": many})
    assert rare.startswith("9 types with fewer than 5 training examples (e.g. 0xxx")
    assert rare.count("...") == 3
    assert mention.startswith("1 mentions with two types (e.g. Ana: 0xxx")
    assert max(len(rare), len(mention)) < 300


def test_the_sample_corpus_has_no_frames_and_shares_no_names():
    splits = corpora.load("sample").splits
    assert checks.repeated_frames([document for documents in splits.values() for document in documents]) == []
    assert not [title for title in found(**splits) if title.startswith(("sentences in", "related pairs"))]


def test_command(capsys, tmp_path):
    command(["check", "sample", "--json", str(tmp_path / "found.json"), "--html", str(tmp_path / "found.html")])
    printed = capsys.readouterr().out
    written = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert f"{written['counts']['train']['sentences']:,}" in printed
    assert all(title in printed for title in written["findings"])
    page = html.unescape((tmp_path / "found.html").read_text(encoding="utf-8"))
    assert all(title in page for title in written["findings"])
    assert all(example in page for examples in written["findings"].values() for example in examples[:500])


def test_texts_are_split_in_their_language(capsys, tmp_path):
    text = {"text": "Ana kam am 3. Mai nach Oslo. Bo auch.", "label": [[0, 3, "Peop"]]}
    (tmp_path / "train.jsonl").write_text(json.dumps(text) + "\n")
    for options, count in (([], "3"), (["--language", "de"], "2")):
        command(["check", str(tmp_path), *options])
        lines = capsys.readouterr().out.splitlines()
        assert [line.split()[-1] for line in lines if line.startswith("sentences ")] == [count]


def test_long_names_of_types_are_wrapped(capsys, tmp_path):
    person, place, lives = ("natural " + letter * 92 for letter in "pcl")
    train = [sentence("Ana lives in Oslo", [(0, 1, person), (3, 4, place)], [(0, 1, lives)], str(n)) for n in range(12)]
    formats.write(train, tmp_path / "train.jsonl")
    command(["split", str(tmp_path / "train.jsonl"), str(tmp_path / "parts")])
    split = capsys.readouterr().out.splitlines()
    command(["check", str(tmp_path / "parts")])
    checked = capsys.readouterr().out.split("\nTo look at")[0].splitlines()
    for lines in (split, checked):
        assert max(map(len, lines)) <= 100
        assert all("".join(lines).count(letter) >= 92 for letter in "pcl")
        assert [line.split()[1:] for line in lines if line.startswith("sentences")] == [["10", "1", "1"]]


@pytest.mark.parametrize(
    ("argv", "message"), [(["look"], "must be check"), (["check", "sample", "--examples", "0"], "1 or")]
)
def test_wrong_arguments(argv, message):
    with pytest.raises(InputError, match=message):
        command(argv)
