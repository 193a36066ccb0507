"""Documents as pandas frames, one of entities and one of relations, and back.

    sentence_id  text             entity  start  end  type  mention  score
    7            Ann left Rome.   0       0      3    Peop  Ann      0.99
    7            Ann left Rome.   1       9      13   Loc   Rome     0.97

    sentence_id  type  head  tail  head_mention  head_type  tail_mention  tail_type  score
    7            Left  0     1     Ann           Peop       Rome          Loc        0.93

`text` is the sentence, `start` and `end` count its code points, end exclusive, so that `text[start:end]` is the
mention. `head` and `tail` are values of the column `entity` of the same sentence. Blanks at the ends of a span are cut
off and counted; two rows that differ in such blanks alone are one entity.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cman_tf.data import raw_text
from cman_tf.data.document import Document, Relation
from cman_tf.data.formats.losses import Reading
from cman_tf.data.formats.reading import check_type, check_unique, located, show
from cman_tf.data.sentences import each
from cman_tf.errors import InputError, optional

if TYPE_CHECKING:
    import pandas

ENTITIES = ("sentence_id", "text", "entity", "start", "end", "type", "mention", "score")
RELATIONS = ("sentence_id", "type", "head", "tail", "head_mention", "head_type", "tail_mention", "tail_type", "score")


def frames(documents: Iterable[Document], unannotated: bool = False) -> tuple[pandas.DataFrame, pandas.DataFrame]:
    """Entities and relations of documents as frames.

    Args:
        documents: iterable of `Document`. Their sentences are named by id, or `#1`, `#2`, ... by position.
        unannotated: bool. Whether a sentence without entities gets a row with only its text. Default: False, so that
            each row is an entity.

    Returns:
        `(entities, relations)`: `pandas.DataFrame` with the columns above.

    Raises:
        InputError: if an id is repeated or pandas is not installed.
    """
    pandas = optional("pandas", "frames")
    entities: list[tuple[Any, ...]] = []
    relations: list[tuple[Any, ...]] = []
    identifiers: dict[str, str] = {}
    for number, document in enumerate(each(documents), 1):
        name = document.id or f"#{number}"
        with located(f"sentence {number}"):
            check_unique(name, f"sentence {number}", identifiers)
        mentions = [document.entity_text(entity) for entity in document.entities]
        for index, (entity, mention) in enumerate(zip(document.entities, mentions)):
            span = document.char_span(entity)
            entities.append((name, document.text, index, *span, entity.type, mention, entity.score))
        if unannotated and not mentions:
            entities.append((name, document.text, *[None] * 6))
        for relation in document.relations:
            ends = [
                value
                for index in (relation.head, relation.tail)
                for value in (mentions[index], document.entities[index].type)
            ]
            relations.append((name, relation.type, relation.head, relation.tail, *ends, relation.score))
    # Int64 supports missing values; int64 would become float64.
    return (
        pandas.DataFrame(entities, columns=ENTITIES).astype(
            {"entity": "Int64", "start": "Int64", "end": "Int64", "score": "float64"}
        ),
        pandas.DataFrame(relations, columns=RELATIONS).astype({"head": "Int64", "tail": "Int64", "score": "float64"}),
    )


def documents_from_frames(
    entities: pandas.DataFrame,
    relations: pandas.DataFrame | None = None,
    tokenize: Callable[[list[str]], list[Document]] | None = None,
    reading: Reading | None = None,
) -> list[Document]:
    """Documents from frames of annotations, such as those that `pandas.read_csv` returns.

    Args:
        entities: `DataFrame` with columns `sentence_id`, `text`, `start`, `end`, `type`, and optional ones `entity`
            (default: 0, 1, ... within the sentence), `mention` (checked against the text) and `score`. A row with a
            blank `type` is a sentence without entities. Other columns are ignored.
        relations: `DataFrame` with columns `sentence_id`, `type`, `head`, `tail`, optional `score`, or None.
        tokenize: callable, list of str -> list of `Document`. Default: the package's tokenizer.
        reading: `Reading` or None. Counts the rows that cannot be read. Default: a strict one.

    Returns:
        list of `Document` in the order in which the sentences first appear, with the tokens that the package finds.

    Raises:
        InputError: if a column is missing, or, with the row (from 1), if `reading` is strict and a value is missing or
            of another kind, a text differs from an earlier row of its sentence, a span is outside its text, a mention
            differs from the text, or a relation links unknown entities.
    """
    reading = reading or Reading(strict=True)
    sentences: dict[str, Any] = {}
    for place, row in _rows(entities, "entities", ("sentence_id", "text", "start", "end", "type")):
        with reading.skipping("malformed rows", place):
            _add_entity(sentences, row, place, reading)
    if relations is not None:
        for place, row in _rows(relations, "relations", ("sentence_id", "type", "head", "tail")):
            with reading.trying("malformed rows", place):
                _add_relation(sentences, row)
    documents = (tokenize or raw_text.documents)([sentence["text"] for sentence in sentences.values()])
    result = []
    for (name, sentence), document in zip(sentences.items(), documents):
        with reading.skipping("malformed sentences", f"sentence {name}"):
            spans = list(sentence["entities"].values())
            result.append(raw_text.annotated(document, spans, sentence["relations"], name))
    return result


def _rows(frame: pandas.DataFrame, what: str, needed: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield `(place, row)`, rows as dicts without blanks."""
    missing = [name for name in needed if name not in frame.columns]
    if missing:
        raise InputError(
            f"A frame of {what} must have columns {', '.join(needed)}. Received: {', '.join(map(str, frame.columns))}"
        )
    missing = frame.isna().to_numpy()
    for number, (values, blank) in enumerate(zip(frame.itertuples(index=False, name=None), missing), 1):
        filled = {name: value for name, value, no in zip(frame.columns, values, blank) if not no and value != ""}
        yield f"row {number} of {what}", filled


def _add_entity(sentences: dict[str, Any], row: Mapping[str, Any], place: str, reading: Reading) -> None:
    name, text = str(_value(row, "sentence_id")), _text(row, "text")
    sentence = sentences.setdefault(name, {"text": text, "entities": {}, "keys": {}, "relations": [], "rows": 0})
    if text != sentence["text"]:
        raise InputError(f"All rows of a sentence must have the same text. Received: another one for sentence {name}")
    if "type" not in row:
        return
    # A row that is left out has a number too, so that relations keep their entities.
    number, sentence["rows"] = sentence["rows"], sentence["rows"] + 1
    start, end, kind = _whole(row, "start"), _whole(row, "end"), _type(row)
    entity = raw_text.trimmed(text, start, end, kind, _score(row))
    key = _key(row.get("entity", number))
    if key in sentence["keys"]:
        raise InputError(f"`entity` must be unique in a sentence. Received: {key} again")
    mention = row.get("mention", text[start:end])
    if mention != text[start:end]:
        raise InputError(f"`text[start:end]` must be the mention. Received: {text[start:end]!r} for {mention!r}")
    if entity[:2] != (start, end):
        reading.count("blanks at the ends of spans", place)
    # Keys of entities that differ in such blanks alone are keys of one.
    sentence["keys"][key] = entity[:3]
    if entity[:3] in sentence["entities"]:
        reading.leave_out("entities annotated twice", place)
    else:
        sentence["entities"][entity[:3]] = entity


def _add_relation(sentences: dict[str, Any], row: Mapping[str, Any]) -> None:
    name, kind = str(_value(row, "sentence_id")), _type(row)
    keys = sentences[name]["keys"] if name in sentences else {}
    ends = [_key(_value(row, role)) for role in ("head", "tail")]
    for key in ends:
        if key not in keys:
            raise InputError(f"A relation must link entities of its sentence. Received: {key} in sentence {name}")
    known = list(sentences[name]["entities"])
    head, tail = (known.index(keys[key]) for key in ends)
    if head == tail:
        raise InputError(f"A relation must link two different entities. Received: {ends[0]} twice")
    sentences[name]["relations"].append(Relation(head, tail, kind, _score(row)))


def _value(row: Mapping[str, Any], name: str) -> Any:
    if name not in row:
        raise InputError(f"`{name}` must not be blank. Received: no value")
    return row[name]


def _text(row: Mapping[str, Any], name: str) -> str:
    if not isinstance(_value(row, name), str):
        raise InputError(f"`{name}` must be a string. Received: {show(row[name])}")
    return row[name]


def _type(row: Mapping[str, Any]) -> str:
    check_type(_value(row, "type"))
    return row["type"]


def _whole(row: Mapping[str, Any], name: str) -> int:
    found = _number(row, name)
    if not float(found).is_integer():  # nor NaN, nor infinity
        raise InputError(f"`{name}` must be a whole number. Received: {show(row[name])}")
    return int(found)


def _score(row: Mapping[str, Any]) -> float | None:
    return _number(row, "score") if "score" in row else None


def _number(row: Mapping[str, Any], name: str) -> float:
    """A number, given as such or as text."""
    value = _value(row, name)
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InputError(f"`{name}` must be a number. Received: {show(value)}") from None


def _key(value: Any) -> str:
    """The key of an entity, the same whether its column was read as text, whole numbers or floats."""
    return str(int(value)) if not isinstance(value, str) and value == int(value) else str(value)
