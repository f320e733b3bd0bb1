# Bare `make` lists the targets.
PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help setup run demo test check docs bench

help:  ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

setup: .venv/done  ## make the virtual environment .venv

.venv/done: requirements.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; choose one with: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

.venv/dev: requirements-dev.txt .venv/done
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

run: .venv/done  ## set up, migrate, start everything; prints the address
	@$(BIN)/python manage.py migrate --verbosity 0
	@exec $(BIN)/python manage.py up

demo: export DATA_DIR = var/demo
demo: .venv/done  ## like run, but with a simulated fleet and its history, in var/demo
	@$(BIN)/python manage.py migrate --verbosity 0
	@exec $(BIN)/python manage.py up --demo

test: .venv/dev  ## test everything
	$(BIN)/python -m pytest

check: .venv/dev  ## lint, types, imports, migrations, docs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py check
	$(BIN)/python -m pytest -q tests/docs

docs: .venv/done  ## write the generated parts of docs/
	$(BIN)/python -m fleet.document > docs/failures.md

bench: .venv/dev  ## measure one worker against simulated hosts; writes docs/performance.md
	$(BIN)/python -m benchmarks
