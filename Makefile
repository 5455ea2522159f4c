# One word a command; CI calls the same words. Each sets up what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
KERNEL := $(wildcard src/perdure/kernel/*.pyx src/perdure/kernel/*.pxd src/perdure/kernel/*.pxi)

.PHONY: demo test bench bench-large lint docs fuzz asan flips crash crash-images soak clean setup
setup: $(STAMP)

$(STAMP): pyproject.toml setup.py $(KERNEL) tools/setup
	PYTHON=$(PYTHON) tools/setup $(VENV)
	touch $@

demo: $(STAMP)
	$(BIN)/perdure demo

test: $(STAMP)
	PERDURE_PURE=1 $(BIN)/python -m pytest -n auto tests/kernel
	$(BIN)/python -m pytest -n auto

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/mypy

# HTML of docs/ and of the docstrings; a warning is an error
DOCS := build/docs
docs: $(STAMP)
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs $(DOCS)
	@echo "$(DOCS)/index.html"

# The peers live in an environment of their own. ONLY=create,tags SYSTEMS=plain,perdure RUNS=5
BENCH := .venv-bench
RUNS ?= 5
$(BENCH)/.installed: benchmarks/setup pyproject.toml setup.py $(KERNEL) $(shell find src -name '*.py')
	PYTHON=$(PYTHON) benchmarks/setup $(BENCH)
	touch $@

bench: $(BENCH)/.installed
	$(BENCH)/bin/python -m benchmarks --runs $(RUNS) --only "$(ONLY)" --systems "$(SYSTEMS)"
	$(BENCH)/bin/python tools/readme_benchmarks.py

# 10,000,000 objects under a cache budget of 128 MiB: some minutes
bench-large: $(BENCH)/.installed
	$(BENCH)/bin/python -m benchmarks.large

# Inputs a target. A finding stops the run; its input is the file that the message names.
FUZZ := build/fuzz
fuzz: RUNS := 20000
fuzz: $(STAMP)
	$(BIN)/python -c "import atheris" 2>/dev/null || $(BIN)/python -m pip install -q --no-build-isolation -e ".[fuzz]"
	for target in keys values records graphs differences; do mkdir -p $(FUZZ)/findings; \
	  $(BIN)/python tests/fuzz/decoders.py $$target $(FUZZ)/$$target -runs=$(RUNS) -max_len=300 -print_final_stats=1 \
	    -artifact_prefix=$(FUZZ)/findings/$$target- || exit 1; done

# The kernel's tests on a build with AddressSanitizer
asan: $(STAMP)
	tools/asan $(VENV)

# Real processes killed at random moments, and every disk that a power failure can leave; other SEEDs give other ones
KILLS ?= 2000
SEED ?= 1
crash: $(STAMP)
	$(BIN)/python tests/crash/crash_kills.py --kills $(KILLS) --seed $(SEED)
	$(BIN)/python tests/crash/crash_together.py --kills $$(($(KILLS) / 4)) --seed $(SEED)

crash-images: $(STAMP)
	$(BIN)/python tests/crash/crash_images.py --seed $(SEED) --traces 4 --count 25 --writes 6 --samples 20

# Single flipped bits of a closed database, each copy opened with the check, read and verified in a process of its own
FLIPS ?= 10000
flips: $(STAMP)
	$(BIN)/python -m tests.storage.flips --count $(FLIPS) --seed $(SEED)

# The tests that run too long for `make test`
soak: $(STAMP)
	$(BIN)/python -m pytest -m soak --timeout=0

clean:
	rm -rf $(VENV) $(BENCH) build .build src/perdure/kernel/*.c src/perdure/kernel/*.so
