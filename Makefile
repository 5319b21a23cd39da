# `make demo` runs the whole demo study, `make test` the tests; each sets up .venv by itself.
PYTHON ?= python3
CORES ?= $(shell nproc 2>/dev/null || echo 2)
CONFIG ?= config/config.yaml
BIN = .venv/bin

.DEFAULT_GOAL := help
.PHONY: help demo report test test-slow test-slurm browser lint format docs lock clean

help:  ## Show this list.
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST)

# The stamp follows pyproject.toml: changed pins are installed at the next call.
.venv/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "CRISP needs Python 3.11 or newer; this is `$(PYTHON) --version`. Set PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev]"
	@$(BIN)/python -c 'import cv2' || \
	  { echo "OpenCV lacks system libraries: apt-get install libgl1 libglib2.0-0 libxcb1 (see README.md)" >&2; exit 1; }
	touch $@

demo: .venv/installed $(CONFIG)  ## Run the demo study (or CONFIG=...) and make its report.
	@$(BIN)/crisp run --study $(CONFIG) --cores $(CORES)
	@$(BIN)/crisp report --study $(CONFIG)

report: .venv/installed $(CONFIG)  ## Make the report of a finished study, one HTML file.
	@$(BIN)/crisp report --study $(CONFIG)

test: .venv/installed  ## Run the tests.
	PATH="$(CURDIR)/$(BIN):$$PATH" pytest -n $(CORES) --dist worksteal --timeout 300 -m "not slow"

test-slow: .venv/installed  ## Run those that take minutes: whole runs of the workflow, models at full size.
	PATH="$(CURDIR)/$(BIN):$$PATH" pytest -n $(CORES) --dist worksteal -m slow tests

test-slurm: .venv/installed  ## Run the tests on two real SLURM clusters, started here (as root).
	@$(BIN)/python -m tests.slurm.cluster install
	PATH="$(CURDIR)/$(BIN):$$PATH" pytest -n 2 --dist loadfile tests/slurm

browser:  ## Install Chromium, in which `make test` tries the viewer (as root, Debian or Ubuntu).
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || \
	  { apt-get update -qq; apt-get install -y -qq --no-install-recommends chromium; }

lint: .venv/installed  ## Check style, types, spelling and the workflow, in the files that git tracks.
	$(BIN)/pre-commit run --all-files
	$(BIN)/lint-imports --no-logo --no-cache
	PATH="$(CURDIR)/$(BIN):$$PATH" snakemake --lint
	PATH="$(CURDIR)/$(BIN):$$PATH" snakemake --lint -s workflow/index.smk --config videos=docs model=model.pt out=found

format: .venv/installed  ## Format the code.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow

.venv/docs-installed: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[docs]"
	touch $@

docs: .venv/docs-installed  ## Build the documentation site in site/.
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# Without --upgrade it keeps the versions that the files have, where the pins allow it.
LOCK = uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --quiet \
  --custom-compile-command "make lock" --output-file envs
lock:  ## Make the lock files again after a change of the pins (with uv, in a folder of its own).
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && $(PYTHON) -m venv "$$folder" && \
	  "$$folder/bin/pip" install --quiet --disable-pip-version-check uv==0.13.9 && \
	  PATH="$$folder/bin:$$PATH" && \
	  $(LOCK)/requirements.lock && $(LOCK)/requirements-dev.lock --extra dev --extra docs && \
	  $(LOCK)/requirements-pose.lock --extra pose

# What lies beside them, a folder of your own or a file that you put there, stays.
clean:  ## Remove results, generated demo videos and caches (never your data or tables).
	rm -rf results/studies results/volumes data/demo/truth
	rm -f data/demo/player-[0-9][0-9].mp4
	rmdir results data/demo 2>/dev/null || true
	rm -rf .snakemake .pytest_cache .hypothesis .mypy_cache .ruff_cache
