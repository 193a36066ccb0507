"""Tasks of the benchmark of growth, each in its own process: training steps, and a start up to the first step."""

from __future__ import annotations

import math
import tempfile
import time
from pathlib import Path

from benchmarks import growth_corpora
from cman_tf import config as configs
from cman_tf.training.memory import peak_bytes

PRESET = "own"


def growth_steps(steps, types=None, tokens=None):
    """Prepare training steps on sentences of the sample corpus: `(figures, function that trains one round)`.

    Args:
        steps: int. Batches in a round.
        types: int or None. Number of relation types. Default: those of the corpus.
        tokens: int or None. Length of one sentence of each batch; the others are the corpus's longest of at most 30
            tokens. Default: batches of the corpus.
    """
    from cman_tf.data.batches import training_batches
    from cman_tf.data.schema import Schema
    from cman_tf.data.vocabulary import Vocabulary
    from cman_tf.model.network import Network
    from cman_tf.training.trainer import adam, most_cells

    config = configs.load(PRESET)
    documents = growth_corpora.sample()
    if types:
        documents = growth_corpora.with_types(documents, types)
    batch, size = documents, config.training.batch_size
    if tokens:
        others = sorted((document for document in documents if len(document) <= 30), key=len)[1 - size :]
        batch = [growth_corpora.of_length(documents, tokens), *others]
    vocabulary, _ = Vocabulary.of(documents, config.words)
    network = Network.build(config, Schema.of(documents), vocabulary)
    training = config.training
    network.model.compile(
        adam(training, training.learning_rate),
        adversarial_alpha=training.adversarial_alpha,
        clip_norm=training.clip_norm,
        micro_batch=training.micro_batch,
        most_cells=most_cells(batch, size),
        relation_negatives=training.relation_negatives,
    )
    dataset, _ = training_batches(batch, network.schema, network.featurizer, size, config.seed)
    dataset = dataset.take(steps).cache()
    sentences = sum(len(features["lengths"]) for features, _ in dataset)
    step = network.model.make_train_function()
    start = time.perf_counter()
    step(iter(dataset))["loss"].numpy()
    first_step = time.perf_counter() - start

    def measure():
        batches = iter(dataset)
        start, processor = time.perf_counter(), time.process_time()
        for _ in range(steps):
            loss = step(batches)["loss"]
        loss = float(loss)
        seconds, processor = time.perf_counter() - start, time.process_time() - processor
        if not math.isfinite(loss):
            raise RuntimeError(f"The loss must be finite. Received: {loss}")
        return {"seconds": seconds, "processor_seconds": processor, "peak_bytes": peak_bytes()}

    return {"first_step": first_step, "sentences": sentences, "peak_bytes": peak_bytes()}, measure


class _FirstStepDone(Exception):
    """Ends a training after its first step."""


class _UntilFirstStep:
    """A `TrainingProgress` that ends the training after its first step."""

    def __init__(self, epochs):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def begin(self, *about):
        pass

    def step(self, steps):
        raise _FirstStepDone


def growth_start(corpus):
    """Prepare a training of a corpus folder: `(figures, function that trains to the end of the first step)`."""
    # Imported outside of the measurement: it takes the same time for every corpus.
    from cman_tf.training import workflow

    def measure():
        config = configs.change(configs.load(PRESET), {"corpus.name": corpus})
        start, processor = time.perf_counter(), time.process_time()
        with tempfile.TemporaryDirectory() as folder:
            try:
                workflow.train(config, Path(folder) / "run", progress=_UntilFirstStep)
            except _FirstStepDone:
                seconds, processor = time.perf_counter() - start, time.process_time() - processor
        return {"seconds": seconds, "processor_seconds": processor, "peak_bytes": peak_bytes()}

    return {}, measure
