"""Training on several devices or hosts: each replica computes a part of each batch, the chief writes the run folder.

The batches are those of a single device. Each is divided among the replicas; their losses and gradients are added,
weighted by their share of the sentences. So each step, and the whole training, is that of a single device.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cman_tf.errors import InputError, check_choice

if TYPE_CHECKING:
    import tensorflow as tf

STRATEGIES = ("none", "mirrored", "multi_worker")


def make_strategy(name: str) -> tf.distribute.Strategy | None:
    """The strategy of a name. Call this before any other use of TensorFlow.

    Args:
        name: str. `none`; `mirrored`, all devices of this machine (its GPUs, or the program's logical CPU devices);
            `multi_worker`, one process on each host that the `TF_CONFIG` variable lists.

    Returns:
        `tf.distribute.Strategy`, or None.

    Raises:
        InputError: if the name is unknown, or `TF_CONFIG` is missing, malformed or has other roles than workers.
    """
    check_choice("A strategy", name, STRATEGIES)
    if name == "none":
        return None
    if name == "multi_worker":
        _check_cluster(os.environ.get("TF_CONFIG"))
    import tensorflow as tf

    if name == "multi_worker":
        return tf.distribute.MultiWorkerMirroredStrategy()
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return tf.distribute.MirroredStrategy([device.name for device in devices])


def _check_cluster(text: str | None) -> None:
    rule = 'TF_CONFIG must be {"cluster": {"worker": [HOST:PORT, ...]}, "task": {"type": "worker", "index": N}}'
    try:
        values = json.loads(text or "")
        workers, task = values["cluster"]["worker"], values["task"]
        # All processes would wait forever for a role that none of them has.
        good = set(values["cluster"]) == {"worker"} and task["type"] == "worker"
        good = good and isinstance(workers, list) and 0 <= int(task["index"]) < len(workers)
    except (ValueError, KeyError, TypeError):
        good = False
    if not good:
        raise InputError(f"{rule}. Received: {text or 'none'}")


def is_chief(strategy: tf.distribute.Strategy | None) -> bool:
    """Whether this process is the one that writes the run folder: worker 0, or the only one."""
    resolver = strategy and strategy.cluster_resolver
    return not (resolver and resolver.task_type) or resolver.task_id == 0


def scope(strategy: tf.distribute.Strategy | None) -> contextlib.AbstractContextManager[Any]:
    """The context in which to create the variables of a training."""
    return strategy.scope() if strategy else contextlib.nullcontext()


@contextlib.contextmanager
def own_folder(strategy: tf.distribute.Strategy | None, path: str | Path, resuming: bool) -> Iterator[Path]:
    """The run folder for the chief; a temporary folder for another worker.

    Args:
        strategy: `tf.distribute.Strategy` or None.
        path: str or path. The run folder; when resuming, all workers must be able to read it.
        resuming: bool. Whether the temporary folder starts as a copy of the run folder.
    """
    if is_chief(strategy):
        yield Path(path)
        return
    with tempfile.TemporaryDirectory(prefix="cman-worker-") as parent:
        own = Path(parent) / "run"
        if resuming and Path(path).is_dir():
            # The chief writes nothing there before all workers have finished an epoch.
            shutil.copytree(path, own, ignore=shutil.ignore_patterns("logs", "predictions"))
        yield own


def distributed(
    strategy: tf.distribute.Strategy | None, make_dataset: Callable[..., tf.data.Dataset]
) -> tf.data.Dataset | tf.distribute.DistributedDataset:
    """A data set with one element for each replica in turn.

    Args:
        strategy: `tf.distribute.Strategy` or None.
        make_dataset: callable that takes `parts`, int, and `own`, slice, and returns a data set of those parts of each
            batch; without arguments, of whole batches.
    """
    if strategy is None:
        return make_dataset()

    def of_this_process(context: tf.distribute.InputContext) -> tf.data.Dataset:
        parts = context.num_replicas_in_sync
        own = parts // context.num_input_pipelines
        first = context.input_pipeline_id * own
        return make_dataset(parts=parts, own=slice(first, first + own))

    return strategy.distribute_datasets_from_function(of_this_process)
