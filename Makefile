# `make` alone lists the targets. ARGS reaches pytest: `make test ARGS="-k breaker -x"`.
MAKEFLAGS += --no-print-directory
BIN := .venv/bin
UV_VERSION := 0.13.9

.DEFAULT_GOAL := help
.PHONY: help up test chaos fuzz quality check bench capacity bench-front bench-start bench-queue bench-streams bench-outage bench-breaker bench-timing bench-fair bench-index bench-measuring format lock clean bench-dashboard screenshots

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: .venv/.ready ## install what is missing, start everything, print URLs, keys and a first request
	@exec $(BIN)/sentinel up

# Two at once, a file never split: fixtures that start a product are made once a file. PARALLEL= runs one by one.
PARALLEL ?= -n 2 --dist loadfile
test: .venv/.ready .venv/.programs .venv/.browser ## run the tests (ARGS="..." is passed to pytest, PARALLEL= one by one)
	@$(BIN)/pytest $(PARALLEL) $(ARGS)

# FAULTS is a comma list of kinds; empty is all. REPORT is a file for the report as a page; empty is none.
SEED ?= 1
SECONDS ?= 60
CALLERS ?= 16
FAULTS ?=
REPORT ?=
chaos: .venv/.ready ## break real processes under load and check what was promised (SECONDS, SEED, CALLERS, FAULTS, REPORT)
	@$(BIN)/python -m tests.chaos --seed $(SEED) --seconds $(SECONDS) --callers $(CALLERS) --faults "$(FAULTS)" \
		--markdown "$(REPORT)"

# Each fails at the first request that is answered with a 5xx, or the first thing that shows to another tenant.
CASES ?= 100000
STEPS ?= 100000
TRIES ?= 200
fuzz: .venv/.ready ## malformed requests, TRIES at each operation, two tenants who do what they like (CASES, STEPS, SEED)
	@$(BIN)/python -m tests.fuzz --cases $(CASES) --tries $(TRIES) --steps $(STEPS) --seed $(SEED)

# DATA is a folder of labelled pairs (docs/QUALITY.md); without it the shipped samples are measured.
DATA ?= $(SENTINEL_QUALITY_DATA)
quality: .venv/.ready ## measure wrong hits on labelled pairs (DATA=folder), and write the tables into the docs
	@$(BIN)/python -m tests.quality.measure $(DATA)

check: .venv/.ready ## check format, lint, types and import rules
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

# SECTIONS are some of ingress, servers, queue, search, lookup, streaming, replay; empty is all.
SECTIONS ?=
bench: .venv/.ready ## measure everything beside floors and peers, into docs/benchmarks.md (SECTIONS)
	@$(BIN)/python -m tests.bench.suite $(SECTIONS)

capacity: .venv/.ready ## simulate fleets from unit costs, into docs/CAPACITY.md
	@$(BIN)/python -m tests.bench.capacity

bench-front: .venv/.ready ## time exact and semantic hits through the real processes, beside a bare handler
	@$(BIN)/python -m tests.bench.front

bench-start: .venv/.ready ## time from submit to the first line of a job, beside stock arq
	@$(BIN)/python -m tests.bench.start

bench-queue: .venv/.ready ## time and load the queue beside stock arq, SAQ, taskiq and two bare hops
	@$(BIN)/python -m tests.bench.queue

bench-streams: .venv/.ready ## one stream and many listeners: calls, first tokens, 1,000 open, a rolling restart
	@$(BIN)/python -m tests.bench.streams

bench-breaker: .venv/.ready ## race processes for a breaker's probe, and judge a million calls
	@$(BIN)/python -m tests.bench.breaker

bench-outage: .venv/.ready ## replay real questions while the provider is down, then while it flaps
	@$(BIN)/python -m tests.bench.outage

bench-timing: .venv/.ready ## tell by time whether another tenant has asked before: it should be guessing
	@$(BIN)/python -m tests.bench.timing

bench-fair: .venv/.ready ## let one tenant ask three times what can be done, and time another
	@$(BIN)/python -m tests.bench.fair

# TEXTS is a folder of JSON lines with "a", "b" or "text": more real sentences than the tests carry.
TEXTS ?= tests/data
ROWS ?= 1000000
bench-index: .venv/.ready ## time searches beside numpy, usearch, hnswlib, faiss and the memory's bandwidth (TEXTS, ROWS)
	@$(BIN)/python -m tests.bench.index --texts $(TEXTS) --rows $(ROWS)

bench-measuring: .venv/.ready ## weigh what metrics and tracing cost an exact hit, beside an ingress without them
	@$(BIN)/python -m tests.bench.measuring

format: .venv/.ready ## format the code and mend what the linter can
	@$(BIN)/ruff check --fix-only
	@$(BIN)/ruff format

COMPILE := uv pip compile pyproject.toml --universal --generate-hashes --python-version 3.11 --no-header --quiet
lock: .venv/.ready ## write requirements.lock for pyproject.toml, keeping versions that still fit, and the image's part of it
	@$(BIN)/$(COMPILE) --group dev -o requirements.lock
	@$(BIN)/$(COMPILE) --extra otel --constraint requirements.lock -o compose/requirements.lock

clean: ## remove the environment and all caches; .sentinel with its keys and data stays
	@rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Prometheus and nginx: tests run what is shipped for them.
.venv/.programs: .venv/.ready compose/install-test-programs.sh
	@compose/install-test-programs.sh
	@touch $@

bench-dashboard: .venv/.ready ## time pages of the dashboard, and count their Redis commands, with 100,000 jobs of history
	@$(BIN)/python -m tests.bench.dashboard

screenshots: .venv/.ready .venv/.browser ## take the pictures of the dashboard in docs/images
	@$(BIN)/python -m tests.support.screenshots

.venv/.browser: .venv/.ready
	@compose/install-system-packages.sh --browser
	@touch $@

# The stamp is written last, so that a set-up that failed is done again.
.venv/.ready: requirements.lock pyproject.toml
	@rm -f $@
	@UV_VERSION=$(UV_VERSION) compose/set-up.sh
	@touch $@
