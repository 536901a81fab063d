# Everything below runs on a machine with nothing but Python 3.10 or newer and its venv module:
#   make demo                      install into .venv, then fit a small subject and show the result
#   make test                      install into .venv, then run the tests
#   make install PYTHON=python3.12 with another interpreter
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install demo test lint format bench clean

help:  ## this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(STAMP)  ## make .venv and install the package with its development tools into it

# The stamp is younger than pyproject.toml once an installation has gone through; an interrupted one is taken up again.
$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "zoetrope needs Python 3.10 or newer, and $(PYTHON) is older: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; exit 2; }
	@echo "installing into $(VENV): some minutes and some gigabytes, most of them PyTorch"
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

demo: $(STAMP)  ## the main job on a small subject: photos, fit, GLB, turntable, scores
	$(BIN)/zoetrope demo --out runs/demo --overwrite

test: $(STAMP)  ## the whole test suite
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations 12

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
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
