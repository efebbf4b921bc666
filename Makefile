PYTHON ?= python3
BIN := .venv/bin

help:  ## what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

.venv/.installed: pyproject.toml hatch_build.py $(wildcard native/kernels/*.py)
	test -d .venv || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --editable '.[dev]'
	touch $@

test: .venv/.installed  ## every test
	$(BIN)/python -m pytest

lint: .venv/.installed  ## ruff and mypy --strict
	$(BIN)/ruff check .
	$(BIN)/mypy

.PHONY: help test lint
