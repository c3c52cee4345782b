# One command each; `make` alone lists them. Steps that were done before are not done again.

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

BIN := .venv/bin
READY := .venv/ready
# Each worker has a mail site and a browser of its own; a file's tests stay together on one.
PYTEST := $(BIN)/python -m pytest -q -n 2 --dist loadfile

.PHONY: help setup system demo check test slow test-all bench corpus fuzz format clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## make .venv with mailgate and the tools for working on it
	@:

$(READY): pyproject.toml constraints.txt scripts/make-venv
	@scripts/make-venv
	@touch $@

system: ## install the mail servers and the browser that tests use (apt, as root)
	@scripts/system-packages

demo: setup ## show the whole story on loopback: an agent asks, a person answers, the archive proves it
	@$(BIN)/mailgate demo --unattended

check: setup ## format, lint, types and layers, in under a minute
	@echo "== ruff format"
	@$(BIN)/ruff format --check --quiet --output-format concise . || { echo "Not formatted; run: make format" >&2; exit 1; }
	@echo "== ruff check"
	@$(BIN)/ruff check --quiet --output-format concise .
	@echo "== mypy"
	@$(BIN)/mypy --no-error-summary
	@echo "== lint-imports"
	@$(BIN)/lint-imports > .venv/lint-imports.log || { cat .venv/lint-imports.log >&2; exit 1; }

test: setup system ## all tests that take seconds, with real servers and a real browser
	@$(PYTEST) -m "not slow"

# pytest ends with 5 when it found no test; of slow ones there may be none.
slow: setup system ## only the tests that take minutes
	@$(PYTEST) -m slow || { code=$$?; [ $$code -eq 5 ] && echo "There are no slow tests." || exit $$code; }

test-all: test slow ## test, then slow

bench: setup ## measure, print a table, write build/bench.json
	@$(BIN)/python -m tests.bench

corpus: setup ## read the replies of all clients and count what is misread; EXTRA=DIR reads samples of yours too
	@$(BIN)/python -m tests.corpus $(EXTRA)

fuzz: setup ## throw bytes at the readers of mail for SECONDS=60
	@$(BIN)/python -m tests.fuzz --seconds $(or $(SECONDS),60)

format: setup ## bring all code into its one format
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --quiet --fix .

clean: ## remove what was built or cached; .venv stays
	@rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -path ./.venv -prune -o -type d -name __pycache__ -exec rm -rf {} +
