import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def package_data():
    tree = ast.parse((ROOT / "setup.py").read_text(encoding="utf-8"))
    [found] = [node.value for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "package_data"]
    return ast.literal_eval(found)


@pytest.mark.parametrize("package", ["cman_tf", "export", "tuning"])
def test_type_checkers_are_told_that_there_are_types(package, package_data):
    assert (ROOT / package / "py.typed").read_bytes() == b""
    assert "py.typed" in package_data[package]
