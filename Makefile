# Every target makes .venv and installs what it needs if it is not there, except help, gpu-check and clean.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := $(BIN)/resnet-repro
SUITES := quick tenth tenth-nobn classifier construction diagnosis batchnorm
TIME_LIMIT ?= 8h
GPU_SECONDS ?= 130
GPU_OUTPUT ?= results/bench

.PHONY: demo reproduce test coverage browser-test cluster-test lint setup docs figures statistics lesson lesson-test bench gpu-check stress clean help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: setup ## the main job: train four small nets in a few minutes, draw the figures, print the table
	$(RUN) demo

test: setup ## every test, in parallel, offline
	$(BIN)/pytest -n auto --dist worksteal

coverage: setup ## the tests again, counting the lines and branches of the package that they run
	$(BIN)/pytest -n auto --dist worksteal --cov --cov-report=term:skip-covered

browser-test: setup ## the report in a headless Chromium or Chrome; as root on Debian it is installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,browser]'
	@{ command -v chromium || command -v chromium-browser || command -v google-chrome; } >/dev/null || { [ "$$(id -u)" = 0 ] && apt-get install -y -q chromium; } || \
		{ echo "Chromium is needed; on Debian: sudo apt-get install chromium" >&2; exit 1; }
	$(BIN)/pytest tests/browser

cluster-test: setup ## --on ray on a real cluster of two nodes, on this machine (Linux), without a network: two minutes
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,cluster]'
	unshare --user --map-root-user --net --mount sh -c 'ip link set lo up && exec $(BIN)/pytest -n 0 tests/launch/test_cluster_ray.py'

lint: setup ## format, rules, types, import layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --platform win32 --cache-dir .mypy_cache/win32 resnet_repro & $(BIN)/mypy && wait $$!
	$(BIN)/lint-imports --no-logo

reproduce: setup ## train what is missing of the reproduction within TIME_LIMIT, then figures, claims and report; call again to go on
	$(RUN) data fetch
	$(RUN) reproduce --time-limit $(TIME_LIMIT) || [ $$? -eq 130 ] # 130: time was up
	$(RUN) plot results
	$(RUN) claims results
	$(RUN) report results

figures: setup ## draw the figures of the committed results anew, as PNG, and write their verdicts and page
	for suite in $(SUITES); do $(RUN) plot results/$$suite --format png || exit; done
	$(RUN) plot results/batchnorm --figure percentile-drift --format png --output results/batchnorm/figures \
		--nets 'batchnorm/plain8-*,batchnorm/*20-bn,batchnorm/*20-he'
	$(RUN) plot results/batchnorm --figure gradient-norms --format png --output results/batchnorm/figures \
		--nets 'batchnorm/plain20-sigmoid,batchnorm/plain20-gaussian,batchnorm/plain20-he,batchnorm/plain20-*bn,batchnorm/resnet110-bn'
	$(RUN) plot results/classifier results/tenth --figure classifier --format png --output results/classifier/figures
	$(RUN) claims results --markdown > results/claims.md
	$(RUN) report results

docs: setup ## write the pages that come from the code: commands, spec, schema, units.svg
	$(BIN)/python docs/generate.py

statistics: setup ## simulate the intervals and verdicts anew and write the table of docs/statistics.md: two minutes
	$(BIN)/python docs/simulate.py

lesson: setup ## give the lesson: run the teacher's notebook anew, and write the students' one: ten minutes
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,lesson]'
	rm -rf lessons/results
	cd lessons && ../$(BIN)/python -m nbconvert --to notebook --execute --inplace --ExecutePreprocessor.record_timing=False degradation-teacher.ipynb
	$(BIN)/python lessons/students.py

lesson-test: setup ## every cell of the lesson, with short trainings on the stand-in data: two minutes
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,lesson]'
	$(BIN)/pytest tests/test_lesson.py

bench: setup ## measure the speed of training on this machine into results/bench, on a quiet machine
	$(RUN) bench --output results/bench
	$(RUN) bench --scaling --output results/bench

gpu-check: ## is training right on this GPU, and how fast: in GPU_SECONDS, into GPU_OUTPUT; installs nothing
	$(or $(wildcard $(BIN)/python),$(PYTHON)) -m resnet_repro bench --gpu-check --seconds $(GPU_SECONDS) --output $(GPU_OUTPUT)

stress: setup ## kill trainings at random moments, resume them, compare the bits: about 20 minutes on two CPU cores
	PYTHONPATH=tests $(BIN)/python tests/stress/stress.py
	PYTHONPATH=tests $(BIN)/python tests/stress/stress.py --ranks 2

setup: $(VENV)/.installed ## make .venv and install the project into it

$(VENV)/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11, 4))' || \
		{ echo "Python 3.11.4 or newer is needed; name one with: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

clean: ## remove .venv, caches and demo results; data and results stay
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	rm -rf results/demo
	find resnet_repro tests -name __pycache__ -type d -prune -exec rm -rf {} +
