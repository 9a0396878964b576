.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TORCH := torch==2.13.0
SETUP := $(VENV)/.setup-done

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(SETUP) ## create .venv with everything the other targets need

# torch comes first and alone, so that no other package pulls in a build of several gigabytes.
$(SETUP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(TORCH)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: setup ## try everything in the browser, with an offline Discord
	@IMPASTO_HOME=$${IMPASTO_HOME:-$(CURDIR)/.impasto} exec $(BIN)/impasto demo

test: setup ## run every test that needs no GPU
	$(BIN)/python -m pytest -n 2 --dist loadfile --ignore tests/e2e
	$(BIN)/python -m pytest -n 2 tests/e2e

check: setup ## formatting, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup ## measure the road and the engine beside the bare pipeline, and judge what the starters draw
	$(BIN)/python bench/overhead.py
	$(BIN)/python bench/engine.py
	$(BIN)/python bench/adapters.py
	$(BIN)/python bench/handover.py
	$(BIN)/python bench/release.py
	$(BIN)/python bench/starter.py

audit: setup ## look for known holes in the locked dependencies
	$(BIN)/pip-audit -r constraints.txt --no-deps --disable-pip

lock: setup ## write the installed versions to constraints.txt
	$(BIN)/python -m pip freeze --exclude-editable --exclude pip | grep -v '^torch==\|@' > constraints.txt

.PHONY: help setup demo test check bench audit lock
