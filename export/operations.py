"""Lists the TensorFlow operations of an export, and refuses those that a stock TensorFlow Serving lacks."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from cman_tf.errors import InputError

# These call back into the Python process that made the graph, which does not exist on a server.
_PYTHON = {"PyFunc", "PyFuncStateless", "EagerPyFunc"}

# Arguments and results of functions: the runtime has them, `tf.raw_ops` does not.
_PLUMBING = {"_Arg", "_Retval"}

# Operations of tensorflow-text 2.15 whose names do not start with `TFText>`; a stock server links all of them.
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
        # A node may also call a function by its name.
        names -= {function.signature.name for function in functions}
    return sorted(names)


def beyond_core(names: Iterable[str]) -> list[str]:
    """Those of `names` that belong to tensorflow-text, which a stock server has too, and not to TensorFlow.

    Args:
        names: iterable of str.

    Returns:
        list of str, in alphabetical order.

    Raises:
        InputError: if an operation calls back into Python, or neither library registers it.
    """
    # Not the registry of this process, which may have loaded other custom operations.
    foreign = {name for name in names if not hasattr(tf.raw_ops, name)} - _PLUMBING
    text = {name for name in foreign if name in _TEXT or name.startswith("TFText>")}
    refused = sorted((foreign - text) | (_PYTHON & set(names)))
    if refused:
        raise InputError(
            "An export must use only operations of a stock TensorFlow Serving: those of TensorFlow and of "
            f"tensorflow-text. Received: {', '.join(refused)}"
        )
    return sorted(text)
