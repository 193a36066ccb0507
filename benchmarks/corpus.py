"""The sentences of the benchmarks. The corpora are read from $CMAN_TF_DATA by default, or else downloaded."""

from __future__ import annotations

from cman_tf.data import corpora


def conll04(split, data_dir=None):
    """Documents of CoNLL04, the split of SpERT.

    Args:
        split: `"train"`, `"dev"` or `"test"`.
        data_dir: str or None. Directory with a copy.

    Raises:
        InputError: see `cman_tf.data.corpora.load`.
    """
    return corpora.load("conll04", data_dir=data_dir, splits=(split,)).splits[split]


def sentences(data_dir=None):
    """Texts of all sentences of CoNLL04 and ADE, a list of str; `data_dir` as in `conll04`."""
    # Repeated annotations in ADE do not matter for texts alone.
    loaded = (corpora.load(name, data_dir=data_dir, overlap=None) for name in ("conll04", "ade"))
    return [document.text for corpus in loaded for part in corpus.splits.values() for document in part]
