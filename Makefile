# Everything below runs on a machine with nothing but Python 3.10 or newer and its venv module:
#   make demo                      install into .venv, then fit a small subject and show the result
#   make test                      install into .venv, then run the tests
#   make install PYTHON=python3.12 with another interpreter
# It installs the versions of constraints.txt, with which the tests have passed; make test-newest tries the newest ones.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
NEWEST := .venv-newest
# What installs is held as well: pip itself, and setuptools, which pip fetches to build the package.
HELD := --constraint constraints.txt --build-constraint constraints.txt
PIP := -m pip --disable-pip-version-check install --quiet
PYTEST := -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations 12

.DEFAULT_GOAL := help
.PHONY: help install demo test test-newest constraints lint format bench clean

help:  ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: $(STAMP)  ## make .venv and install the package with its development tools into it

# The stamp is younger than both files once an installation has gone through; an interrupted one is taken up again.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "zoetrope needs Python 3.10 or newer, and $(PYTHON) is older: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; exit 2; }
	@echo "installing into $(VENV): some minutes and some gigabytes, most of them PyTorch"
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python $(PIP) --constraint constraints.txt --upgrade pip
	$(BIN)/python $(PIP) $(HELD) --editable '.[dev]'
	touch $@

demo: $(STAMP)  ## the main job on a small subject: photos, fit, GLB, turntable, scores
	$(BIN)/zoetrope demo --out runs/demo --overwrite

test: $(STAMP)  ## the whole test suite
	$(BIN)/python $(PYTEST)

test-newest:  ## the same with the newest releases that pyproject.toml allows, in an environment of its own
	test -x $(NEWEST)/bin/python || $(PYTHON) -m venv $(NEWEST)
	$(NEWEST)/bin/python $(PIP) --upgrade pip
	$(NEWEST)/bin/python $(PIP) --upgrade --upgrade-strategy eager --editable '.[dev]' setuptools
	$(NEWEST)/bin/python $(PYTEST)

constraints: test-newest  ## write the versions down that test-newest has just passed with
	$(NEWEST)/bin/python .ci/write_constraints.py > $(NEWEST)/constraints.txt
	mv $(NEWEST)/constraints.txt constraints.txt

lint: $(STAMP)  ## ruff, formatting, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

format: $(STAMP)  ## put the sources into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)  ## speed as ratios, then the zoo's test split and its scores: an hour on two cores, resumable
	$(BIN)/zoetrope speed
	$(BIN)/zoetrope bench

clean:  ## remove the environment and the caches, never runs/
	rm -rf $(VENV) $(NEWEST) build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
