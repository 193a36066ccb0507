"""One version of a model, loaded as TensorFlow Serving loads it: a graph and a session, without our Python code."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from cman_tf.errors import InputError
from cman_tf.stack import with_tensorflow_text
from export.manifest import read_manifest
from export.serving import costs, tensors
from export.serving.status import ServingError, invalid

if TYPE_CHECKING:
    import numpy as np
    from tensorflow.core.protobuf import meta_graph_pb2
    from tensorflow_serving.apis import predict_pb2

WARMUP = Path("assets.extra", "tf_serving_warmup_requests")
MAX_WARMUP_RECORDS = 1000  # TensorFlow Serving's limit


class Servable:
    """A loaded SavedModel.

    Args:
        path: str or path. Folder of the version.
        threads: int or None. Threads within one operation. Default: TensorFlow's choice.

    Raises:
        tf.errors.OpError, OSError: if the folder does not contain a SavedModel that this TensorFlow can load.
        ImportError: if it needs tensorflow-text, which is not installed.
    """

    def __init__(self, path: str | Path, threads: int | None = None) -> None:
        self.path = Path(path)
        self.threads = threads
        self._session, meta = with_tensorflow_text(self._load)  # stock TensorFlow Serving includes these operations
        self.signatures = dict(meta.signature_def)
        self.costs = {name: costs.AnswerCosts(definition) for name, definition in self.signatures.items()}
        self.max_tokens, self.types = _manifest(self.path)
        self._callable = functools.lru_cache(maxsize=None)(self._make_callable)

    def _load(self) -> tuple[tf.compat.v1.Session, meta_graph_pb2.MetaGraphDef]:
        config = tf.compat.v1.ConfigProto(intra_op_parallelism_threads=self.threads or 0)
        session = tf.compat.v1.Session(graph=tf.Graph(), config=config)
        try:
            with session.graph.as_default():
                return session, tf.compat.v1.saved_model.load(session, ["serve"], str(self.path))
        except BaseException:
            session.close()
            raise

    def signature(self, name: str) -> meta_graph_pb2.SignatureDef:
        """The `SignatureDef` called `name`; an empty name is `serving_default`."""
        name = name or "serving_default"
        if name not in self.signatures or not self.signatures[name].outputs:
            raise ServingError(grpc.StatusCode.FAILED_PRECONDITION, f'Serving signature key "{name}" not found.')
        return self.signatures[name]

    def read(
        self, request: predict_pb2.PredictRequest, max_elements: int = tensors.MAX_ELEMENTS
    ) -> tuple[str, tuple[str, ...], dict[str, np.ndarray]]:
        """Read and check a `PredictRequest`.

        Args:
            request: `PredictRequest`.
            max_elements: int. Most values of an input.

        Returns:
            `(signature name, outputs, feeds)`: str, sorted tuple of str, dict of name to array.

        Raises:
            ServingError: if the signature is unknown, or inputs or outputs are not those of the signature.
        """
        signature = self.signature(request.model_spec.signature_name)
        sent, wanted = set(request.inputs), set(signature.inputs)
        if sent != wanted:
            raise invalid(
                f"input size does not match signature: {len(sent)}!={len(wanted)} len({_set(sent)}) != "
                f"len({_set(wanted)}). Sent extra: {_set(sent - wanted)}. Missing but required: {_set(wanted - sent)}."
            )
        for position, output in enumerate(request.output_filter):
            if output not in signature.outputs:
                raise invalid(
                    f"output tensor alias not found in signature: {output} Outputs expected to be in the set "
                    f"{_set(signature.outputs)}."
                )
            if output in request.output_filter[:position]:
                raise invalid(f"duplicate output tensor alias: {output}")
        feeds = {
            name: tensors.read(name, request.inputs[name], signature.inputs[name], max_elements)
            for name in sorted(wanted)
        }
        outputs = tuple(sorted(request.output_filter or signature.outputs))
        return request.model_spec.signature_name or "serving_default", outputs, feeds

    def run(self, signature: str, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Compute all outputs of `signature` for `feeds`; both are dicts of name to array."""
        names = sorted(self.signatures[signature].outputs)
        return dict(zip(names, self._callable(signature)(*(feeds[name] for name in sorted(feeds)))))

    def _make_callable(self, signature: str) -> Callable[..., list[np.ndarray]]:
        # All outputs, even if a request asks for some: a session compiles the graph again for each selection, which
        # takes seconds, after the warm-up.
        definition, graph = self.signatures[signature], self._session.graph
        return self._session.make_callable(
            [graph.get_tensor_by_name(definition.outputs[name].name) for name in sorted(definition.outputs)],
            feed_list=[graph.get_tensor_by_name(definition.inputs[name].name) for name in sorted(definition.inputs)],
        )

    def warm_up(self) -> int:
        """Replay the recorded requests and return their number.

        Raises:
            ServingError, tf.errors.OpError: if a record cannot be read or answered.
        """
        count = 0
        for count, request in enumerate(self.recorded(), 1):
            if count > MAX_WARMUP_RECORDS:
                raise invalid(f"Number of warmup records exceeds the maximum ({MAX_WARMUP_RECORDS})")
            signature, _, feeds = self.read(request)
            self.run(signature, feeds)
        return count

    def recorded(self) -> Iterator[predict_pb2.PredictRequest]:
        """Yield the `PredictRequest`s of the warm-up file, if there is one."""
        path = self.path / WARMUP
        if not path.exists():
            return
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            log = prediction_log_pb2.PredictionLog.FromString(record)
            if not log.HasField("predict_log"):
                raise ServingError(grpc.StatusCode.UNIMPLEMENTED, "Warm-up records must be of Predict requests")
            yield log.predict_log.request

    def close(self) -> None:
        """Free the memory. The servable cannot run again."""
        self._callable.cache_clear()
        self._session.close()


def _manifest(path: Path) -> tuple[int | None, tuple[str, ...]]:
    """Most tokens of a sentence that the export reads, and its types; None and () for another SavedModel."""
    with contextlib.suppress(InputError, KeyError, TypeError, ValueError):
        manifest = read_manifest(path)
        return int(manifest["limits"]["max_tokens"]), (*manifest["entity_types"], *manifest["relation_types"])
    return None, ()


def _set(names: Iterable[str]) -> str:
    return "{" + ",".join(sorted(names)) + "}"
