import numpy as np
import pytest

from cman_tf.config.fields import WordsConfig
from cman_tf.data.vocabulary import Vocabulary, read_vectors
from cman_tf.errors import InputError
from tests.conftest import sentence

DOCUMENTS = [sentence("Ana saw Ana in Oslo"), sentence("ana saw Łódź")]


@pytest.fixture
def vectors(tmp_path):
    def write(content):
        path = tmp_path / "vectors.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


def test_words_in_order_of_their_ids():
    vocabulary, found = Vocabulary.of(DOCUMENTS, WordsConfig(min_count=2))
    assert found is None
    assert vocabulary.words == ["ana", "saw"]
    assert vocabulary.num_trained == 2
    assert vocabulary.characters == sorted(map(ord, set("AnasawinOsloŁódź")))


def test_case_may_be_kept():
    vocabulary, _ = Vocabulary.of(DOCUMENTS, WordsConfig(min_count=2, lowercase=False))
    assert vocabulary.words == ["Ana", "saw"]


def test_a_vector_keeps_a_rare_word_and_brings_others(vectors):
    file = vectors("Oslo 1 2\nelsewhere 3 4\noslo 5 6\n")
    vocabulary, found = Vocabulary.of(DOCUMENTS, WordsConfig(min_count=2, vectors=file))
    assert vocabulary.words == ["ana", "oslo", "saw", "elsewhere"]
    assert vocabulary.num_trained == 3
    np.testing.assert_array_equal(found, [[np.nan] * 2, [1, 2], [np.nan] * 2, [3, 4]])


def test_a_word_with_a_line_break_stays_unknown(tmp_path):
    from cman_tf.data.document import Document

    document = Document(["a\nb", "a\rb", "a\u2028b", "a\x85b"])
    vocabulary, _ = Vocabulary.of([document], WordsConfig(min_count=1))
    assert vocabulary.words == ["a\x85b", "a\u2028b"]
    vocabulary.save(tmp_path)
    assert Vocabulary.read(tmp_path).words == vocabulary.words


def test_round_trip(tmp_path, documents):
    vocabulary, _ = Vocabulary.of(documents, WordsConfig(min_count=1, lowercase=False))
    vocabulary.save(tmp_path / "new" / "folder")
    found = Vocabulary.read(tmp_path / "new" / "folder")
    assert vars(found) == vars(vocabulary)


@pytest.mark.parametrize("name", ["words.txt", "characters.txt", "vocabulary.json"])
@pytest.mark.parametrize("content", [None, b"\xff"])
def test_a_broken_folder_is_told(tmp_path, documents, name, content):
    Vocabulary.of(documents, WordsConfig())[0].save(tmp_path)
    (tmp_path / name).unlink()
    if content:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match="Cannot read the vocabulary in "):
        Vocabulary.read(tmp_path)


@pytest.mark.parametrize("header", ["", "2 3\n"])
@pytest.mark.parametrize("end", ["\n", "\r\n", " \n"])
def test_vector_files(vectors, header, end):
    words, found = read_vectors(vectors(f"{header}the 1 -2.5 3e-2{end}Łódź .5 0 1{end}"))
    assert words == ["the", "Łódź"]
    np.testing.assert_allclose(found, [[1, -2.5, 0.03], [0.5, 0, 1]])
    assert found.dtype == np.float32


def test_words_with_blanks_are_passed_over(vectors):
    words, found = read_vectors(vectors("a 1 2\n. . . 3 4\nat x@y.com 5 6\nb 7 8\n"))
    assert words == ["a", "b"]
    np.testing.assert_array_equal(found, [[1, 2], [7, 8]])


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("a 1 2\nb 1 2 3\n", "same width. Received: 3 numbers after rows of 2 in {}, line 2"),
        ("2 2\na 1 2\nb 1\n", "same width. Received: 1 numbers after rows of 2 in {}, line 3"),
        ("a 1 2\nb 1 x\n", "a word and numbers on each line. Received: 'b 1 x\\n' in {}, line 2"),
        ("a 1 2\n\nb 1 2\n", "a word and numbers on each line. Received: '\\n' in {}, line 2"),
        ("a 1 nan\n", "a word and numbers on each line. Received: 'a 1 nan\\n' in {}, line 1"),
        ("a 1 1e99\n", "in {}, line 1"),
        ("a\n", "in {}, line 1"),
        ("", "{} contains no vectors."),
        ("3 50\n", "{} contains no vectors."),
        (b"a 1 2\n\xff 1 2\n", "A vector file must be UTF-8 text. Received: {}"),
    ],
)
def test_bad_vector_files(vectors, content, told):
    path = vectors(content)
    with pytest.raises(InputError) as caught:
        read_vectors(path)
    assert told.format(path) in str(caught.value)


def test_vector_files_that_cannot_be_read(tmp_path):
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(InputError, match="^Cannot read "):
            read_vectors(path)


def test_a_home_folder_is_found(vectors, tmp_path, monkeypatch):
    vectors("a 1 2\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read_vectors("~/vectors.txt")[0] == ["a"]
