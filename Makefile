.DEFAULT_GOAL := help
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help setup run demo test faults lint types imports check reset lock bench-archive fuzz-preflight bench-annotate guards crash faults-heavy

help: ## explain every target
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

setup: $(READY) ## make the environment from the locked requirements (the others do it too)

$(READY): requirements/dev.txt
	@echo "Making the environment in $(VENV): a minute or two, the first time only."
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed: $(PYTHON) was not found. Set PYTHON=..."; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $(READY)

run: $(READY) ## start the whole service on this machine (GAS_PORT=8000)
	@$(BIN)/python -m deploy.local.supervisor run

demo: $(READY) ## one result's whole life against the real workers, in two minutes
	@$(BIN)/python -m deploy.local.supervisor demo

test: $(READY) ## run the tests
	@$(BIN)/python -m pytest -n 2 --dist loadfile

faults: $(READY) ## every fault at every AWS call, an hour on two cores (SCHEDULES=, SEED=, STORE=)
	@$(BIN)/python -m tests.faults.run

.PHONY: concurrency
concurrency: $(READY) ## 500 jobs among 32 workers at once, every message five times (JOBS=, SEED=)
	@JOBS=$${JOBS:-500} $(BIN)/python -m pytest -q -rP tests/archival/test_concurrency.py -k crowd

.PHONY: fairness
fairness: $(READY) ## how long others wait beside one person's upgrade of 50,000 results (HEAVY=, OTHERS=)
	@$(BIN)/python -m tests.fairness

faults-heavy: $(READY) ## 5,000 jobs among 32 workers at once, and an upgrade of 3,000 (JOBS=, NAMED_JOBS=)
	@JOBS=$${JOBS:-5000} $(BIN)/python -m pytest -q -rP tests/archival/test_concurrency.py -k crowd
	@NAMED_JOBS=$${NAMED_JOBS:-3000} $(BIN)/python -m pytest -q --timeout=7200 tests/archival/test_named_failures.py -k t10
	@$(BIN)/python -m tests.fairness

guards: $(READY) ## take out each guard of the protocol in turn: who notices (GUARD=name)
	@$(BIN)/python -m pytest -q tests/guards/table.py

crash: $(READY) ## kill each worker before and after each of its AWS calls (CRASH=role, MODES=alone)
	@$(BIN)/python -m tests.crash

lint: $(READY) ## style
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

bench-archive: $(READY) ## speed, memory and cost of archive and thaw (SIZES=64,1024 in MiB, STORES=vault,s3, JOBS=60)
	@$(BIN)/python -m tests.benchmarks.archive

large: $(READY) ## 5 GiB there and back with both stores, 1 GiB taken up after a kill; ten minutes, 25 GB (SIZES=5120)
	@SIZES=$(or $(SIZES),5120) PARTS=speeds,kills $(BIN)/python -m tests.benchmarks.archive

bench-pages: $(READY) ## how long the pages take for a person of 1,000 jobs (JOBS=1000)
	@$(BIN)/python -m tests.benchmarks.pages

.PHONY: bench-archive large bench-pages fuzz-decode second-opinion
fuzz-decode: $(READY) ## 100,000 strange message bodies against the decoder (COUNT=, SEED=)
	@DJANGO_SETTINGS_MODULE=tests.settings $(BIN)/python -m tests.gas_project.fuzz_decode

SECOND := $(addprefix tests/annotations/test_,jobs.py job_items.py job_lists.py timeline.py) tests/accounts/test_plans.py
SECOND += $(addprefix tests/contract/test_s3_,$(addsuffix .py,objects multipart buckets races))

second-opinion: $(READY) .venv-ministack/.ready ## tests of the DynamoDB layers and of S3 against a second emulator
	@$(BIN)/python -m pytest -p tests.second_opinion $(SECOND)

.venv-ministack/.ready: requirements/ministack.txt
	@$(PYTHON) -m venv --clear .venv-ministack
	@.venv-ministack/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/ministack.txt
	@touch .venv-ministack/.ready

types: $(READY) ## types
	@$(BIN)/mypy .

imports: $(READY) ## the direction of imports
	@$(BIN)/lint-imports

check: lint types imports test ## all that CI checks

reset: $(READY) ## forget the local jobs, results, archives and people
	@$(BIN)/python -m deploy.local.supervisor reset

lock: $(READY) ## lock requirements/*.in with hashes
	@cd requirements && for name in base dev; do ../$(BIN)/uv pip compile --quiet --generate-hashes --no-header --upgrade --python-version 3.11 $$name.in -o $$name.txt; done
	@cd requirements && ../$(BIN)/uv pip compile --quiet --generate-hashes --no-header --upgrade --python-version 3.13 --override next.in dev.in -o next.txt

fuzz-preflight: $(READY) ## strange files against the preflight, ten minutes (SECONDS=600)
	@$(BIN)/python -m tests.annotations.genomics.fuzz $(or $(SECONDS),600)

.PHONY: bench-cancel
bench-cancel: $(READY) ## how long a run goes on after it was cancelled (RECORDS=1000000, MOMENTS=20)
	@$(BIN)/python -m tests.benchmarks.cancel --records $${RECORDS:-1000000} --moments $${MOMENTS:-20}

bench-annotate: $(READY) ## speed and memory of annotation beside bare csq (SIZES=10000,100000,1000000)
	@$(BIN)/python -m tests.benchmarks.annotate --sizes $${SIZES:-10000,100000,1000000}
