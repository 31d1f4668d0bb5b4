# Two commands of a fresh checkout: `make demo` runs the main job, `make test` passes the tests.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
JOBS ?= auto

.PHONY: demo test spark lint schema build clean

demo: $(VENV)/run.done ## scan the evidence that ships with the package
	$(BIN)/entdrift demo --output demo-report

test: $(VENV)/test.done ## the whole test suite
	$(BIN)/pytest -n $(JOBS)

spark: $(VENV)/test.done ## the tests that start Spark (Java 17, 450 MB to download); not part of `make test`
	$(BIN)/pip install --quiet --group spark
	ENTDRIFT_SPARK=1 $(BIN)/pytest tests/connectors/aws/logs/test_spark.py tests/connectors/gcp/logs/test_spark.py tests/connectors/azure/logs/test_spark.py

lint: $(VENV)/test.done ## style, types, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

build: $(VENV)/test.done ## wheel and source archive in dist/
	rm -rf dist
	$(BIN)/python -m build --outdir dist .

$(VENV)/pip.done:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade 'pip>=25.1'
	touch $@

$(VENV)/run.done: $(VENV)/pip.done pyproject.toml
	$(BIN)/pip install --quiet --editable .
	touch $@

$(VENV)/test.done: $(VENV)/run.done pyproject.toml
	$(BIN)/pip install --quiet --group test --group browser --group lint --group build
	touch $@

clean:
	rm -rf $(VENV) dist build *.egg-info demo-report
