# make demo   everything on this machine; prints the dashboard's address
# make test   all checks and tests, with real servers, brokers and a real browser
# make unit   the tests alone
# make check  the checks alone: format, lint, types, imports, links of the documents
# make docs   the documents as a site, in build/site
# make bench  every benchmark, quickly
# make lock   resolve the dependencies again
# make clean  remove what the others made
# PYTHON=…     the interpreter; without it tools/python.sh chooses one
PYTHON ?=
VENV ?= .venv
BIN := $(VENV)/bin
WORKERS ?= 4
# Without compiled files every process of a test compiles all modules again.
unexport PYTHONDONTWRITEBYTECODE
BENCHES := idle_camera busy_cameras replay accuracy outbox ingest

.PHONY: demo test programs unit collected check docs bench lock clean models

$(BIN)/paifang: requirements.lock requirements-dev.lock pyproject.toml
	PYTHON="$(PYTHON)" sh tools/venv.sh "$(VENV)"

models: $(BIN)/paifang
	$(BIN)/paifang --log-level warning models fetch

demo: models
	$(BIN)/paifang --log-level warning demo

check: $(BIN)/paifang
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/mypy tests/e2e/conftest.py
	$(BIN)/hadolint Dockerfile.edge
	$(MAKE) docs

docs: $(BIN)/paifang
	$(BIN)/mkdocs --quiet build --strict --clean

test:
	@PYTHON="$(PYTHON)" sh tools/python.sh > /dev/null # may install a package, as `programs` does
	$(MAKE) --jobs=4 programs check unit

# Installed while the virtual environment is made.
programs:
	sh tools/system.sh

# One process compiles the tests for those that run them, while models are fetched; the tests say what is wrong.
collected: $(BIN)/paifang
	-@$(BIN)/python -m pytest --collect-only -qqq > /dev/null 2>&1

unit: models collected programs
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --durations=15

bench: models
	for name in $(BENCHES); do $(BIN)/python -m benchmarks $$name --quick || exit 1; done

lock: $(BIN)/paifang
	sh tools/lock.sh "$(BIN)"

clean:
	rm -rf $(VENV) var data dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
