import pytest

from cman_tf import config as configs
from cman_tf.config.fields import MOST_PROJECTIONS
from cman_tf.data import formats
from cman_tf.data.document import Document, Entity, Relation
from cman_tf.data.schema import Schema
from cman_tf.model.assembly import resolved
from cman_tf.training import workflow
from tests.conftest import TINY


def with_types(count):
    """A sentence for each relation type."""
    entities = [Entity(0, 1, "Peop"), Entity(2, 3, "Loc")]
    return [Document(["Ana", "in", "Oslo"], entities, [Relation(0, 1, f"T{number}")]) for number in range(count)]


@pytest.mark.parametrize(("more", "expected"), [(0, "per_relation"), (1, "shared")])
def test_auto_is_the_form_of_the_paper_for_few_types(more, expected):
    schema = Schema.of(with_types(MOST_PROJECTIONS + more))
    assert resolved(configs.Config(), schema).model.relation_projection == expected


@pytest.mark.parametrize("given", ["per_relation", "shared"])
def test_a_given_form_is_kept(given):
    config = configs.change(configs.Config(), {"model.relation_projection": given})
    for count in (1, MOST_PROJECTIONS + 1):
        assert resolved(config, Schema.of(with_types(count))) == config


def test_a_run_stores_the_form_and_says_so(tmp_path, capsys):
    for count, expected in ((2, "per_relation"), (MOST_PROJECTIONS + 1, "shared")):
        corpus = tmp_path / str(count)
        for split in ("train", "dev"):
            formats.write(with_types(count), corpus / f"{split}.json", "spert")
        config = configs.change(configs.from_dict(TINY), {"corpus.name": str(corpus)})
        run, network, _ = workflow.begin(config, tmp_path / f"run-{count}")
        assert run.config().model.relation_projection == expected
        assert network.model.head_selection.projection == expected
        said = capsys.readouterr().err
        assert said.count("hidden layer") == (expected == "shared")
    assert f"All {MOST_PROJECTIONS + 1} relation types" in said
