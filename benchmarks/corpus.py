"""The sentences that are measured on."""

from __future__ import annotations

import os
from pathlib import Path

from cman_tf.data import corpora

# Where a checkout with its data beside it has them.
BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"


def conll04(split, data_dir=None):
    """Documents of CoNLL04, the split of SpERT.

    Args:
        split: `"train"`, `"dev"` or `"test"`.
        data_dir: str or None. Folder with a copy; None: that of `CMAN_TF_DATA`, or `../shared/data` beside the
            checkout, or a download.

    Raises:
        InputError: what `cman_tf.data.corpora.load` raises.
    """
    return corpora.load("conll04", data_dir=_place(data_dir), splits=(split,)).splits[split]


def sentences(data_dir=None):
    """Texts of all sentences of CoNLL04 and ADE, a list of str; `data_dir` as for `conll04`."""
    # What is annotated twice in ADE matters to nobody who reads the texts alone.
    loaded = (corpora.load(name, data_dir=_place(data_dir), overlap=None) for name in ("conll04", "ade"))
    return [document.text for corpus in loaded for part in corpus.splits.values() for document in part]


def _place(data_dir):
    beside = not data_dir and not os.environ.get("CMAN_TF_DATA") and BESIDE.is_dir()
    return str(BESIDE) if beside else data_dir
