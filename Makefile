# What a person types. README shows `make run`; CONTRIBUTING.md explains the rest.
PYTHON ?= python3
# Only this exact version: the newest torch may come without the small CPU build, and brings gigabytes of CUDA then.
TORCH := torch==2.13.0

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
RUN_READY := $(VENV)/run.ready
TEST_READY := $(VENV)/test.ready
PIP_COMPILE := $(BIN)/python -m piptools compile --quiet --strip-extras --allow-unsafe --no-header --annotation-style line \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options -P $(TORCH) $(LOCK_OPTIONS)
# The build of torch, and what its CUDA builds bring, are each machine's own affair.
TIDY_LOCK := sed -i.bak -E -e 's/^(torch==[0-9.]+)\+[a-z0-9.]+/\1/' -e '/^(nvidia-|cuda-|triton==)/d' \
	-e '/^$$/d' -e '/^\# The following packages are considered/d' -e 's/-r -/dev group/' -e 's/-c requirements.lock, //' -e 's/ +\#/  \#/'

.PHONY: help run install test lint pytest check bench lock vendor clean

help:
	@echo 'make run      set up .venv, load the demo company, serve API and console'
	@echo 'make test     set up .venv with the test tools; lint, then every test that needs no accelerator'
	@echo 'make check    kill processes at random and load the machine (half an hour)'
	@echo 'make bench    measure speed and quality, with the peers beside us'
	@echo 'make install  set up .venv only'
	@echo 'make lint     ruff and mypy --strict only'
	@echo 'make pytest   the tests only (PYTEST_OPTIONS=tests/messages for some of them)'
	@echo 'make lock     resolve requirements*.lock again (LOCK_OPTIONS=--upgrade for newer versions)'
	@echo 'make vendor   copy what the console borrows from npm, as api/pages/package-lock.json pins it'
	@echo 'make clean    remove .venv and caches; var/, your data, stays'

run: $(RUN_READY)
	$(BIN)/amends serve --demo

install: $(RUN_READY)

test: lint pytest

lint: $(TEST_READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

pytest: $(TEST_READY)
	$(BIN)/pytest -m 'not chaos' $(PYTEST_OPTIONS)

check: $(TEST_READY)
	$(BIN)/pytest -m chaos --timeout 1800 $(PYTEST_OPTIONS)

bench: $(TEST_READY)
	set -e; for file in benchmarks/*.py; do $(BIN)/python $$file; done

lock: $(TEST_READY)
	$(PIP_COMPILE) --all-extras -o requirements.lock pyproject.toml
	$(TIDY_LOCK) requirements.lock
	$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]["dev"], sep="\n")' \
		| $(PIP_COMPILE) --all-extras -c requirements.lock -o requirements-dev.lock pyproject.toml -
	$(TIDY_LOCK) requirements-dev.lock
	rm -f requirements.lock.bak requirements-dev.lock.bak

vendor:
	npm ci --prefix api/pages --ignore-scripts --no-audit --no-fund --omit-lockfile-registry-resolved
	cp api/pages/node_modules/htmx.org/dist/htmx.min.js api/pages/node_modules/htmx.org/LICENSE api/pages/static/vendor/htmx/
	rm -rf api/pages/node_modules

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Amends needs Python 3.11 or newer; '$(PYTHON)' is missing or older. Try: make run PYTHON=/path/to/python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(RUN_READY): requirements.lock pyproject.toml | $(BIN)/python
	@echo 'Installing, once: 1 of 3, PyTorch (this is the long one)'
	$(PIP) $(TORCH) $(TORCH_OPTIONS)
	@echo 'Installing, once: 2 of 3, the other locked packages'
	$(PIP) -r requirements.lock
	@echo 'Installing, once: 3 of 3, Amends itself'
	$(PIP) --no-deps --editable .
	@touch $@

$(TEST_READY): requirements-dev.lock $(RUN_READY)
	@echo 'Installing, once: the test tools'
	$(PIP) -r requirements-dev.lock
	@touch $@
