# Every target is a command a person runs; `make` alone lists them.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
UV := .tools/bin/uv
VENV := .venv
BIN := $(VENV)/bin
TORCH_VENV ?= .venv-torch
TORCH_STAMP := $(TORCH_VENV)/.installed
PACKAGES := parley functions agent_fleet parley_cli
STAMP := $(VENV)/.installed
EXTRAS := webhook whisper summary voice fleet answers models cli test dev

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z][a-z-]*:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- what a person does -------------------------------------------------------

.PHONY: demo
demo: setup servers ## Hold a scripted meeting in a real room and show what came of it
	$(BIN)/parley demo

.PHONY: up
up: setup servers ## Start LiveKit, database, object store, API, runner and fleet; Ctrl-C stops them
	$(BIN)/parley up

# --- what it needs ------------------------------------------------------------

.PHONY: setup
setup: $(STAMP) ## Make the virtual environment with the locked dependencies

$(UV):
	@echo "setup: fetching uv"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; point PYTHON at one: make PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv .tools || { echo "Python's venv module is needed (Debian: apt install python3-venv)" >&2; exit 1; }
	@.tools/bin/pip install --quiet --disable-pip-version-check 'uv>=0.9'

$(STAMP): requirements/dev.txt pyproject.toml | $(UV)
	@echo "setup: installing the locked dependencies"
	@test -x $(BIN)/python || $(UV) venv --quiet --python $(PYTHON) $(VENV)
	@$(UV) pip sync --compile-bytecode --python $(BIN)/python --require-hashes requirements/dev.txt
	@$(UV) pip install --python $(BIN)/python --quiet --no-deps --editable .
	@touch $@

$(TORCH_STAMP): requirements/torch.txt | $(UV)
	@echo "setup: installing torch"
	@test -x $(TORCH_VENV)/bin/python || $(UV) venv --quiet --python $(PYTHON) $(TORCH_VENV)
	@$(UV) pip sync --quiet --python $(TORCH_VENV)/bin/python --require-hashes requirements/torch.txt
	@touch $@

.PHONY: servers
servers: setup ## Find or build the servers (the first time takes minutes)
	@$(BIN)/python -m parley_cli.stack.build

.PHONY: lock
lock: $(UV) ## Resolve the dependencies anew into requirements/dev.txt, with hashes
	$(UV) pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-annotate --no-header $(addprefix --extra ,$(EXTRAS)) -o requirements/dev.txt
	$(UV) pip compile pyproject.toml requirements/torch.in --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-annotate --no-header --extra voice --extra torch \
	  --constraints requirements/dev.txt -o requirements/torch.txt

# --- what proves it -----------------------------------------------------------

.PHONY: lint
lint: setup ## Check style, types and the folder rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(PACKAGES) bench tests
	$(BIN)/lint-imports

.PHONY: format
format: setup ## Format the code and fix what can be fixed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: test-unit
test-unit: setup ## Run the fast tests, without servers
	$(BIN)/pytest tests/unit

.PHONY: test-torch
test-torch: $(TORCH_STAMP) ## Test the voice engine on torch, in an environment of its own (5.6 GB on Linux)
	$(TORCH_VENV)/bin/pytest --noconftest tests/unit/voice/test_voice_kokoro_torch.py

.PHONY: test
test: lint servers ## Lint, then every test: unit, integration on real servers, whole meetings
	$(BIN)/pytest tests

include infra/Makefile.inc
include models/Makefile.inc

.PHONY: clean
clean: ## Remove what was built or installed here (not the caches, not .parley)
	rm -rf $(VENV) $(TORCH_VENV) .tools .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis \
	  infra/embedded/mongo/target *.egg-info
	find $(PACKAGES) bench tests -name __pycache__ -type d -prune -exec rm -rf {} +
