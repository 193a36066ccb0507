"""The benchmark of long texts: the text it makes, and what it measures."""

import json

import pytest

from benchmarks import pages
from cman_tf.commands import cli


def test_a_text_has_the_words_of_its_pages():
    text = pages.pages(3)
    assert 0 <= len(text.split()) - 3 * pages.WORDS_PER_PAGE < 100
    assert text == pages.pages(3) != pages.pages(3, seed=2)
    assert text.count("\n\n") > 10


def test_an_option_without_effect_is_unknown(capsys):
    assert cli.run("benchmarks.pages", pages.command, ["--rounds", "2"]) == 2
    assert "--rounds" in capsys.readouterr().err


@pytest.mark.slow
def test_the_command_measures_memory_and_speed(tmp_path, capsys):
    code = cli.run("benchmarks.pages", pages.command, ["--pages", "1,2", "--json", str(tmp_path / "a.json")])
    assert code == 0, capsys.readouterr().err
    found = json.loads((tmp_path / "a.json").read_text())
    assert list(found["pages"]) == ["1", "2"]
    for item in found["pages"].values():
        assert item["peak_mb"] >= max(item["mb"]) > 100
        assert item["words_per_second"] == pytest.approx(item["words"] / item["seconds"], rel=0.1)
    assert "Peak memory of the longest text" in capsys.readouterr().out
