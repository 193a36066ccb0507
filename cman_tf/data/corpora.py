"""Corpora by name or from a person's own folder, as train, dev and test documents."""

from __future__ import annotations

import os
import random
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cman_tf.data import formats
from cman_tf.data.document import Document
from cman_tf.data.download import fetch
from cman_tf.data.formats.reading import located, reason
from cman_tf.data.overlap import POLICIES, Counts, resolve
from cman_tf.errors import InputError, check_choice

SPLITS = ("train", "dev", "test")

NAMES = ("sample", "conll04", "ade")

_CONLL04 = {"spert": "conll04/spert/conll04_{}.json", "multihead": "conll04/multihead/{}.txt"}
_SAMPLE = Path(__file__).parent / "sample"
_ADE_FOLDS = 10
# ADE has no dev set; this share of its training sentences becomes one. Not in the paper.
_ADE_DEV_SHARE = 0.15


@dataclass(frozen=True)
class Corpus:
    """What `load` returns.

    Args:
        name: str, as given to `load`.
        splits: dict of str to tuple of `Document`: those of train, dev and test that there are.
        dropped: dict of the same keys to `Counts`: what the overlap policy dropped.
        source: str. Where the sentences come from and how they were chosen, in words.
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
) -> Corpus:
    """Read a corpus.

    Args:
        name: str or path. `"sample"`, `"conll04"`, `"ade"`, or a folder with files `train`, `dev` and `test` of any
            suffix, each in any of `formats.FORMATS`.
        variant: str. Split of CoNLL04: `"spert"` (922/231/288 sentences) or `"multihead"` (910/243/288).
        fold: int. Fold of ADE, 0 to 9.
        overlap: str or None. What is done with overlapping entities, see `overlap.resolve`; None leaves them in, for
            scoring.
        data_dir: str, path or None. Folder with copies of the public corpora, see `download.fetch`.
        splits: sequence of str. The splits that must be there; others are read too if they are.
        unread: sequence of str. Splits whose files are not opened: a search must not see the test split.
        seed: int. Chooses the 15 % of ADE's training sentences that become dev. It is not the seed of a run, so that
            runs of several seeds are measured on the same sentences.

    Returns:
        `Corpus`.

    Raises:
        InputError: an unknown name, variant, fold, policy or split; a split that is missing or has no sentence; a
            sentence without tokens or with text that is no Unicode; or what `formats.read` and `download.fetch` raise.
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
            raise InputError(
                f"The corpus must have a file named {split}, such as {split}.json. Received: none in {name}"
            )
    documents = {split: formats.read(path) for split, path in files.items()}
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
    """Sentences of `test` that also stand in `train`.

    Blanks are not looked at: the public corpora hold the same sentence split in two ways, `Tate .` and `Tate.`

    Args:
        train: iterable of `Document`.
        test: sequence of `Document`.

    Returns:
        set of int, indices into `test`.
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
        check_choice("A corpus, if it is no folder,", name, NAMES)
    return {split: file for split, file in _folder(path).items() if split in wanted}, f"folder {name}"


def _folder(path: Path) -> dict[str, Path]:
    files: dict[str, Path] = {}
    try:
        listing = sorted(path.iterdir())
    except OSError as error:
        raise InputError(f"A corpus folder must be readable. Received: {path} ({reason(error)})") from None
    for file in listing:
        split = file.name.split(".")[0]
        # A folder of a format that is one, such as brat's, or else of something that is not ours.
        if split in SPLITS and (file.is_file() or formats.recognise(file)):
            if split in files:
                raise InputError(
                    f"A corpus folder must have one file or folder for each split. Received: {files[split].name} and "
                    f"{file.name} in {path}"
                )
            files[split] = file
    if not files:
        raise InputError(f"A corpus folder must have files named {', '.join(SPLITS)}. Received: none in {path}")
    return files


def _hold_out(documents: Sequence[Document], seed: int) -> tuple[list[Document], list[Document]]:
    """`(train, dev)`, each in the order of `documents`; before any policy, so that all policies share one dev."""
    chosen = set(random.Random(seed).sample(range(len(documents)), round(_ADE_DEV_SHARE * len(documents))))
    train = [document for index, document in enumerate(documents) if index not in chosen]
    return train, [documents[index] for index in sorted(chosen)]


def _checked(documents: list[Document], policy: str | None) -> tuple[list[Document], Counts]:
    for number, document in enumerate(documents, 1):
        # Prediction answers such sentences; nothing can be learnt from or measured on them.
        if not document.tokens:
            raise InputError(
                f"A sentence of a corpus must have at least one token. Received: none in sentence {number},"
            )
        try:
            document.text.encode("utf-8")
        except UnicodeEncodeError:
            raise InputError(
                f"A corpus must be valid Unicode. Received: a lone surrogate in sentence {number},"
            ) from None
    documents, dropped = (documents, Counts()) if policy is None else resolve(documents, policy)
    if not documents:
        raise InputError(f"A split must have at least one sentence. Received: none after overlap policy {policy},")
    return documents, dropped
