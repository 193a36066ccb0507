"""docs/reference/signatures.md says what an export is."""

import re

import pytest

from export.manifest import checksums, read_manifest
from tests.docs.blocks import ROOT, table_rows

PAGE = (ROOT / "docs/reference/signatures.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))


def shape(spec, limits, schema):
    """A shape in the page's words: the batch, free dimensions `n`, and sizes by their names."""
    names = {len(schema.tags): "tags", len(schema.relation_types): "relation types", None: "n", **limits}
    return f"({', '.join(['batch', *(names[size] for size in spec.shape.as_list()[1:])])})"


@pytest.fixture(scope="module")
def real(served, exported, run_predictor):
    """`(inputs, outputs)` of a signature: dicts of names to `(type, shape)`."""
    # Both are 64, so that what belongs to entities and to relations is told by the name.
    limits = read_manifest(exported)["limits"]

    def told(specs):
        return {
            name: (
                spec.dtype.name,
                shape(
                    spec,
                    {limits["max_entities"]: "R" if name.startswith("relation") else "E"},
                    run_predictor.network.schema,
                ),
            )
            for name, spec in specs.items()
        }

    def signature(name):
        function = served.model.signatures[name]
        return told(function.structured_input_signature[1]), told(function.structured_outputs)

    return signature


def documented(text):
    return {row[0].strip("`"): (row[1], row[2]) for row in table_rows(text)}


@pytest.mark.parametrize("name", ["serving_default", "tokens", "scores"])
def test_inputs_and_outputs_are_those_of_an_export(real, name):
    given, found = SECTIONS[name].partition("| Output")[::2]
    if name == "tokens":
        assert "with the same outputs" in given
        found = SECTIONS["serving_default"].partition("| Output")[2]
    inputs, outputs = real(name)
    assert documented(given) == inputs
    assert documented("| Output" + found) == outputs


def test_all_signatures_are_there(served):
    assert set(SECTIONS) - {"Files of an export"} == set(served.model.signatures)


def test_files_are_those_of_an_export(exported):
    names = {name for row in table_rows(SECTIONS["Files of an export"]) for name in re.findall(r"`([^`]+)`", row[0])}
    for name in names:
        assert (exported / name).exists(), name
    for path in checksums(exported):
        assert path in names or f"{path.split('/')[0]}/" in names, path
