"""Loads the train, dev and test documents of a corpus, by name or from the user's folder."""

from __future__ import annotations

import functools
import os
import random
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cman_tf.data import formats, raw_text, sentences
from cman_tf.data.document import Document, named
from cman_tf.data.download import fetch
from cman_tf.data.formats.losses import Reading
from cman_tf.data.formats.reading import check_unicode, located
from cman_tf.data.overlap import POLICIES, Counts, resolve
from cman_tf.errors import InputError, check_choice, failed, nearest

SPLITS = ("train", "dev", "test")

NAMES = ("sample", "conll04", "ade")

_CONLL04 = {"spert": "conll04/spert/conll04_{}.json", "multihead": "conll04/multihead/{}.txt"}
_SAMPLE = Path(__file__).parent / "sample"
_ADE_FOLDS = 10
# ADE has no dev set; this share of its training sentences becomes one. Not in the paper.
_ADE_DEV_SHARE = 0.15


@dataclass(frozen=True)
class Corpus:
    """A corpus, as `load` returns it.

    Args:
        name: str, as given to `load`.
        splits: dict of str to tuple of `Document`: the existing ones of train, dev and test.
        dropped: dict of the same keys to `Counts`: what the overlap policy dropped.
        source: str. Description of the source of the sentences and of their selection.
        annotated: dict of the same keys to tuple of `Document`: the splits before the overlap policy.
    """

    name: str
    splits: dict[str, tuple[Document, ...]]
    dropped: dict[str, Counts]
    source: str
    annotated: dict[str, tuple[Document, ...]]


def load(
    name: str | Path,
    *,
    variant: str = "spert",
    fold: int = 0,
    overlap: str | None = "error",
    data_dir: str | Path | None = None,
    splits: Collection[str] = SPLITS,
    unread: Collection[str] = (),
    seed: int = 1,
    tokenizer: str = "unicode2",
    language: str = "en",
    strict: bool = False,
) -> Corpus:
    """Read a corpus.

    Args:
        name: str or path. `"sample"`, `"conll04"`, `"ade"`, or a folder with files `train`, `dev` and `test` of any
            suffix, each in any of `formats.FORMATS`.
        variant: str. Split of CoNLL04: `"spert"` (922/231/288 sentences) or `"multihead"` (910/243/288).
        fold: int. Fold of ADE, 0 to 9.
        overlap: str or None. Policy for overlapping entities, see `overlap.resolve`; None keeps them, for scoring.
        data_dir: str, path or None. Folder with copies of the public corpora, see `download.fetch`.
        splits: sequence of str. Required splits; others are read too if they exist.
        unread: sequence of str. Splits whose files are not opened: a search must not see the test split.
        seed: int. Selects the 15 % of ADE's training sentences that become dev. It is not the seed of a run, so that
            runs with several seeds are measured on the same sentences.
        tokenizer: str. That of formats without tokens, see `cman_tf.data.tokenizer.tokenize`. Default: `"unicode2"`.
        language: str. That of texts which are split into sentences, see `formats.read`. Default: `"en"`.
        strict: bool. Whether a sentence or annotation that cannot be read raises `InputError`. Default: it is left
            out, and a warning has the count, by reason.

    Returns:
        `Corpus`.

    Raises:
        InputError: if the name, variant, fold, policy or a split is unknown, a split is missing or contains no
            sentences, a sentence has no tokens or has a lone surrogate, or `formats.read` or `download.fetch` raises
            it.
    """
    # Before anything is downloaded.
    for split in splits:
        check_choice("A split", split, SPLITS)
    if overlap is not None:
        check_choice("An overlap policy", overlap, POLICIES)
    name = str(name)
    files, source = _files(name, variant, fold, data_dir, [split for split in SPLITS if split not in unread])
    for split in splits:
        if split not in files and not (split == "dev" and name == "ade"):
            raise InputError(f"{name} has no {split} split: it contains no file such as {split}.json.")
    documents = {split: _sentences(path, tokenizer, language, strict) for split, path in files.items()}
    if name == "ade":
        documents["train"], documents["dev"] = _hold_out(documents["train"], seed)
        files["dev"] = files["train"]
        source += f", dev: {_ADE_DEV_SHARE:.0%} of train by seed {seed}"
    dropped = {}
    annotated = {split: tuple(documents[split]) for split in SPLITS if split in documents}
    for split in documents:
        with located(f"{files[split]} ({split})"):
            documents[split], dropped[split] = _checked(documents[split], overlap)
    ordered = {split: tuple(documents[split]) for split in SPLITS if split in documents}
    return Corpus(name, ordered, dropped, source, annotated)


def repeated_in(train: Iterable[Document], test: Sequence[Document]) -> set[int]:
    """Indices of the sentences of `test` that are also in `train`.

    Blanks are ignored: the public corpora contain the same sentence split in two ways, `Tate .` and `Tate.`
    """
    known = {"".join(document.tokens) for document in train}
    return {index for index, document in enumerate(test) if "".join(document.tokens) in known}


def _files(
    name: str, variant: str, fold: int, data_dir: str | Path | None, wanted: Sequence[str]
) -> tuple[dict[str, Path], str]:
    """`({split: path}, source)`."""
    if name == "sample":
        return {split: _SAMPLE / f"{split}.json" for split in wanted}, "sample corpus of cman_tf"
    if name == "conll04":
        check_choice("`variant`", variant, _CONLL04)
        pinned = {split: _CONLL04[variant].format(split) for split in wanted}
        return {split: fetch(file, data_dir) for split, file in pinned.items()}, f"CoNLL04, {variant} split"
    if name == "ade":
        if fold not in range(_ADE_FOLDS):
            raise InputError(f"`fold` must be a whole number from 0 to {_ADE_FOLDS - 1}. Received: {fold!r}")
        return (
            {split: fetch(f"ade/ade_split_{fold}_{split}.json", data_dir) for split in wanted if split != "dev"},
            f"ADE, fold {fold} of {_ADE_FOLDS}",
        )
    path = Path(os.path.expanduser(name))
    if not path.is_dir():
        found = "is a file; `cman data split` creates a folder from it" if path.exists() else "does not exist"
        raise InputError(
            f"A corpus must be a folder with files named {', '.join(SPLITS)}, or one of {', '.join(NAMES)}. Received: "
            f"{name}, which {found}{nearest(name, NAMES)}"
        )
    return {split: file for split, file in _folder(path).items() if split in wanted}, f"folder {name}"


def _sentences(path: Path, tokenizer: str, language: str, strict: bool) -> list[Document]:
    format = formats.recognise(path)
    # Lines without tokens are refused: they have no annotation.
    tokenize = functools.partial(raw_text.documents, tokenizer=tokenizer) if format != "jsonl" else None
    reading = Reading(language=language, strict=True) if strict else None
    documents = formats.read(path, format, tokenize, reading, language)
    with located(path):
        return [part for document in documents for part in sentences.parts(document)]


def _folder(path: Path) -> dict[str, Path]:
    files: dict[str, Path] = {}
    try:
        listing = sorted(path.iterdir())
    except OSError as error:
        raise failed("read", path, error) from None
    for file in listing:
        split = file.name.split(".")[0]
        # A folder may be in a format such as brat's, or contain something else.
        if split in SPLITS and (file.is_file() or formats.recognise(file)):
            if split in files:
                raise InputError(
                    f"A corpus folder must have one file or folder for each split. Received: {files[split].name} and "
                    f"{file.name} in {path}"
                )
            files[split] = file
    if not files:
        raise InputError(f"{path} is not a corpus: it contains no files named {', '.join(SPLITS)}.")
    return files


def _hold_out(documents: Sequence[Document], seed: int) -> tuple[list[Document], list[Document]]:
    """`(train, dev)`, each in the order of `documents`. Precedes any policy, so that all policies share one dev."""
    chosen = set(random.Random(seed).sample(range(len(documents)), round(_ADE_DEV_SHARE * len(documents))))
    train = [document for index, document in enumerate(documents) if index not in chosen]
    return train, [documents[index] for index in sorted(chosen)]


def _checked(documents: list[Document], policy: str | None) -> tuple[list[Document], Counts]:
    for number, document in enumerate(documents, 1):
        with located(named(document, number)):
            # Prediction accepts empty sentences; training and evaluation cannot use them.
            if not document.tokens:
                raise InputError("A sentence of a corpus must have at least one token. Received: none")
            check_unicode(document.text)
    documents, dropped = (documents, Counts()) if policy is None else resolve(documents, policy)
    if not documents:
        raise InputError(f"A split must have at least one sentence. Received: none after overlap policy {policy},")
    return documents, dropped
