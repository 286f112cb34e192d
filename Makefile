# `make` alone lists what can be done.
#
# Only make and Python 3.11, 3.12 or 3.13 are needed. The rest is installed into .venv from
# requirements.lock, whose hashes are checked, through the package index that uv or pip is set to use.

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
VALIDATOR := .venv-903
SERVERS := .venv-servers
SPARK := .venv-spark
PYTHONS := python3 python3.13 python3.12 python3.11

# No library may report to its makers; uv takes the Python that is here and the system's certificates.
export DO_NOT_TRACK := 1
export GX_ANALYTICS_ENABLED := false
export UV_PYTHON_DOWNLOADS := never
export UV_SYSTEM_CERTS := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo up down test faults parity spark lint lock bench clean

help: ## list what can be done
	@echo 'make demo starts here: a made-up borough, from its files to the linked care dataset.'
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-6s %s\n", $$1, $$2 }' Makefile

demo: $(INSTALLED) ## simulate a borough, run the whole pipeline on it and show what came out
	@$(BIN)/cares demo

up: $(INSTALLED) ## start Airflow and the warehouse, and leave them running
	@$(BIN)/cares airflow up

down: ## stop what `make up` started
	@if [ -e $(INSTALLED) ]; then $(BIN)/cares airflow down; fi

test: $(INSTALLED) $(SERVERS)/installed ## run all tests (browser tests need Chromium, and are skipped without)
	@$(BIN)/python -m pytest --numprocesses 3 --no-loadscope-reorder

faults: $(INSTALLED) $(SERVERS)/installed ## put every fault on the list through the pipeline, and show what was expected and seen
	@$(BIN)/python -m pytest --override-ini addopts='--import-mode=importlib --strict-markers -ra' tests/faults

parity: $(INSTALLED) $(VALIDATOR)/installed ## compare our SSDA903 rules with the public validator's (needs Python 3.11; minutes)
	@$(BIN)/python -m pytest --override-ini addopts='--import-mode=importlib --strict-markers -ra' tests/parity

spark: $(INSTALLED) $(SPARK)/installed ## weigh the same pairs with Splink on Spark (needs Java; minutes)
	@$(BIN)/python -m pytest --override-ini addopts='--import-mode=importlib --strict-markers -ra' tests/spark

lint: $(INSTALLED) ## check style, types, who imports whom, and docker-compose.yml
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml

bench: $(INSTALLED) ## measure loading and checking against plain PostgreSQL (minutes)
	@$(BIN)/python -m pytest --override-ini addopts='--import-mode=importlib -s' tests/benchmarks

lock: $(INSTALLED) ## choose the newest allowed version of every package again
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --all-extras --upgrade \
		--no-emit-index-url --no-annotate --no-header --quiet --output-file requirements.lock pyproject.toml
	$(BIN)/uv pip compile --python-version 3.11 --generate-hashes --upgrade \
		--no-emit-index-url --no-annotate --no-header --quiet --output-file tests/parity/requirements.lock tests/parity/requirements.in
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --upgrade \
		--no-emit-index-url --no-annotate --no-header --quiet --output-file tests/transports/requirements.lock tests/transports/requirements.in
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --upgrade \
		--no-emit-index-url --no-annotate --no-header --quiet --output-file tests/spark/requirements.lock tests/spark/requirements.in

clean: down ## stop everything, remove the environment and caches; var/ with your data stays
	@if [ -e $(INSTALLED) ]; then $(BIN)/cares warehouse stop; fi
	rm -rf $(VENV) $(VALIDATOR) $(SERVERS) $(SPARK) .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache dbt_project/target dbt_project/logs
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	rm -rf plugins/*.egg-info

# An environment cannot be moved: one that was installed somewhere else is installed again.
ifneq ($(shell cat $(INSTALLED) 2>/dev/null),$(CURDIR))
.PHONY: $(INSTALLED)
endif

# uv fetches and unpacks in parallel. Its cache goes into our environment where the home folder
# cannot be written, and is copied from, not linked, where it lies on another file system.
WITH_CACHE = cache="$${UV_CACHE_DIR:-$${XDG_CACHE_HOME:-$${HOME:-/nonexistent}/.cache}/uv}"; \
	if ! mkdir -p "$$cache" 2>/dev/null || ! [ -w "$$cache" ]; then cache=$(VENV)/cache; mkdir -p "$$cache"; fi; \
	export UV_CACHE_DIR="$$cache"; \
	if [ "$$(df -P "$$cache" | tail -n 1)" != "$$(df -P $(VENV) | tail -n 1)" ]; then export UV_LINK_MODE="$${UV_LINK_MODE:-copy}"; fi

# pip takes over where uv does not reach a package index, because many mirrors are set for pip only.
$(INSTALLED): requirements.lock pyproject.toml
	@rm -f $@
	@if ! [ "$$($(BIN)/python -c 'import os, pip, sys; print(os.path.realpath(sys.prefix))' 2>/dev/null)" = "$$(pwd -P)/$(VENV)" ]; then \
		for python in $(PYTHONS) none; do \
			"$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && break; \
		done; \
		if [ "$$python" = none ]; then \
			echo "Python 3.11, 3.12 or 3.13 is needed, and none of these is one: $(PYTHONS)." >&2; \
			echo "If it is elsewhere: make PYTHONS=/path/to/python3.12" >&2; exit 1; \
		fi; \
		if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
			echo "$$($$python --version) cannot make environments here: its modules venv and ensurepip are missing." >&2; \
			echo "On Debian and Ubuntu they come with: apt-get install python3-venv" >&2; exit 1; \
		fi; \
		echo "1/3 Making an environment in $(VENV) with $$($$python --version)"; \
		"$$python" -m venv --clear $(VENV) || exit 1; \
	fi
	@echo "2/3 Installing the installer (uv)"
	@awk '/^uv==/ { found = 1 } found { print } found && !/\\$$/ { exit }' requirements.lock > $(VENV)/uv.txt
	@$(BIN)/python -m pip install --quiet --no-cache-dir --no-deps --require-hashes -r $(VENV)/uv.txt
	@echo "3/3 Installing the packages of requirements.lock, about 1 GB: a minute or two the first time"
	@$(WITH_CACHE); \
	if ! $(BIN)/uv pip sync --python $(BIN)/python --require-hashes --compile-bytecode requirements.lock; then \
		echo "uv could not; trying with pip, which takes longer" >&2; \
		$(BIN)/python -m pip install --no-deps --require-hashes -r requirements.lock || exit 1; \
	fi; \
	$(BIN)/uv pip install --python $(BIN)/python --quiet --offline --no-deps --no-build-isolation --editable .
	@printf '%s' '$(CURDIR)' > $@

# The validator needs libraries that are older than ours, so it has an environment of its own.
$(VALIDATOR)/installed: tests/parity/requirements.lock | $(INSTALLED)
	@$(WITH_CACHE); \
	$(BIN)/uv venv --quiet --clear --python 3.11 $(VALIDATOR) && \
	{ $(BIN)/uv pip sync --quiet --python $(VALIDATOR)/bin/python --require-hashes tests/parity/requirements.lock || \
		$(BIN)/python -m pip --python $(VALIDATOR)/bin/python install --quiet --no-deps --require-hashes -r tests/parity/requirements.lock; }
	@touch $@

# The servers with which transports are tested pin libraries that are older than ours, too.
$(SERVERS)/installed: tests/transports/requirements.lock | $(INSTALLED)
	@$(WITH_CACHE); \
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(SERVERS) && \
	{ $(BIN)/uv pip sync --quiet --python $(SERVERS)/bin/python --require-hashes tests/transports/requirements.lock || \
		$(BIN)/python -m pip --python $(SERVERS)/bin/python install --quiet --no-deps --require-hashes -r tests/transports/requirements.lock; }
	@touch $@

# PySpark alone is half as large as all that the project needs, and only one test asks for it.
$(SPARK)/installed: tests/spark/requirements.lock | $(INSTALLED)
	@$(WITH_CACHE); \
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(SPARK) && \
	{ $(BIN)/uv pip sync --quiet --python $(SPARK)/bin/python --require-hashes tests/spark/requirements.lock || \
		$(BIN)/python -m pip --python $(SPARK)/bin/python install --quiet --no-deps --require-hashes -r tests/spark/requirements.lock; }
	@touch $@
