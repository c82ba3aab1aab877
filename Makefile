# `make` alone lists the targets. ARGS reaches pytest: `make test ARGS="-k breaker -x"`.
MAKEFLAGS += --no-print-directory
BIN := .venv/bin
UV_VERSION := 0.13.9

.DEFAULT_GOAL := help
.PHONY: help up test chaos check bench-front bench-start bench-queue format lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: .venv/.ready ## install what is missing, start everything, print URLs, keys and a first request
	@exec $(BIN)/sentinel up

test: .venv/.ready ## run the tests (ARGS="..." is passed to pytest)
	@$(BIN)/pytest $(ARGS)

# FAULTS is a comma list of kinds; empty is all.
SEED ?= 1
SECONDS ?= 60
CALLERS ?= 8
FAULTS ?=
chaos: .venv/.ready ## break real processes under load and check what was promised (SECONDS, SEED, CALLERS, FAULTS)
	@$(BIN)/python -m tests.chaos --seed $(SEED) --seconds $(SECONDS) --callers $(CALLERS) --faults "$(FAULTS)"

check: .venv/.ready ## check format, lint, types and import rules
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench-front: .venv/.ready ## time exact and semantic hits through the real processes, beside a bare handler
	@$(BIN)/python -m tests.bench.front

bench-start: .venv/.ready ## time from submit to the first line of a job, beside stock arq
	@$(BIN)/python -m tests.bench.start

bench-queue: .venv/.ready ## time and load the queue beside stock arq, SAQ, taskiq and two bare hops
	@$(BIN)/python -m tests.bench.queue

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
