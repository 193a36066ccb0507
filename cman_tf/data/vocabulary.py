"""The words and characters of a model, and the initial vectors of words."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cman_tf.errors import InputError, failed
from cman_tf.files import atomic_write, find_pretrained

if TYPE_CHECKING:
    from cman_tf.config.fields import WordsConfig
    from cman_tf.data.document import Document

GLOVE = "glove.6B.50d.txt"
"""The word vectors that `cman encoder fetch glove` downloads."""


class Vocabulary:
    """Words and characters in the order of their ids.

    Ids 0 and 1 of both are padding and unknown; they are not listed. Trained words come first, then the words that
    are only in the vector file.

    Args:
        words: list of str.
        num_trained: int. Number of `words` that are in the training data.
        characters: list of int, Unicode code points.
        lowercase: bool. Whether words are looked up in lower case.
    """

    def __init__(self, words: Iterable[str], num_trained: int, characters: Iterable[int], lowercase: bool) -> None:
        self.words = list(words)
        self.num_trained = num_trained
        self.characters = list(characters)
        self.lowercase = lowercase

    @classmethod
    def of(
        cls,
        documents: Iterable[Document],
        config: WordsConfig,
        known: tuple[Vocabulary, np.ndarray] | None = None,
    ) -> tuple[Vocabulary, np.ndarray | None]:
        """Build from training documents and from words with vectors.

        Args:
            documents: iterable of `Document`.
            config: `WordsConfig`. Its `vectors` name a vector file, or None.
            known: `(vocabulary, vectors)` of a trained network, instead of a vector file, or None. Its characters
                precede new ones.

        Returns:
            `(vocabulary, vectors)`; vectors: float32 `(len(words), size)`, with rows of nan for words without a given
            vector, or None if none are given.
        """
        counts: Counter[str] = Counter()
        characters: Counter[int] = Counter()
        for document in documents:
            for token in document.tokens:
                counts[token.lower() if config.lowercase else token] += 1
                characters.update(map(ord, token))
        given_words: list[str] = []
        table = None
        if known:
            given_words, table = known[0].words, known[1]
        elif config.vectors:
            given_words, table = read_vectors(find_pretrained(config.vectors))
        rows: dict[str, int] = {}
        for row, word in enumerate(given_words):
            rows.setdefault(word.lower() if config.lowercase else word, row)
        # words.txt has one word per line, so a word with a line break stays unknown.
        usable = {word for word in counts if not set(word) & set("\r\n")}
        trained = sorted(word for word in usable if counts[word] >= config.min_count or word in rows)
        fixed = [word for word in rows if word not in counts and not set(word) & set("\r\n")]
        words = trained + fixed
        vectors = None
        if table is not None:
            vectors = np.full([len(words), table.shape[1]], np.nan, np.float32)
            for position, word in enumerate(words):
                if word in rows:
                    vectors[position] = table[rows[word]]
        old = known[0].characters if known else []
        return cls(words, len(trained), old + sorted(set(characters) - set(old)), config.lowercase), vectors

    def save(self, folder: str | Path) -> None:
        """Write `words.txt`, `characters.txt` and `vocabulary.json` into `folder`."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for name, lines in (("words.txt", self.words), ("characters.txt", map(str, self.characters))):
            with atomic_write(folder / name) as file:
                file.writelines(line + "\n" for line in lines)
        with atomic_write(folder / "vocabulary.json") as file:
            json.dump({"num_trained": self.num_trained, "lowercase": self.lowercase}, file)

    @classmethod
    def read(cls, folder: str | Path) -> Vocabulary:
        """The inverse of `save`.

        Raises:
            InputError: if a file is missing or was not written by `save`.
        """
        folder = Path(folder)
        try:
            words = (folder / "words.txt").read_bytes().decode("utf-8").split("\n")[:-1]
            characters = [int(line) for line in (folder / "characters.txt").read_text(encoding="utf-8").split()]
            settings = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))
            trained, lowercase = settings["num_trained"], settings["lowercase"]
            if type(trained) is not int or not 0 <= trained <= len(words) or type(lowercase) is not bool:
                raise ValueError(f"{trained} trained words of {len(words)}, lowercase {lowercase}")
            if len(set(words)) < len(words) or len(set(characters)) < len(characters):
                raise ValueError("a word or character is repeated")
            return cls(words, trained, characters, lowercase)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"Cannot read the vocabulary in {folder}: {error}.") from None


def read_vectors(path: str | Path) -> tuple[list[str], np.ndarray]:
    """Read a GloVe or word2vec text file: a word and its numbers per line, after an optional line with the size.

    Returns:
        `(words, vectors)`: list of str, float32 `(words, size)`.

    Raises:
        InputError: if the file cannot be read, is not UTF-8 or contains no vectors, or, with its line, if a row has
            another width or a number that is not finite.
    """
    words, rows, width = [], [], None
    try:
        with open(os.path.expanduser(path), encoding="utf-8", newline="\n") as file:
            for number, line in enumerate(file, 1):
                word, _, numbers = line.rstrip("\r\n").rstrip(" ").partition(" ")
                if number == 1 and word.isdigit() and numbers.isdigit():
                    continue
                row = _row(numbers.split(" "))
                if row is None and width and _row(numbers.split(" ")[-width:]) is not None:
                    continue  # GloVe 840B has words with blanks; tokens have none
                if row is None:
                    raise InputError(
                        f"A vector file must have a word and numbers on each line. Received: {line[:60]!r} in "
                        f"{path}, line {number}"
                    )
                width = width or len(row)
                if len(row) != width:
                    raise InputError(
                        f"All rows of a vector file must have the same width. Received: {len(row)} numbers after "
                        f"rows of {width} in {path}, line {number}"
                    )
                words.append(word)
                rows.append(row)
    except OSError as error:
        if isinstance(error, FileNotFoundError) and Path(path).name == GLOVE:
            raise InputError(f"There is no file {path}. Download it with: cman encoder fetch glove") from None
        raise failed("read", path, error) from None
    except UnicodeDecodeError:
        raise InputError(f"A vector file must be UTF-8 text. Received: {path}") from None
    if not rows:
        raise InputError(f"{path} contains no vectors.")
    return words, np.stack(rows)


def _row(fields: Sequence[str]) -> np.ndarray | None:
    """The numbers in `fields`, or None if one of them is not a finite number."""
    try:
        with np.errstate(over="ignore"):
            row = np.array(fields, dtype=np.float32)
    except ValueError:
        return None
    return row if np.isfinite(row).all() else None
