# Two commands: `make fit` trains on the sample corpus, `make test` runs the tests. Both make .venv first.

.PHONY: compat docs fit model test test-slow test-all-pythons lint
.DELETE_ON_ERROR:

VENV := .venv
PY := $(VENV)/bin/python
INSTALL := $(PY) -m pip install --quiet --quiet --disable-pip-version-check

fit: $(VENV)/installed
	$(PY) -m cman_tf.fit --config sample

test: $(VENV)/installed-dev lint
	$(PY) -m pytest -n 2 --dist loadgroup

test-slow: $(VENV)/installed-slow
	$(PY) -m pytest -m slow

# The shipped model, again from the sample corpus and GloVe; a quarter of an hour, after the download.
model: $(VENV)/installed
	$(VENV)/bin/cman encoder fetch glove
	$(PY) -m reproduction.ship

# A selection of the tests on the other stack (docs/install.md), after `make test`.
compat: $(VENV)/installed-dev
	sh .ci/compat

# The default suite on each supported Python that is found, each in an environment of its own.
test-all-pythons:
	sh .ci/test-all-pythons

lint: $(VENV)/installed-dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	if $(PY) -c "import sys; sys.exit(sys.version_info < (3, 10))"; then $(PY) -m mypy; else echo "Types are not checked: mypy 2 requires Python 3.10."; fi
	$(VENV)/bin/lint-imports

docs: $(VENV)/installed-docs
	NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict

# Without this file, the installation failed or was interrupted, and the environment is created again. With it, the
# environment is kept and updated when setup.py changes.
$(VENV)/installed: setup.py
	[ -f $@ ] || sh .ci/make-venv $(VENV) "$(PYTHON)" "$(VERSIONS)"
	$(INSTALL) --upgrade pip
	$(INSTALL) --editable .
	touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(INSTALL) --editable ".[dev]"
	touch $@

# With what the notebooks and the site need; their tests are skipped otherwise.
$(VENV)/installed-slow: $(VENV)/installed
	$(INSTALL) --editable ".[beam,dev,docs,notebooks]"
	touch $@

$(VENV)/installed-docs: $(VENV)/installed
	$(INSTALL) --editable ".[docs]"
	touch $@
