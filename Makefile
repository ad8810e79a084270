# `make demo` and `make test` set themselves up. All that they write stays in .venv/ and work/.
PYTHON ?= python3
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest --numprocesses 2 --dist loadfile
PYTHONS := 3.11 3.12 3.13
LONGEST_TESTS := tests/integration/test_upgrade.py
REST_OF_TESTS := $(filter-out $(LONGEST_TESTS),$(sort $(wildcard tests/integration/test_*.py)))
export RAY_USAGE_STATS_ENABLED := 0

.PHONY: setup demo test test-long lint format docs reseal bench check-pythons gpu-wheels clean

setup: .venv/.ready

.venv/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt torch==2.13.0
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: setup
	$(BIN)/gristmill run configs/demo.yaml

test: setup
	OMP_NUM_THREADS=1 $(PYTEST) -m "not long" tests/data tests/model tests/pipeline
	$(PYTEST) -m "not long" --no-loadscope-reorder $(LONGEST_TESTS) tests/orchestration $(REST_OF_TESTS)

test-long: setup  # the tests that take long and are not needed on every change
	$(PYTEST) -m long --no-loadscope-reorder tests/integration tests/model tests/orchestration tests/pipeline tests/data tests/gpu

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Run this after a change of code: it writes new seals where the goldens come out as before, and new golden values where a version
# was raised.
reseal: setup
	$(BIN)/python -m tests.seals

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: setup  # what is made from the fields of the recipe: the page for people and the schema for editors
	$(BIN)/gristmill fields --markdown > docs/recipe.md
	$(BIN)/gristmill fields --schema > configs/recipe.schema.json

bench: setup
	$(BIN)/python -m tests.benchmarks

# This asks the index whether every pinned package has a wheel for each of the Pythons, and installs nothing. DeepSpeed has none.
check-pythons: setup
	mkdir -p build
	grep -v '^deepspeed==' constraints.txt > build/wheels.txt
	for version in $(PYTHONS); do \
	  echo "Python $$version"; \
	  $(BIN)/python -m pip install --quiet --dry-run --no-deps --ignore-installed --only-binary=:all: \
	    --python-version $$version --target build/none --requirement build/wheels.txt || exit 1; \
	done

# What tests/gpu/check.sh takes along to a machine with a GPU: at most 64 MB, which the last line sees to.
gpu-wheels: setup
	rm -rf build/gpu-wheels
	$(BIN)/python -m pip download --quiet --no-deps --only-binary=:all: --python-version 3.12 --implementation cp \
	  $(addprefix --platform manylinux,_2_28_x86_64 _2_27_x86_64 _2_17_x86_64 2014_x86_64) \
	  --constraint constraints.txt --dest build/gpu-wheels --requirement tests/gpu/wheels.txt
	DS_BUILD_OPS=0 $(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation \
	  --constraint constraints.txt --wheel-dir build/gpu-wheels deepspeed
	du --total --apparent-size --block-size=1K build/gpu-wheels/*.whl
	test $$(du --summarize --apparent-size --block-size=1M build/gpu-wheels | cut -f 1) -le 64

clean:
	rm -rf .venv work build *.egg-info
