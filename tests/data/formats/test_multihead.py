import pytest
from hypothesis import given, settings

from cman_tf.data import formats
from cman_tf.data.document import Document, Entity
from cman_tf.data.formats import multihead
from cman_tf.errors import InputError
from tests.data.examples import ann, documents, sentence

ANN = """#doc 7
0	Ann	B-Peop	['N']	[0]
1	Lee	I-Peop	['Work_For', 'Live_In']	[3, 6]
2	of	O	['N']	[2]
3	Acme	B-Org	['N']	[3]
4	lives	O	['N']	[4]
5	in	O	['N']	[5]
6	Paris	B-Loc	['N']	[6]
7	.	O	['N']	[7]
"""


def test_reads_last_tokens_as_heads(tmp_path):
    (tmp_path / "a.txt").write_text(ANN)
    assert multihead.read(tmp_path / "a.txt") == [ann()]


def test_writes_the_same_text(tmp_path):
    multihead.write([ann(), ann("")], tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_text() == ANN + ANN.replace("#doc 7", "#doc")


@pytest.mark.parametrize(
    ("tags", "entities"),
    [
        ("O I-A I-A O", [(1, 3, "A")]),
        ("I-A I-B O B-A", [(0, 1, "A"), (1, 2, "B"), (3, 4, "A")]),
        ("B-A B-A I-A I-B", [(0, 1, "A"), (1, 3, "A"), (3, 4, "B")]),
        ("B-A-b I-A-b", [(0, 2, "A-b")]),
    ],
)
def test_tags_are_chunked_as_conlleval_does(tags, entities):
    assert multihead.entities_of(tags.split()) == [Entity(*entity) for entity in entities]


def test_line_ends_blank_lines_and_missing_ids_do_not_matter(tmp_path):
    text = ANN.replace("#doc 7", "#doc") * 2
    (tmp_path / "a").write_bytes(text.replace("\n", "\r\n\r\n").encode())
    assert multihead.read(tmp_path / "a") == [ann(""), ann("")]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (sentence("a b", [(0, 2, "A"), (1, 2, "A")]), r"cannot contain overlapping entities\. .* in sentence 2$"),
        (Document(["a\tb"]), r"tab or a line end .*Received: 'a\\tb' in sentence 2"),
        (Document(["a"], id="x\ny"), r"tab or a line end .*Received: 'x\\ny' in sentence 2 \(id 'x\\ny'\)"),
        (Document(["\ud800"]), r"lone surrogate\. Received: '\\ud800' in sentence 2"),
        (Document(["a"], id=" x"), r"outer blanks\. Received: ' x' in sentence 2"),
        (sentence("a b", [(0, 1, "A"), (1, 2, "A")], [(0, 1, "N")]), r"'N' must not be the name of a relation type"),
    ],
)
def test_what_the_format_cannot_hold_is_refused_and_nothing_is_written(tmp_path, document, message):
    with pytest.raises(InputError, match=message):
        multihead.write([ann(), document], tmp_path / "a.txt")
    assert list(tmp_path.iterdir()) == []


def test_the_published_file_comes_back_byte_for_byte(tmp_path, public_data):
    path = public_data / "conll04" / "multihead" / "dev.txt"
    multihead.write(multihead.read(path), tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_bytes() == path.read_bytes()


@settings(deadline=None)
@given(documents(overlapping=False))
def test_what_is_written_is_read_back(tmp_path_factory, drawn):
    path = tmp_path_factory.getbasetemp() / "round.txt"
    drawn = [document.with_annotation(*in_order(document)) for document in drawn]
    multihead.write(drawn, path)
    assert formats.recognise(path) == "multihead"
    assert multihead.read(path) == drawn


def in_order(document):
    """Relations in the order of their subjects, which is the order of the format's rows."""
    return document.entities, sorted(document.relations, key=lambda relation: relation.head)
