"""Tables of word pieces in fewer bits, inside encoders that are loaded as graphs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import attr_value_pb2, types_pb2
from tensorflow.python.framework.function_def_to_graph import function_def_to_graph

# What is smaller than this is left as it is.
LARGE = 1 << 20  # bytes


def smaller(module: Any, store: Callable[[np.ndarray], list[tf.Variable]]) -> SmallerTables | None:
    """A module with smaller tables in place of `module`, or None if it has no large ones; see `SmallerTables`."""
    # ELMo's adapter is no function; it makes words of their characters.
    if not hasattr(module.__call__, "get_concrete_function"):
        return None
    found = SmallerTables(module, store)
    return found if found.tables else None


class SmallerTables(tf.Module):
    """An encoder's module whose large tables are stored as `store` says, and are float32 row by row when they are read.

    There is no Python behind a loaded module, so its graph is rewritten: where it looks up rows of a large variable,
    they come from the smaller one. Kernels stay, for each call would have to make all of one float32 again:
    `benchmarks.quantize` has the figures. What is rewritten is TensorFlow's own inner form of a function, of 2.15.

    Args:
        module: what `cman_tf.encoders.conversion` wrote, loaded.
        store: callable, float32 array -> list of `tf.Variable`: the rows, and perhaps a scale for each.

    Attributes:
        before, after: int. Bytes of the tables.
    """

    trainable_variables = ()

    def __init__(self, module: Any, store: Callable[[np.ndarray], list[tf.Variable]]) -> None:
        super().__init__(name="smaller_tables")
        outer = module.__call__.get_concrete_function(tf.TensorSpec([None, None], tf.string), training=False).graph
        (call,) = [op for op in outer.get_operations() if op.type in ("PartitionedCall", "StatefulPartitionedCall")]
        body = call.get_attr("f").name
        (definition,) = [item for item in outer.as_graph_def().library.function if item.signature.name == body]
        graph = function_def_to_graph(definition)
        self._graph = graph.as_graph_def()
        # What the body calls: known to the new graph in TensorFlow's own form, in which alone they are saved with it.
        self._graph.ClearField("library")
        self._functions = [item for item in outer._functions.values() if item.name != body.encode()]
        self._functions += outer._get_function(body).children
        self._outputs = [output.name for output in graph.outputs]
        captured = {id(inner): value for value, inner in outer.captures}
        variables = {id(variable.handle): variable for variable in outer.variables}
        # By the name of an argument in the body: a variable, a constant, or None for the tokens.
        given = {name.op.name: captured.get(id(value)) for name, value in zip(graph.inputs, call.inputs)}
        gathered = {node.input[0] for node in self._graph.node if node.op == "ResourceGather"}
        large = {
            name: variables[id(value)]
            for name, value in given.items()
            if name in gathered and id(value) in variables and _bytes(variables[id(value)]) >= LARGE
        }
        self.tables = {name: store(variable.numpy()) for name, variable in large.items()}
        self.before = sum(map(_bytes, large.values()))
        self.after = sum(_bytes(part) for parts in self.tables.values() for part in parts)
        for name, parts in self.tables.items():
            _read_from(self._graph, name, parts)
        self._given = {name: value for name, value in given.items() if name not in large}
        kept = (variables.get(id(value)) for value in self._given.values())
        self.kept = [variable for variable in kept if variable is not None]

    @tf.function(autograph=False)
    def __call__(self, tokens: tf.Tensor, training: bool = False) -> tf.Tensor:
        graph = tf.compat.v1.get_default_graph()
        for function in self._functions:
            if not graph._is_function(function.name):
                graph._add_function(function)
        inputs = {name: tokens if value is None else graph.capture(value) for name, value in self._given.items()}
        for name, parts in self.tables.items():
            inputs.update({_part(name, number): part.read_value() for number, part in enumerate(parts)})
        (vectors,) = tf.graph_util.import_graph_def(
            self._graph, input_map=inputs, return_elements=self._outputs, name="encoder"
        )
        return vectors


def _read_from(graph: Any, table: str, parts: Sequence[tf.Variable]) -> None:
    """Let what gathers rows of the argument `table` gather them from placeholders for `parts`."""
    for node in list(graph.node):
        if node.op != "ResourceGather" or node.input[0] != table:
            continue
        indices, kind, name = node.input[1], node.attr["Tindices"].type, node.name
        graph.node.remove(node)
        rows = [
            _gather(graph, f"{name}/{number}", _part(table, number), part, indices, kind)
            for number, part in enumerate(parts)
        ]
        whole = _add(graph, "Cast", f"{name}/whole" if len(rows) > 1 else name, [rows[0]])
        whole.attr["SrcT"].type, whole.attr["DstT"].type = parts[0].dtype.as_datatype_enum, types_pb2.DT_FLOAT
        if len(rows) > 1:
            _add(graph, "Mul", name, [whole.name, rows[1]]).attr["T"].type = types_pb2.DT_FLOAT
    for node in list(graph.node):
        if node.name == table:
            graph.node.remove(node)
    for number, part in enumerate(parts):
        place = _add(graph, "Placeholder", _part(table, number), [])
        place.attr["dtype"].type = part.dtype.as_datatype_enum
        place.attr["shape"].CopyFrom(attr_value_pb2.AttrValue(shape=part.shape.as_proto()))


def _gather(graph: Any, name: str, place: str, part: tf.Variable, indices: str, kind: int) -> str:
    node = _add(graph, "Gather", name, [place, indices])
    node.attr["Tparams"].type, node.attr["Tindices"].type = part.dtype.as_datatype_enum, kind
    return name


def _add(graph: Any, op: str, name: str, inputs: Sequence[str]) -> Any:
    return graph.node.add(op=op, name=name, input=inputs)


def _part(table: str, number: int) -> str:
    return f"{table}_part_{number}"


def _bytes(variable: tf.Variable) -> int:
    return variable.shape.num_elements() * variable.dtype.size
