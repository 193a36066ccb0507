"""Tags of tokens in JSON, and annotation that the readers do not know."""

import json

import pytest

from cman_tf.data import formats
from cman_tf.data.document import Entity
from cman_tf.data.formats.losses import Reading
from cman_tf.errors import InputError

TOKENS = ["Ann", "Lee", "left", "Rome"]
TAGS = ["B-Peop", "I-Peop", "O", "B-Loc"]
ENTITIES = [{"type": "Peop", "start": 0, "end": 2}]


def read(path, *records, listed=False, **choices):
    lines = [json.dumps({"tokens": TOKENS, **record}) for record in records]
    path.write_text(f"[{','.join(lines)}]" if listed else "\n".join(lines))
    reading = Reading(**choices)
    found = formats.read(path, reading=reading)
    return [document.entities for document in found], reading.left_out


@pytest.mark.parametrize("key", ["ner_tags", "tags"])
@pytest.mark.parametrize("listed", [False, True])
def test_tags_are_entities(tmp_path, key, listed):
    found, left_out = read(tmp_path / "a", {key: TAGS}, {key: ["O"] * 4}, listed=listed)
    assert found == [(Entity(0, 2, "Peop"), Entity(3, 4, "Loc")), ()]
    assert not left_out


@pytest.mark.parametrize("listed", [False, True])
def test_numbers_need_names(tmp_path, listed):
    with pytest.raises(InputError, match=r"^All entities of .* left out: entities in `ner_tags` as numbers, .* names"):
        read(tmp_path / "a", {"ner_tags": [1, 2, 0, 5]}, listed=listed)


def test_each_token_has_a_tag(tmp_path):
    with pytest.raises(InputError, match=r"one tag for each token. Received: 3 for 4 tokens in .*line 1\)\.$"):
        read(tmp_path / "a", {"ner_tags": TAGS[:3]})


def test_tags_beside_entities_are_counted_if_they_differ(tmp_path):
    found, left_out = read(tmp_path / "a", {"entities": ENTITIES, "tags": TAGS})
    assert found == [(Entity(0, 2, "Peop"),)]
    assert left_out == {"entities in `tags` beside others": 1}
    same = [{"type": "Loc", "start": 3, "end": 4}, *ENTITIES]
    assert read(tmp_path / "a", {"entities": same, "tags": TAGS})[1] == {}


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (
            {"spans": [{"start": 0, "end": 7, "label": "Peop"}]},
            "entities in `spans`, which are not tags such as B-Peop",
        ),
        ({"ner": [[0, 1, "Peop"]]}, "entities in `ner`, which are not tags such as B-Peop"),
        ({"ner_tags": ["Peop", "Peop", "O", "Loc"]}, "entities in `ner_tags`, which are not tags such as B-Peop"),
        ({"tags": ["news", "sport"]}, "`tags` of sentences"),
    ],
)
def test_what_is_not_read_is_counted(tmp_path, other, told):
    assert read(tmp_path / "a", {"entities": ENTITIES, **other})[1] == {told: 1}
    with pytest.raises(InputError) as error:
        read(tmp_path / "a", {"entities": ENTITIES, **other}, strict=True)
    assert str(error.value).endswith(f"Received: {told} in {tmp_path / 'a'}, line 1")


def test_other_keys_are_no_annotation(tmp_path):
    others = {"pos_tags": [1, 2, 3, 4], "chunk_tags": ["B-NP"] * 4, "label": "positive", "spans": [], "meta": {"a": 1}}
    assert read(tmp_path / "a", others)[1] == {}
