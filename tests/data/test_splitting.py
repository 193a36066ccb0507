"""How a corpus is split into train, dev and test."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cman_tf.commands import cli
from cman_tf.commands.data import command
from cman_tf.data import corpora, formats, splitting
from cman_tf.data.document import Document
from cman_tf.errors import InputError
from tests.conftest import sentence
from tests.data.examples import written

PARTS = ("train", "dev", "test")


def related(kind, id, text="Ana left Oslo"):
    return sentence(text, [(0, 1, "Peop"), (2, 3, "Loc")], [(0, 1, kind)], id)


def types(documents):
    return {item.type for document in documents for item in (*document.entities, *document.relations)}


def test_each_part_has_its_share_of_sentences_and_of_each_relation_type():
    documents = [related("Common", f"a{number}") for number in range(160)]
    documents += [related("Rare", f"b{number}") for number in range(20)]
    documents += [sentence("Rain .", id=f"c{number}") for number in range(20)]
    counts = splitting.counts(splitting.split(documents))
    for part, sentences, common, rare in zip(PARTS, (160, 20, 20), (128, 16, 16), (16, 2, 2)):
        assert counts[part]["sentences"] == sentences
        assert (counts[part]["relation Common"], counts[part]["relation Rare"]) == (common, rare)
        assert counts[part]["entity Peop"] == common + rare


def test_texts_are_split_in_their_language(tmp_path, capsys):
    text = {"text": "Ana kam am 3. Mai nach Oslo. Bo auch.", "label": [[0, 3, "Peop"]]}
    lines = [json.dumps({"id": str(number), **text}) + "\n" for number in range(10)]
    (tmp_path / "in.jsonl").write_text("".join(lines))
    for options, count in (([], 30), (["--language", "de"], 20)):
        command(["split", str(tmp_path / "in.jsonl"), str(tmp_path / str(count)), *options])
        parts = [formats.read(file) for file in (tmp_path / str(count)).iterdir()]
        assert sum(map(len, parts)) == count
        capsys.readouterr()


def test_shares_of_a_corpus():
    documents = corpora.load("sample").splits["train"]
    parts = splitting.split(documents, dev=0.2, test=0.1)
    whole, counts = splitting.counts({"all": documents})["all"], splitting.counts(parts)
    for part, share in zip(PARTS, (0.7, 0.2, 0.1)):
        assert counts[part]["sentences"] == pytest.approx(share * len(documents), abs=1)
        for kind in (name for name in whole if name.startswith("relation")):
            assert counts[part][kind] == pytest.approx(share * whole[kind], rel=0.05, abs=2)


def test_the_seed_decides():
    documents = corpora.load("sample").splits["dev"]
    assert splitting.split(documents) == splitting.split(documents)
    assert splitting.split(documents) != splitting.split(documents, seed=2)


@given(
    st.lists(st.tuples(st.integers(0, 12), st.sampled_from("ABCDEF"), st.integers(1, 4)), min_size=1, max_size=60),
    st.integers(0, 3),
)
def test_documents_stay_together_and_train_has_every_type(rows, seed):
    documents = [
        related(kind, f"{text}:{number}") for number, (text, kind, count) in enumerate(rows) for _ in range(count)
    ]
    common = [related("A", f"{name}:1") for name in ("first", "second", "third")]
    documents += [*common, *(related(kind, "first:2") for kind in "BCDEF")]
    parts = splitting.split(documents, 0.2, 0.2, seed)
    assert sorted(d.id for part in parts.values() for d in part) == sorted(d.id for d in documents)
    texts = [{document.id.split(":")[0] for document in parts[part]} for part in PARTS]
    assert all(texts)
    assert len(set.union(*texts)) == sum(map(len, texts))
    assert types(parts["train"]) == types(documents)
    for part in parts.values():
        assert [documents.index(d) for d in part] == sorted(documents.index(d) for d in part)


def test_a_large_document_does_not_fill_a_small_part():
    documents = [related("Live_In", f"long:{number}") for number in range(1, 101)]
    documents += [related("Live_In", f"short{text}:{number}") for text in range(50) for number in (1, 2)]
    for seed in range(20):
        parts = splitting.split(documents, seed=seed)
        assert len(parts["dev"]) == pytest.approx(20, abs=1)
        assert len(parts["test"]) == pytest.approx(20, abs=1)


def test_a_document_that_is_too_large_for_a_part_goes_to_train_though_that_is_full():
    sizes = {"a": 120, "b": 120, "c": 70, **{f"short{number}": 1 for number in range(20)}}
    documents = [related("Live_In", f"{text}:{number}") for text, size in sizes.items() for number in range(size)]
    for seed in range(20):
        parts = splitting.split(documents, seed=seed)
        assert (len(parts["dev"]), len(parts["test"])) == (10, 10)


def test_an_example_of_a_rare_type_is_in_train_whatever_the_shares():
    documents = [related("Common", f"a{number}") for number in range(40)] + [related("Once", "b")]
    for seed in range(5):
        parts = splitting.split(documents, dev=0.45, test=0.45, seed=seed)
        assert "Once" in types(parts["train"])


def test_what_counts_as_one_document():
    """Equal texts without ids are; addresses with a colon, and an id beside an equal text, are not."""
    same = [related("Live_In", ""), Document(["Ana", "leftOslo"]), related("Live_In", "Ana:1"), related("L", "Ana:2")]
    addresses = [related("Live_In", f"https://x.org/{name}") for name in "abc"]
    assert splitting.counts({"all": same})["all"]["documents"] == 2
    assert splitting.counts({"all": addresses})["all"]["documents"] == 3


def test_texts_without_ids_are_not_divided(tmp_path):
    lines = [
        {"text": f"Ana {number} left. Bo came. Ana slept. Bo sang.", "label": [[0, 3, "Peop"]]} for number in range(20)
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    documents = formats.read(tmp_path / "a.jsonl")
    assert [document.id for document in documents[3:6]] == ["1:4", "2:1", "2:2"]
    parts = splitting.counts(splitting.split(documents))
    assert [parts[part]["documents"] for part in PARTS] == [16, 2, 2]


def test_a_document_of_several_sentences_is_not_divided():
    long = Document(["Ana", ".", "Bo", "."], sentences=[(0, 2), (2, 4)], id="long")
    documents = [long, *(sentence(f"Rain {number}", id=f"a{number}") for number in range(8))]
    parts = splitting.split(documents)
    assert sum(counts["sentences"] for counts in splitting.counts(parts).values()) == 10
    assert [document for part in parts.values() for document in part if document.id == "long"] == [long]


def test_a_share_of_zero_leaves_a_part_out():
    documents = [related("Live_In", f"a{number}") for number in range(10)]
    assert list(splitting.split(documents, test=0)) == ["train", "dev"]
    assert list(splitting.split(documents, dev=0)) == ["train", "test"]


@pytest.mark.parametrize(("dev", "test"), [(0, 0), (0.5, 0.5), (-0.1, 0.2), (float("nan"), 0.1), (1, 0)])
def test_impossible_shares(dev, test):
    with pytest.raises(InputError, match="must be 0 or more, and together more than 0 and less than 1"):
        splitting.split([related("Live_In", f"a{number}") for number in range(10)], dev, test)


def test_impossible_corpora():
    with pytest.raises(InputError, match="Received: 2 documents"):
        splitting.split([related("Live_In", f"a{text}:{number}") for text in "bc" for number in range(9)])
    with pytest.raises(InputError, match="every type in train"):
        splitting.split([related(f"Type{number}", f"a{number}") for number in range(9)])
    with pytest.raises(InputError, match="at least one token. Received: none in sentence 1 "):
        splitting.split([Document([], id="a"), *(related("Live_In", f"a{number}") for number in range(9))])


# -- the command -------------------------------------------------------------------------------------------------------


@pytest.fixture
def annotated(tmp_path):
    documents = [related("Live_In", f"news/{text}:{number}") for text in range(20) for number in (1, 2)]
    formats.write(documents, tmp_path / "annotated.json")
    return tmp_path / "annotated.json"


def test_command(annotated, tmp_path, capsys):
    command(["split", str(annotated), str(tmp_path / "parts"), "--dev", "0.2"])
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert printed[:3] == [[*PARTS], ["documents", "14", "4", "2"], ["sentences", "28", "8", "4"]]
    assert ["relation", "Live_In", "28", "8", "4"] in printed
    corpus = corpora.load(tmp_path / "parts")
    assert [len(corpus.splits[part]) for part in PARTS] == [28, 8, 4]
    assert sorted(path.name for path in (tmp_path / "parts").iterdir()) == ["dev.jsonl", "test.jsonl", "train.jsonl"]


@pytest.mark.parametrize("format", written())
def test_every_format_is_a_corpus(annotated, tmp_path, format):
    command(["split", str(annotated), str(tmp_path / "parts"), "--format", format])
    assert [len(part) for part in corpora.load(tmp_path / "parts").splits.values()] == [32, 4, 4]


def test_a_folder_with_one_file(annotated, tmp_path):
    (tmp_path / "corpus").mkdir()
    annotated.rename(tmp_path / "corpus" / "train.json")
    command(["split", str(tmp_path / "corpus"), str(tmp_path / "parts")])
    assert len(corpora.load(tmp_path / "parts").splits) == 3


def refused(capsys, *argv):
    assert cli.run("cman data", command, ["split", *map(str, argv)]) == 2
    [line] = capsys.readouterr().err.splitlines()
    return line


def test_what_the_command_refuses(annotated, tmp_path, capsys):
    target = tmp_path / "parts"
    (tmp_path / "plain.txt").write_text("Rain.\n")
    assert "must be annotated. Received: no entities in" in refused(capsys, tmp_path / "plain.txt", target)
    assert f"2 files in {tmp_path}" in refused(capsys, tmp_path, target)
    assert "Cannot read" in refused(capsys, tmp_path / "missing", target)
    assert "less than 1. Received: dev=1, test=0.1" in refused(capsys, annotated, target, "--dev", "1")
    assert "An output folder must be new or empty" in refused(capsys, annotated, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["annotated.json", "plain.txt"]


def test_the_parts_are_written_all_or_none(annotated, tmp_path, capsys):
    last = splitting.split(formats.read(annotated))["test"][0]
    records = json.loads(annotated.read_text())
    for record in records:
        if record["orig_id"] == last.id:
            # brat cannot represent it; train and dev are written before.
            record["tokens"][1] = "\ud800"
    annotated.write_text(json.dumps(records))
    assert "lone surrogate" in refused(capsys, annotated, tmp_path / "parts", "--format", "brat")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["annotated.json"]
