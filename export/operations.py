"""Which TensorFlow operations an export is made of, and whether a stock TensorFlow Serving has them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from cman_tf.errors import InputError

# They call back into the Python process that made the graph, which a server does not have.
_PYTHON = {"PyFunc", "PyFuncStateless", "EagerPyFunc"}

# Arguments and results of functions: known to the runtime, not to `tf.raw_ops`.
_PLUMBING = {"_Arg", "_Retval"}

# What tensorflow-text 2.15 registers besides its names that begin with `TFText>`; a stock server links all of it.
_TEXT = set(
    "CaseFoldUTF8 ConstrainedSequence FastBertNormalize FastWordpieceTokenizeWithOffsets FindSourceOffsets "
    "MaxSpanningTree NormalizeUTF8 NormalizeUTF8WithOffsetsMap PhraseTokenize RegexSplitWithOffsets "
    "SentenceFragments SentenceFragmentsV2 SentencepieceDetokenizeOp SentencepieceIdToStringOp SentencepieceOp "
    "SentencepieceStringToIdOp SentencepieceTokenizeOp SentencepieceTokenizeWithOffsetsOp SentencepieceVocabSizeOp "
    "SplitMergeTokenizeWithOffsets TokenizerFromLogits UnicodeScriptTokenizeWithOffsets WhitespaceTokenizeWithOffsets "
    "WordpieceTokenizeWithOffsets".split()
)


def operations(path: str | Path) -> list[str]:
    """Names of the operations in a SavedModel's graphs and functions.

    Args:
        path: str or path. A version's folder.

    Returns:
        list of str, in alphabetical order.
    """
    model = saved_model_pb2.SavedModel()
    with open(os.path.join(path, "saved_model.pb"), "rb") as file:
        model.ParseFromString(file.read())
    names = set()
    for graph in model.meta_graphs:
        names |= {node.op for node in graph.graph_def.node}
        functions = graph.graph_def.library.function
        names |= {node.op for function in functions for node in function.node_def}
        # A function may also be called by its own name.
        names -= {function.signature.name for function in functions}
    return sorted(names)


def beyond_core(names: Iterable[str]) -> list[str]:
    """Those of `names` that are no part of TensorFlow but of tensorflow-text, which a stock server has too.

    Args:
        names: iterable of str.

    Returns:
        list of str, in alphabetical order.

    Raises:
        InputError: an operation that calls back into Python, or that neither of the two libraries registers.
    """
    # Not the registry of this process, in which a library of custom operations may have been loaded.
    foreign = {name for name in names if not hasattr(tf.raw_ops, name)} - _PLUMBING
    text = {name for name in foreign if name in _TEXT or name.startswith("TFText>")}
    refused = sorted((foreign - text) | (_PYTHON & set(names)))
    if refused:
        raise InputError(
            "An export must be made of operations that a stock TensorFlow Serving has: TensorFlow's own and those of "
            f"tensorflow-text. Received: {', '.join(refused)}"
        )
    return sorted(text)
