# `make` alone lists the targets. ARGS reaches pytest: `make test ARGS="-k breaker -x"`.
MAKEFLAGS += --no-print-directory
BIN := .venv/bin
UV_VERSION := 0.13.9

.DEFAULT_GOAL := help
.PHONY: help up test check format lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: .venv/.ready ## install what is missing, start everything, print URLs, keys and a first request
	@exec $(BIN)/sentinel up

test: .venv/.ready ## run the tests (ARGS="..." is passed to pytest)
	@$(BIN)/pytest $(ARGS)

check: .venv/.ready ## check format, lint, types and import rules
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: .venv/.ready ## format the code and mend what the linter can
	@$(BIN)/ruff check --fix-only
	@$(BIN)/ruff format

lock: .venv/.ready ## write requirements.lock for pyproject.toml, keeping versions that still fit
	@$(BIN)/uv pip compile pyproject.toml --group dev --universal --generate-hashes \
		--python-version 3.11 --no-header --quiet -o requirements.lock

clean: ## remove the environment and all caches; .sentinel with its keys and data stays
	@rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp is written last, so that a set-up that failed is done again.
.venv/.ready: requirements.lock pyproject.toml
	@rm -f $@
	@UV_VERSION=$(UV_VERSION) compose/set-up.sh
	@touch $@
