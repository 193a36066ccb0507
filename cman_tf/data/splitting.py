"""Divides an annotated corpus into train, dev and test, by document and stratified by type."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cman_tf.data.checks import type_counts
from cman_tf.data.document import Document, named
from cman_tf.data.formats import recognise
from cman_tf.data.formats.reading import located
from cman_tf.errors import InputError, failed

# The number of a sentence in its document: news/7:3. What follows the colon of an address is no number.
_NUMBER = re.compile(r":\d+$")
_SENTENCES = ("", "")


@dataclass
class _Group:
    """Sentences that stay together: their positions in the corpus, and the number of each (kind, type) in them."""

    rows: list[int] = field(default_factory=list)
    types: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def size(self) -> int:
        return self.types[_SENTENCES]


def split(
    documents: Sequence[Document], dev: float = 0.1, test: float = 0.1, seed: int = 1
) -> dict[str, list[Document]]:
    """Divide a corpus so that each document is in one part and each part has its share of every type.

    Sentences are of one document if their ids are equal up to the last colon and the number after it (`news/7:3`),
    or, without an id, if their texts are equal. Iterative stratification (Sechidis et al. 2011): the documents of
    the rarest relation type are divided first, those without relations last. Train has every type.

    Args:
        documents: sequence of `Document`, of one or more sentences.
        dev: float. Share of the sentences, from 0 to 1. Default: 0.1.
        test: float. Likewise. Default: 0.1.
        seed: int. The same seed divides the same corpus in the same way. Default: 1.

    Returns:
        dict of `"train"`, `"dev"` and `"test"`, without those whose share is 0, to lists of `Document` in the order of
        the input.

    Raises:
        InputError: if the shares leave nothing for train or are both 0, if there are too few documents, or if one
            has no tokens.

    Example:
        >>> parts = split(formats.read("converted.json"), dev=0.2, test=0)
        >>> {name: len(part) for name, part in parts.items()}
        {'train': 80, 'dev': 20}
    """
    if not (dev >= 0 and test >= 0 and 0 < dev + test < 1):
        raise InputError(
            "The shares of dev and test must be 0 or more, and together more than 0 and less than 1. Received: "
            f"dev={dev:g}, test={test:g}"
        )
    groups = _groups(documents)
    shares = {name: share for name, share in (("train", 1 - dev - test), ("dev", dev), ("test", test)) if share}
    parts = _Parts(groups, shares)
    waiting = list(groups)
    random.Random(seed).shuffle(waiting)
    # Those that fit into train alone come first, so that the others fill what is left.
    waiting.sort(key=lambda group: group.size <= 2 * min(wanted[_SENTENCES] for wanted in parts.wanted.values()))
    while waiting:
        rarest = _rarest(waiting)
        for group in [group for group in waiting if group.types[rarest]]:
            parts.place(group, rarest)
        waiting = [group for group in waiting if not group.types[rarest]]
    parts.fill()
    return {name: [documents[row] for row in sorted(parts.rows(name))] for name in shares}


def counts(parts: Mapping[str, Sequence[Document]]) -> dict[str, dict[str, int]]:
    """Number of documents, sentences, entities and relations of each type: dict of part to dict of name to number."""
    result = {}
    for name, documents in parts.items():
        groups = _groups(documents)
        sentences = sum(group.size for group in groups)
        result[name] = {"documents": len(groups), "sentences": sentences, **type_counts(documents)}
    return result


def only_file(path: str | Path) -> Path:
    """The file to divide: `path` itself, or the only file of a folder that is in no format of folders.

    Raises:
        InputError: if the folder cannot be read or contains several files, or none.
    """
    path = Path(path)
    if not path.is_dir() or recognise(path):
        return path
    try:
        files = sorted(file for file in path.iterdir() if not file.name.startswith("."))
    except OSError as error:
        raise failed("read", path, error) from None
    if len(files) != 1:
        raise InputError(
            f"A folder to split must be in the format brat, csv, webanno or CAS, or contain one file. Received: "
            f"{len(files)} files in {path}"
        )
    return files[0]


class _Parts:
    """The groups of each part, and what it still wants: its share of every type and of the sentences."""

    def __init__(self, groups: Sequence[_Group], shares: Mapping[str, float]) -> None:
        total = _total(groups)
        self.groups: dict[str, list[_Group]] = {name: [] for name in shares}
        self.wanted = {name: {kind: share * total[kind] for kind in total} for name, share in shares.items()}
        self.trained: Counter[tuple[str, str]] = Counter()

    def rows(self, name: str) -> list[int]:
        return [row for group in self.groups[name] for row in group.rows]

    def place(self, group: _Group, kind: tuple[str, str]) -> None:
        """Add a group to the part that wants its type most, and to train if that lacks one of its types."""
        if all(self.trained[other] for other in group.types):
            # A group that would bring a part farther from its size goes to train.
            open = [name for name in self.groups if name == "train" or 2 * self.wanted[name][_SENTENCES] >= group.size]
            self._add(max(open, key=lambda name: (self.wanted[name][kind], self.wanted[name][_SENTENCES])), group)
        else:
            self._add("train", group)

    def fill(self) -> None:
        """Move a group from train to each part without any: that of the nearest size whose types train keeps."""
        for name in self.groups:
            if self.groups[name]:
                continue
            kept = Counter(kind for group in self.groups["train"] for kind in group.types)
            spare = [group for group in self.groups["train"] if all(kept[kind] > 1 for kind in group.types)]
            if not spare:
                raise InputError(
                    f"A corpus to split must have a document for each of {', '.join(self.groups)}, and every type in "
                    f"train. Received: {sum(map(len, self.groups.values()))} documents; sentences with ids such as "
                    "news:1 and news:2 are one"
                )
            group = min(spare, key=lambda group: abs(group.size - self.wanted[name][_SENTENCES]))
            self.groups["train"].remove(group)
            self._add(name, group)

    def _add(self, name: str, group: _Group) -> None:
        self.groups[name].append(group)
        for kind, count in group.types.items():
            self.wanted[name][kind] -= count
        if name == "train":
            self.trained += group.types


def _groups(documents: Sequence[Document]) -> list[_Group]:
    groups: dict[tuple[bool, str], _Group] = {}
    for row, document in enumerate(documents):
        with located(named(document, row + 1)):
            if not document.tokens:
                raise InputError("A sentence of a corpus must have at least one token. Received: none")
        # Blanks are ignored, as between the splits of a corpus.
        name = _NUMBER.sub("", document.id) if document.id else "".join(document.tokens)
        group = groups.setdefault((bool(document.id), name), _Group())
        group.rows.append(row)
        group.types[_SENTENCES] += len(document.sentences)
        group.types.update(("entity", entity.type) for entity in document.entities)
        group.types.update(("relation", relation.type) for relation in document.relations)
    return list(groups.values())


def _total(groups: Sequence[_Group]) -> Counter[tuple[str, str]]:
    total: Counter[tuple[str, str]] = Counter()
    for group in groups:
        total.update(group.types)
    return total


def _rarest(groups: Sequence[_Group]) -> tuple[str, str]:
    """The relation type with the fewest examples, else the entity type, else all sentences."""
    left = _total(groups)
    order = {"relation": 0, "entity": 1, "": 2}
    return min(left, key=lambda kind: (order[kind[0]], left[kind], kind))
