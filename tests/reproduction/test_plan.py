import pytest

from cman_tf import config as configs
from cman_tf.commands.cli import numbers
from cman_tf.errors import InputError
from reproduction.plan import Experiment, choose, experiments, jobs

KNOWN = {
    name: Experiment(name, "", "sample", changes, seeds, folds)
    for name, changes, seeds, folds in (
        ("a/one", {"model.bla": False}, (1, 2), ()),
        ("a/two", {}, (3,), ()),
        ("ab/three", {"corpus.name": "ade"}, (1,), (0, 4)),
    )
}


def names(chosen):
    return [item.name for item in chosen]


def test_names_stand_for_what_they_begin():
    assert names(choose([], KNOWN)) == ["a/one", "a/two", "ab/three"]
    assert names(choose(["a"], KNOWN)) == ["a/one", "a/two"]
    assert names(choose(["ab/three", "a/one", "a/one"], KNOWN)) == ["ab/three", "a/one"]


def test_a_name_must_stand_for_something():
    with pytest.raises(InputError, match="Received: a/onne; nearest: a/one"):
        choose(["a/onne"], KNOWN)


def test_a_job_for_each_seed_and_fold():
    made = jobs(KNOWN.values(), changes={"corpus.data_dir": "here"})
    assert [job.name for job in made] == [
        "a/one/seed1", "a/one/seed2", "a/two/seed3", "ab/three/seed1-fold0", "ab/three/seed1-fold4"
    ]  # fmt: skip
    assert [job.config.seed for job in made] == [1, 2, 3, 1, 1]
    assert [job.config.corpus.fold for job in made] == [0, 0, 0, 0, 4]
    assert [job.config.model.bla for job in made] == [False, False, True, True, True]
    assert {job.config.corpus.data_dir for job in made} == {"here"}
    assert [job.name for job in jobs([KNOWN["a/one"]], seeds=[7])] == ["a/one/seed7"]


def test_a_job_may_start_from_the_run_with_its_seed():
    item = Experiment("a", "", "sample", {"start_from": "runs/b/seed{seed}", "model.bla": False}, (1, 12))
    assert [job.config.start_from for job in jobs([item])] == ["runs/b/seed1", "runs/b/seed12"]


def test_all_that_is_shipped_has_a_configuration():
    made = jobs(experiments().values())
    assert len({job.name for job in made}) == len(made)
    assert all(isinstance(job.config, configs.Config) and job.minutes > 0 for job in made)


def test_numbers():
    assert numbers("0-2,7, 5", "--folds") == [0, 1, 2, 5, 7]


@pytest.mark.parametrize("text", ["", "a", "3-1", "1-", "-1", "1,,2", "1.5"])
def test_numbers_must_be_whole(text):
    with pytest.raises(InputError, match="--folds must be whole numbers such as 1-3,7. Received: "):
        numbers(text, "--folds")
