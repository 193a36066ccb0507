# Two commands: `make fit` trains on the sample corpus, `make test` runs the tests. Both make .venv first.

.PHONY: docs fit test test-slow lint
.DELETE_ON_ERROR:

VENV := .venv
PY := $(VENV)/bin/python

fit: $(VENV)/installed
	$(PY) -m cman_tf.fit --config sample

test: $(VENV)/installed-dev lint
	$(PY) -m pytest -n 2 --dist loadgroup

test-slow: $(VENV)/installed-slow
	$(PY) -m pytest -m slow

lint: $(VENV)/installed-dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports

docs: $(VENV)/installed-docs
	NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict

$(PY):
	sh .ci/make-venv $(VENV) "$(PYTHON)"

$(VENV)/installed: $(PY) setup.py
	$(PY) -m pip install --quiet --upgrade pip
	$(PY) -m pip install --quiet --editable .
	touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(PY) -m pip install --quiet --editable ".[dev]"
	touch $@

# With what the notebooks and the site need, which would be skipped otherwise.
$(VENV)/installed-slow: $(VENV)/installed
	$(PY) -m pip install --quiet --editable ".[beam,dev,docs,notebooks]"
	touch $@

$(VENV)/installed-docs: $(VENV)/installed
	$(PY) -m pip install --quiet --editable ".[docs]"
	touch $@
