# The words of this project. `make` alone explains them.
PYTHON ?= python3
BIN := .venv/bin
# Most of the time of integration tests is waiting: for sessions to end, for timers to come due.
SIDE_BY_SIDE ?= 5

.DEFAULT_GOAL := help

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

demo: .venv/.runtime ## run the main job on a shop's events, with a broker of its own
	$(BIN)/journeystream demo

check: .venv/.dev ## lint, format, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: .venv/.dev ## all tests, against the best broker that can be found
	$(BIN)/python -m pytest -n $(SIDE_BY_SIDE) --dist loadfile --no-loadscope-reorder

torture: .venv/.dev ## kill, freeze and starve workers under load; compares with the oracle
	$(BIN)/python -m tests.torture

simulate: .venv/.dev ## thousands of seeded histories on a simulated cluster
	$(BIN)/python -m tests.simulation --seeds 5000
	$(BIN)/python -m tests.simulation --seeds 2500 --repeats
	$(BIN)/python -m tests.simulation --seeds 2500 --aliases

fuzz: .venv/.fuzz ## guided fuzzing of all that reads input: make fuzz FOR=60 TARGETS="events"
	$(BIN)/python -m tests.fuzz --seconds $(or $(FOR),180) $(TARGETS)

bench: .venv/.dev ## measure everything in full, beside rivals; writes docs/performance.md
	$(BIN)/python -m bench

format: .venv/.dev ## put the code into form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

schemas: .venv/.dev ## write schemas/ anew from the code
	$(BIN)/journeystream schemas schemas

metrics: .venv/.dev ## write docs/metrics.md anew from the code
	$(BIN)/python -m tests.metrics_page

wheel: .venv/.dev ## build the wheel into dist/
	$(BIN)/pip wheel --quiet --no-deps --wheel-dir dist .

lock: ## resolve the dependencies anew (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links -o requirements.lock pyproject.toml
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --extra dev -c requirements.lock \
	  -o requirements-dev.lock pyproject.toml
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --extra fuzz -c requirements-dev.lock \
	  -o requirements-fuzz.lock pyproject.toml

clean: ## remove what was made
	rm -rf .venv build dist journeystream-demo *.egg-info .mypy_cache .pytest_cache .ruff_cache

.venv/.runtime: pyproject.toml requirements.lock
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

.venv/.dev: .venv/.runtime requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

.venv/.fuzz: .venv/.dev requirements-fuzz.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-fuzz.lock
	@touch $@

.PHONY: help demo check test torture simulate fuzz bench format schemas metrics wheel lock clean
