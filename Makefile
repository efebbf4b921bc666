PYTHON ?= python3
BIN := .venv/bin
QUIET := $(if $(MAKE_TERMOUT),,--quiet)  # pip shows its progress on a terminal

help:  ## what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

.venv/.installed: pyproject.toml hatch_build.py $(wildcard native/kernels/*.py)
	test -d .venv || $(PYTHON) -m venv .venv
	@echo 'Installing what the program needs and compiling its kernels: minutes, the first time'
	$(BIN)/pip install $(QUIET) --editable '.[dev]'
	touch $@

demo: .venv/.installed  ## a short real session that stops by itself
	$(BIN)/sci-agents demo

test: .venv/.installed  ## every test
	$(BIN)/python -m pytest -n auto tests/unit tests/conformance
	$(BIN)/python -m pytest --ignore tests/unit --ignore tests/conformance

chaos: .venv/.installed  ## 50 rounds of faults under load, about an hour; CHAOS_ROUNDS, CHAOS_REQUESTS, CHAOS_SEED, …
	PYTHONPATH=tests $(BIN)/python -m chaos

kills: .venv/.installed  ## 300 kills of the alerting process along escalations, about half an hour; KILLS, KILLS_SEED
	PYTHONPATH=tests $(BIN)/python -m kills

lint: .venv/.installed  ## ruff and mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/.installed  ## ours against peers
	$(BIN)/python -m benchmarks

.PHONY: help demo test chaos kills lint bench
