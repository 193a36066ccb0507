"""Annotation of a tokenised JSON object outside its `entities`: tags of tokens, and what is not read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cman_tf.data.document import Entity
from cman_tf.data.formats.iob2 import entities_of, is_tag
from cman_tf.data.formats.losses import Reading
from cman_tf.errors import InputError

# Hugging Face's names of tags come first.
_KEYS = (
    "ner_tags", "tags", "labels", "label", "ner", "spans", "annotations", "mentions", "entity_mentions",
    "entityMentions", "relation_mentions", "relationMentions", "triple_list", "spo_list", "events", "clusters",
)  # fmt: skip


def entities(record: Mapping[str, Any], known: Iterable[Entity], reading: Reading, place: str) -> list[Entity]:
    """The entities of an object, from its tags if it has no others; other annotation is counted as left out.

    Args:
        record: dict with `tokens`, and perhaps tags of the tokens, e.g. `{"ner_tags": ["B-Peop", "O"]}`.
        known: iterable of `Entity`, those of the key `entities`.
        reading: `Reading`, which counts.
        place: str. Place in the file, for messages.

    Returns:
        list of `Entity`.

    Raises:
        InputError: if there is not one tag for each token, or the reading is strict and something is left out.
    """
    found, size = list(known), len(record["tokens"])
    for key in _KEYS:
        items = record.get(key)
        if not items or not isinstance(items, (list, dict)):
            continue
        if isinstance(items, list) and all(map(is_tag, items)):
            if len(items) != size:
                raise InputError(f"`{key}` must have one tag for each token. Received: {len(items)} for {size} tokens")
            tagged = entities_of(items)
            if not found:
                found = tagged
            elif set(tagged) - set(found):
                reading.leave_out(f"entities in `{key}` beside others", place, len(set(tagged) - set(found)))
        elif len(items) == size and all(isinstance(item, int) for item in items):
            # 0 is O in all data sets that have numbers.
            if any(items):
                reading.leave_out(f"entities in `{key}` as numbers, which need names such as B-Peop", place)
        elif all(isinstance(item, str) for item in items) and len(items) != size:
            reading.leave_out(f"`{key}` of sentences", place)
        else:
            reading.leave_out(f"entities in `{key}`, which are not tags such as B-Peop", place)
    return found
