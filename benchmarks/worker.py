"""One measured process: a build of the network, or the machine's own matrix products.

Started by `benchmarks.training_step` and `benchmarks.contextual_epoch` as `python -m benchmarks.worker SETTINGS`
(JSON). It answers in JSON lines: one when it is ready, then one for each line it reads, until its input ends.
"""

from __future__ import annotations

import json
import math
import resource
import sys
import time


def training(**settings):
    """Get a `Workload` of these settings ready: `(figures so far, function that trains one round)`."""
    from benchmarks.workload import Workload

    workload = Workload(**settings)
    start = time.perf_counter()
    step = workload.make_step()
    step(iter(workload.dataset))["loss"].numpy()
    first_step = time.perf_counter() - start

    def measure():
        batches = iter(workload.dataset)
        start, processor_start = time.perf_counter(), time.process_time()
        for _ in range(workload.steps):
            loss = step(batches)["loss"]
        loss = float(loss)
        seconds, processor = time.perf_counter() - start, time.process_time() - processor_start
        # The time of a network of nan tells nothing.
        if not math.isfinite(loss):
            raise RuntimeError(f"The loss must stay a number. Received: {loss} in the {workload.build} build")
        # Linux counts the peak in KiB.
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return {"seconds": seconds, "processor_seconds": processor, "peak_bytes": peak}

    return {"first_step": first_step, "sentences": workload.sentences, "flops": workload.flops}, measure


def matrix_product(size):
    """Get one large float32 `tf.matmul` ready: `(figures so far, function that measures its operations a second)`."""
    import tensorflow as tf

    matrix = tf.random.normal([size, size])

    def measure():
        times = []
        for _ in range(6):
            start = time.perf_counter()
            tf.matmul(matrix, matrix).numpy()
            times.append(time.perf_counter() - start)
        return {"flops_per_second": 2 * size**3 / min(times)}

    return {}, measure


def main(settings):
    kind = settings.pop("kind")
    ready, measure = {"training": training, "matrix_product": matrix_product}[kind](**settings)
    print(json.dumps(ready), flush=True)
    for _ in sys.stdin:
        print(json.dumps(measure()), flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
