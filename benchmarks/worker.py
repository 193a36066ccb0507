"""A process that is measured: a build of the network, or matrix products for comparison.

`Worker` starts it as `python -m benchmarks.worker SETTINGS` (JSON). The process writes one JSON line when it is ready,
and one for each line that it reads, until its input ends.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time

from cman_tf.training.memory import peak_bytes


class Worker:
    """Context manager for a process of this module; `ready` is its first answer.

    Args:
        **settings: `kind`, and the arguments of the function of that name in this module or in `growth_tasks`.
    """

    def __init__(self, **settings):
        self.settings = settings
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "3")},
        )

    def __enter__(self):
        self.ready = self._answer()
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    def measure(self):
        """Figures of one round."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"The worker {self.settings} ended with exit code {self.process.wait()}")
        return json.loads(line)


def training(**settings):
    """Prepare a `Workload` of these settings: `(figures, function that trains one round)`."""
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
        if not math.isfinite(loss):
            raise RuntimeError(f"The loss must be finite. Received: {loss} in the {workload.build} build")
        return {"seconds": seconds, "processor_seconds": processor, "peak_bytes": peak_bytes()}

    return {"first_step": first_step, "sentences": workload.sentences, "flops": workload.flops}, measure


def matrix_product(size):
    """Prepare one large float32 `tf.matmul`: `(figures, function that measures its operations per second)`."""
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
    from benchmarks.growth_tasks import growth_start, growth_steps

    kinds = {
        "training": training,
        "matrix_product": matrix_product,
        "growth_steps": growth_steps,
        "growth_start": growth_start,
    }
    ready, measure = kinds[kind](**settings)
    print(json.dumps(ready), flush=True)
    for _ in sys.stdin:
        print(json.dumps(measure()), flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
