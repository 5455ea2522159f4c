# One word a command; CI calls the same words. Each sets up what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
KERNEL := $(wildcard src/perdure/kernel/*.pyx src/perdure/kernel/*.pxd src/perdure/kernel/*.pxi)

.PHONY: demo test bench lint docs fuzz asan flips soak clean setup
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

clean:
	rm -rf $(VENV) build src/perdure/kernel/*.c src/perdure/kernel/*.so
