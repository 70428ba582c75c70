.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON := .venv/bin/python
STAMP := .venv/.complete
# A process for each core, and whole files to each: fixtures of a file start servers and make models.
SIDE_BY_SIDE := -n auto --maxprocesses 4 --dist loadfile

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml uv.lock hack/bootstrap
	hack/bootstrap
	@touch $@

setup: $(STAMP) ## Make the Python environment in .venv

demo: $(STAMP) ## One real job from kubectl apply to a watched adapter, on a real cluster made for it
	$(PYTHON) examples/demo/demo.py up

demo-down: $(STAMP) ## Stop and remove everything that `make demo` started
	$(PYTHON) examples/demo/demo.py down

test: $(STAMP) ## Unit, contract and integration tests (real API server, etcd, S3 and models)
	OMP_NUM_THREADS=1 $(PYTHON) -m pytest $(SIDE_BY_SIDE) tests/unit tests/contract tests/integration -m "not slow"
	$(PYTHON) -m pytest tests/faults

unit: $(STAMP) ## Unit tests only: no cluster, network or GPU
	$(PYTHON) -m pytest $(SIDE_BY_SIDE) tests/unit

e2e: $(STAMP) ## The whole system on a real kubelet with the real images
	$(PYTHON) -m pytest tests/e2e

check: $(STAMP) ## Format, lint, types, import contracts, generated files
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy api operator trainer monitor cli
	.venv/bin/mypy tests/devcluster tests/faults tests/builders.py examples/demo
	.venv/bin/lint-imports
	$(PYTHON) -m tunewright_api.crd --check crds charts/tunewright/crds

faults: $(STAMP) ## The operator under every fault; writes docs/faults.md
	$(PYTHON) -m faults

mutations: $(STAMP) ## Break the operator in 25 ways; the tests must notice 24
	$(PYTHON) -m faults.mutations

crds: $(STAMP) ## Generate the CRDs from api/
	$(PYTHON) -m tunewright_api.crd crds charts/tunewright/crds

format: $(STAMP) ## Format the code
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

FUZZ_RUNS ?= 1000000

fuzz: $(STAMP) ## A million odd files through reading and formats (FUZZ_RUNS=...); Linux on x86-64
	$(PYTHON) -m fuzz -runs=$(FUZZ_RUNS)

bench: $(STAMP) ## All measurements: the trainer against a raw TRL script, the data gate by size, ...
	$(PYTHON) -m pytest tests/bench -s

bench-download: $(STAMP) ## Downloads of data sets against rclone, in turns
	$(PYTHON) -m pytest tests/bench/test_download.py -s

bench-methods: $(STAMP) ## Every method with every adapter: trained to a goal, stopped, resumed exactly
	OMP_NUM_THREADS=1 $(PYTHON) -m pytest tests/integration/test_methods.py -m "slow or not slow"

bench-duplicates: $(STAMP) ## Near-duplicates against brute force: recall, precision, rows a second
	$(PYTHON) -m pytest tests/bench/test_near_duplicates.py -s

bench-data-checks: $(STAMP) ## What each check of the data finds and costs: the table of docs/data-checks.md
	$(PYTHON) -m pytest tests/bench/test_data_checks.py

bench-operator: $(STAMP) ## From objects to their first children, beside Kubeflow Trainer's controller
	$(PYTHON) -m pytest tests/bench/test_operator.py -s

bench-data-gate: $(STAMP) ## The data gate by size: time, and memory of all its processes
	$(PYTHON) -m pytest tests/bench/test_data_gate.py -s

.PHONY: help setup demo demo-down test unit e2e check faults mutations crds format fuzz bench bench-download bench-duplicates bench-data-checks bench-data-gate bench-methods bench-operator
