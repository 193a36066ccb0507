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
    if not data_dir and not os.environ.get("CMAN_TF_DATA") and BESIDE.is_dir():
        data_dir = str(BESIDE)
    return corpora.load("conll04", data_dir=data_dir, splits=(split,)).splits[split]
