import io

from rich.console import Console

from cman_tf.data.schema import Schema
from cman_tf.training.progress import FEW_STEPS, TrainingProgress


def shown(epochs, steps, dev=200, started=False):
    console = Console(file=io.StringIO(), width=200)
    with TrainingProgress(epochs, console) as progress:
        progress.begin(1809, dev, Schema(["a", "b"], ["r"]), steps, started)
        for epoch in range(1, epochs + 1):
            for _ in range(steps):
                progress.step(steps)
            row = {"epoch": epoch, "loss": 1.5, "ner_loss": 1.0, "re_loss": 0.5, "dev_ner_f1": None, "dev_re_f1": 0.25}
            progress.epoch({**row, "sentences_per_second": 80}, best=epoch == 2, seconds_left=90)
    return console.file.getvalue().rstrip().splitlines()


def test_a_line_for_each_epoch():
    plan, header, first, second = shown(2, FEW_STEPS // 2)
    best = "the best on 200 dev sentences is kept"
    assert plan == f"1,809 sentences with 2 entity and 1 relation types; 2 epochs of {FEW_STEPS // 2} steps, {best}"
    assert header.split()[:4] == ["epoch", "loss", "NER", "RE"]
    assert first.split() == ["1/2", "1.50", "1.00", "0.50", "-", "25.00", "80.0", "0:01:30"]
    assert second.endswith("best")


def test_too_few_steps_are_told_once():
    _, warning, *table = shown(2, FEW_STEPS // 2 - 1)
    assert warning.startswith(f"Only {FEW_STEPS - 2} steps in 2 epochs")
    assert len(table) == 3


def test_few_steps_suffice_from_the_weights_of_another_run():
    assert len(shown(2, 1, started=True)) == 4


def test_without_dev_sentences_the_last_epoch_is_kept():
    plan, *_, last = shown(2, FEW_STEPS, dev=0)
    assert plan.endswith(f"2 epochs of {FEW_STEPS} steps, the last is kept")
    assert last.endswith("0:01:30  kept")
