"""Messages about invalid input."""

import pytest

from cman_tf.errors import InputError, check_choice, closest, failed, nearest, optional, printable, reason


def test_the_nearest_name_is_suggested():
    assert nearest("conl04", ["ade", "conll04"]) == "; nearest: conll04"
    assert nearest("zzz", ["ade", "conll04"]) == nearest("a", []) == ""
    assert nearest(3, iter(["33", "x"])) == "; nearest: 33"


def test_a_lower_cutoff_accepts_less_similar_names():
    assert closest("x", ["abc"]) is None
    assert closest("x", ["abc"], cutoff=0) == "abc"
    assert closest("x", [], cutoff=0) is None


def test_a_known_choice_passes_and_an_unknown_one_is_refused():
    check_choice("A split", "dev", iter(["train", "dev"]))
    with pytest.raises(InputError, match=r"^A split must be one of train, dev\. Received: dve; nearest: dev$"):
        check_choice("A split", "dve", iter(["train", "dev"]))


def test_an_optional_library_is_imported_or_its_installation_described():
    assert optional("json.decoder", "x").JSONDecoder
    with pytest.raises(InputError, match=r'^no_such_library is not installed\. Install it with: pip install "\.\[x\]"'):
        optional("no_such_library", "x")


def test_a_failed_operation_is_one_sentence():
    error = FileNotFoundError(2, "No such file or directory", "a")
    assert reason(error) == "No such file or directory"
    assert str(failed("read", "a", error)) == "Cannot read a: no such file or directory."
    assert reason(ValueError("embedded null byte")) == "embedded null byte"
    assert str(failed("write", "a", ValueError("Bad."))) == "Cannot write a: bad."
    assert str(failed("write", "a", OSError(5, "I/O error"))) == "Cannot write a: I/O error."
    assert str(failed("write", "a", KeyError())) == "Cannot write a: KeyError."
    with pytest.raises(UnicodeDecodeError) as caught:
        b"a\xdb".decode()
    assert str(failed("read", "a", caught.value)) == "Cannot read a: byte 0xdb at position 1 is not valid UTF-8."


def test_control_characters_are_escaped():
    assert printable("a\tb\n\x00\x9b\u202e é") == "a\tb\\n\\x00\\x9b\\u202e é"
