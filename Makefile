# One word a command; CI calls the same words. Each sets up what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
KERNEL := $(wildcard src/perdure/kernel/*.pyx src/perdure/kernel/*.pxd src/perdure/kernel/*.pxi)

.PHONY: demo test bench bench-large lint docs fuzz asan flips soak clean setup
setup: $(STAMP)

$(STAMP): pyproject.toml setup.py $(KERNEL) tools/setup
	PYTHON=$(PYTHON) tools/setup $(VENV)
	touch $@

demo: $(STAMP)
	$(BIN)/perdure demo

test: $(STAMP)
	$(BIN)/python -m pytest
	PERDURE_PURE=1 $(BIN)/python -m pytest tests/kernel

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/mypy

# The peers live in an environment of their own. ONLY=create,tags SYSTEMS=plain,perdure RUNS=5
BENCH := .venv-bench
RUNS ?= 5
$(BENCH)/.installed: benchmarks/setup pyproject.toml setup.py $(KERNEL) $(shell find src -name '*.py')
	PYTHON=$(PYTHON) benchmarks/setup $(BENCH)
	touch $@

bench: $(BENCH)/.installed
	$(BENCH)/bin/python -m benchmarks --runs $(RUNS) --only "$(ONLY)" --systems "$(SYSTEMS)"

# 10,000,000 objects under a cache budget of 128 MiB: some minutes
bench-large: $(BENCH)/.installed
	$(BENCH)/bin/python -m benchmarks.large

clean:
	rm -rf $(VENV) build src/perdure/kernel/*.c src/perdure/kernel/*.so
