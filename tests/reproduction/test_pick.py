"""Picked against random sentences: who gets which sentences, and what is not trained again."""

import json
from pathlib import Path

import pytest

from cman_tf.data.corpora import Corpus
from cman_tf.errors import InputError
from reproduction import pick
from tests.conftest import sentence

POOL = tuple(sentence(f"word {number}") for number in range(20))


class Rounds(pick._Rounds):
    """Without training: the highest numbers are picked."""

    def __init__(self, results):
        super().__init__(Corpus("conll04", {"train": POOL}, {}, "", {}), "news", "test", {}, results)
        self.trained = []

    def _measure(self, chosen, draw):
        self.trained.append(list(chosen))
        rest = sorted(set(range(len(POOL))) - set(chosen), reverse=True)
        f1 = len(chosen) / 20
        figures = {"sentences": len(chosen), "tokens": 2 * len(chosen), "draw": draw}
        return {**figures, "entities F1": f1, "relations F1": f1 / 2, "chosen": list(chosen), "picked": rest}


def test_both_ways_grow_from_the_same_sentences(tmp_path):
    rounds = Rounds(tmp_path / "conll04")
    for way in pick.WAYS:
        rounds.run(way, 1, [3, 5, 9])
    first, picked_5, picked_9, random_5, random_9 = rounds.trained
    assert picked_5[:3] == first == random_5[:3]
    assert picked_5[3:] == sorted(set(range(20)) - set(first), reverse=True)[:2]
    assert picked_9[:5] == picked_5
    assert random_9[:5] == random_5
    assert [len(set(chosen)) for chosen in rounds.trained] == [3, 5, 9, 5, 9]
    other = Rounds(tmp_path / "other")
    other.run("random", 2, [3, 5])
    assert other.trained[0] != first


def test_what_is_there_is_not_trained_again(tmp_path):
    Rounds(tmp_path / "conll04").run("picked", 1, [3, 5])
    again = Rounds(tmp_path / "conll04")
    again.run("picked", 1, [3, 5, 9])
    assert [len(chosen) for chosen in again.trained] == [9]
    assert again.trained[0][:5] == json.loads((tmp_path / "conll04" / "picked-5-1.json").read_text())["chosen"]


def test_table(tmp_path):
    for draw in (1, 2):
        for way in pick.WAYS:
            Rounds(tmp_path / "conll04").run(way, draw, [3, 5])
    lines = pick._table(tmp_path).splitlines()
    assert lines[2] == "| conll04 | 3 | 2 |  | 15.0 ± 0.0 |  | 7.5 ± 0.0 |  | 6 |"
    assert lines[3] == "| conll04 | 5 | 2 | 25.0 ± 0.0 | 25.0 ± 0.0 | 12.5 ± 0.0 | 12.5 ± 0.0 | 10 | 10 |"


def test_sizes_must_fit(public_data):
    for sizes in ("50", "100,923"):
        with pytest.raises(InputError, match="--sizes must be above --first and at most 922"):
            pick.command(["--sizes", sizes, "--data-dir", str(public_data), "--results", str(Path("none"))])
