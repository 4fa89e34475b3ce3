PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
# One thread per process: the tests run in two processes and their matrices are small.
export OMP_NUM_THREADS = 1

.PHONY: setup demo test check format format-check lint types floors bench clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: setup
	$(BIN)/sharewise demo

test: setup
	$(BIN)/python -m pytest -n 2

check: format-check lint types floors test

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

format-check: setup
	$(BIN)/ruff format --check .

lint: setup
	$(BIN)/ruff check .

types: setup
	$(BIN)/mypy

floors: setup
	$(BIN)/lint-imports

bench: setup
	@set -e; for file in $(wildcard benchmarks/[a-z]*.py); do $(BIN)/python $$file --json; done

clean:
	rm -rf .venv runs dist build .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
