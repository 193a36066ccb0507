import pytest

from benchmarks import installs


def test_a_python_that_is_none_ends_with_what_make_printed(tmp_path):
    with pytest.raises(RuntimeError, match=r"(?s)'make'.* ended with 2: .*Python 3.9 to 3.13 with venv is required"):
        installs.measure(tmp_path / "python", tmp_path)
