"""The shared run and export, by short names."""

import pytest


@pytest.fixture(scope="package")
def run(trained_run):
    return trained_run


@pytest.fixture(scope="package")
def predictor(run_predictor):
    return run_predictor
