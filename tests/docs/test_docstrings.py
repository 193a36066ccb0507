"""What has a public name says what it is: docstrings are the reference on the site."""

import ast

import pytest

from tests.docs.blocks import ROOT

# Keras's own, which the docstring of a layer's class documents; and what a command line is called by.
ELSEWHERE = {"build", "call", "get_config", "compute_output_shape", "command", "main"}

MODULES = [
    path for folder in ("cman_tf", "tuning", "export", "benchmarks") for path in sorted((ROOT / folder).rglob("*.py"))
]


def silent(node, prefix=""):
    """Names of public classes, functions and methods without a docstring."""
    for item in node.body:
        if isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and not item.name.startswith("_"):
            if item.name not in ELSEWHERE and not ast.get_docstring(item):
                yield prefix + item.name
            if isinstance(item, ast.ClassDef):
                yield from silent(item, f"{prefix}{item.name}.")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_public_names_have_docstrings(path):
    assert list(silent(ast.parse(path.read_text(encoding="utf-8")))) == []


def test_one_without_is_found():
    tree = ast.parse(
        'class A:\n    "A."\n    def b(self): pass\n    def _c(self): pass\n    def call(self): pass\ndef d(): pass'
    )
    assert list(silent(tree)) == ["A.b", "d"]
