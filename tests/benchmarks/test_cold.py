from pathlib import Path

import pytest

from benchmarks import cold
from cman_tf.commands import cli

SECONDS = {
    "import tensorflow": {"here": [5.0, 4.0], "base": [4.5, 4.2]},
    "predict": {"here": [7.0, 6.0], "base": [12.0, 10.0]},
    "SavedModel": {"here": [8.0, 9.0], "base": [11.0, 11.0]},
    "first training step": {"here": [6.0, 6.0], "base": [12.0, 12.0]},
    "help": {"here": [0.1], "base": [0.1]},
    "wrong arguments": {"here": [0.6], "base": [0.1]},
}


def test_bars_compare_the_lowest_rounds():
    assert cold.ratios(SECONDS)["predict"] == {"here": 1.5, "base": 2.5}
    assert [bar["value"] for bar in cold.bars(SECONDS)] == [1.5, 2.0, 1.5, 0.1, 0.6]
    assert [bar["reached"] for bar in cold.bars(SECONDS)] == [True, False, True, True, False]


def test_processor_seconds_are_those_of_the_process(tmp_path):
    seconds, output = cold.processor_seconds(["-c", "sum(range(3_000_000)); print('done')"], tmp_path)
    assert 0 < seconds < 60
    assert output == "done\n"
    assert cold.processor_seconds(["-c", "raise SystemExit(2)"], tmp_path, code=2)[0] > 0


def test_a_process_that_fails_is_an_error(tmp_path):
    with pytest.raises(RuntimeError, match="(?s)ended with 1: .*KeyError"):
        cold.processor_seconds(["-c", "{}[0]"], tmp_path)


@pytest.mark.parametrize("arguments", [["--help"], ["predict", "news", "--inptu", "x"]])
def test_help_and_wrong_arguments_do_without_tensorflow(arguments, tmp_path):
    # A module of this name that fails to import shows that nothing imports it.
    (tmp_path / "tensorflow.py").write_text("raise RuntimeError('imported')")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {cold._COMMAND}"
    cold.processor_seconds(
        ["-c", code, *arguments], Path(cold.__file__).parents[1], code=0 if arguments == ["--help"] else 2
    )


def test_the_base_must_be_a_checkout(tmp_path, capsys):
    assert cli.run("benchmarks.cold", cold.command, ["--base", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
