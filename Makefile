# Everything runs in .venv, made here from nothing but python3 (3.10 or newer), make and git.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NVIDIA := livekit-plugins-nvidia==1.8.9 nvidia-riva-client==2.28.0

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench bench-quick soak fuzz docs clean

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.demo-installed ## Transcribe a recording with the recogniser that runs on this machine
	$(BIN)/python examples/demo.py

test: $(VENV)/.dev-installed ## Run all tests (127.0.0.1 only); ARGS="tests/local -k words" narrows them
	$(BIN)/python -m pytest $(ARGS)

lint: $(VENV)/.dev-installed ## Check style, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict

bench: $(VENV)/.dev-installed ## Measure speed against the official plugins and write docs/benchmarks.md (40 minutes)
	$(BIN)/python -m bench $(ARGS)

bench-quick: $(VENV)/.dev-installed ## Measure a little of it and show a table (2 minutes)
	$(BIN)/python -m bench --quick $(ARGS)

soak: $(VENV)/.dev-installed ## Run 200 streams for 30 minutes through a vendor that fails at random; ARGS="--seconds 60"
	$(BIN)/python -m soak $(ARGS)

fuzz: $(VENV)/.dev-installed ## Try thousands of random specs, messages and replies, and show the counts
	FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-5000} $(BIN)/python -m pytest tests/fuzz --hypothesis-show-statistics $(ARGS)

docs: $(VENV)/.dev-installed ## Write the generated pages anew
	$(BIN)/python -m specbuilder.protocol.reference > docs/spec-reference.md
	$(BIN)/python -m specbuilder.providers.generate
	$(BIN)/python -m tests.differential.catalogue

clean: ## Remove .venv, caches and build results
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps are older than pyproject.toml when it has changed: then the packages are installed again.
$(VENV)/.demo-installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[embedded]'
	@touch $@

$(VENV)/.dev-installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	# Without what they ask for: that is an older websockets, which the tests of these two do not use.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps $(NVIDIA)
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
		|| { echo "Python 3.10 or newer is needed: make PYTHON=/path/to/python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "python3 -m venv failed (Debian: apt install python3-venv)" >&2; exit 1; }
