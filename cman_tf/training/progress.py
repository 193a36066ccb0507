"""Progress output during training."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

if TYPE_CHECKING:
    from cman_tf.data.schema import Schema

# A network hardly learns in fewer steps.
FEW_STEPS = 300


class TrainingProgress:
    """Prints one line per epoch, and on a terminal a bar for the current epoch.

    Args:
        epochs: int.
        console: `rich.console.Console`. Default: standard output.
    """

    def __init__(self, epochs: int, console: Console | None = None) -> None:
        self.epochs = epochs
        self.console = console or Console(highlight=False)
        self.bar = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=self.console, transient=True
        )
        self.task: TaskID | None = None
        self.mark = "best"

    def __enter__(self) -> TrainingProgress:
        if self.console.is_terminal:
            self.bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.stop()

    def begin(self, train: int, dev: int, schema: Schema, steps: int, started: bool = False) -> None:
        """Print what is trained, and the head of the table.

        Args:
            train: int. Number of training sentences.
            dev: int. Number of dev sentences, from which the best epoch is chosen; without any, the last one is kept.
            schema: `Schema`.
            steps: int. Number of steps in an epoch.
            started: bool. Whether the training starts from the weights of another run, so that few steps suffice.
        """
        kinds = f"{len(schema.entity_types)} entity and {len(schema.relation_types)} relation types"
        chosen = f"the best on {dev:,} dev sentences is kept" if dev else "the last is kept"
        self.mark = "best" if dev else "kept"
        self.console.print(
            f"{train:,} sentences with {kinds}; {self.epochs} epochs of {steps} steps, {chosen}", soft_wrap=True
        )
        if steps * self.epochs < FEW_STEPS and not started:
            self.console.print(
                f"Only {steps * self.epochs} steps in {self.epochs} epochs, because there are few sentences. If the "
                "scores are low, try --start-from news, or --training.epochs 0, as many as few sentences need.",
                soft_wrap=True,
            )
        self.console.print("epoch    loss     NER      RE   dev NER F1  dev RE F1  sentences/s  time left")

    def complete(self) -> None:
        """Print that a resumed run is already complete."""
        self.console.print("The training is already complete. Its scores are recomputed.", soft_wrap=True)

    def step(self, steps: int) -> None:
        """Count one of the `steps` batches of the epoch."""
        if self.task is None:
            self.task = self.bar.add_task("training", total=steps)
        self.bar.advance(self.task)

    def epoch(self, row: Mapping[str, Any], best: bool, seconds_left: float) -> None:
        """Print a finished epoch: its row of the history, a mark if it is kept (`best`), and the time left."""
        if self.task is not None:
            self.bar.remove_task(self.task)
            self.task = None
        left = str(datetime.timedelta(seconds=round(seconds_left)))
        mark = f"  {self.mark}" if best else ""
        scores = [
            f"{100 * row[name]:10.2f}" if row[name] is not None else " " * 9 + "-"
            for name in ("dev_ner_f1", "dev_re_f1")
        ]
        self.console.print(
            f"{row['epoch']:>3}/{self.epochs:<3} {row['loss']:7.2f} {row['ner_loss']:7.2f} {row['re_loss']:7.2f}  "
            f"{scores[0]} {scores[1]}  {row['sentences_per_second']:11.1f}  {left:>9}{mark}",
            soft_wrap=True,
        )
