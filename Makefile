# The commands of this project. `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo up test chaos chaos-seeds lint format screenshots bench lock

RUN := .venv/bin/python
MANAGE := $(RUN) manage.py
PROCESSES ?= 4
SEEDS ?= 50
CHAOS := -q -p tests.chaos.log -p no:randomly -n 3 --maxschedchunk 1 -o tmp_path_retention_policy=failed

help:  ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 13

# The stamps are as old as the last time that a locked file was installed whole.
.venv/.installed: requirements.lock .ci/venv
	@.ci/venv requirements.lock
	@touch $@

.venv/.installed-dev: requirements-dev.lock .ci/venv
	@.ci/venv requirements-dev.lock
	@touch $@

setup: .venv/.installed  ## Make .venv with what the app needs

setup-dev: .venv/.installed .venv/.installed-dev  ## … and with what its tests and checks need

demo: setup  ## Show it at work: a team, a warehouse, two syncs, and the pages until Ctrl-C
	@$(MANAGE) demo

up: setup  ## Migrate, then run web and workers until Ctrl-C
	@$(MANAGE) migrate --verbosity 0
	@$(MANAGE) up

test: setup-dev  ## Run the tests, on SQLite and on PostgreSQL
	$(RUN) -m pytest -q -n $(PROCESSES) --dist worksteal
	TEST_DATABASE=postgres $(RUN) -m pytest -q -n $(PROCESSES) --dist worksteal --only-database

chaos: setup-dev  ## Break a small world for each of SEEDS=50 (or SEEDS=120-149), and large ones once; to var/chaos.log
	CHAOS_SEEDS=$(SEEDS) $(RUN) -m pytest tests/chaos $(CHAOS)

chaos-seeds: setup-dev  ## … the small worlds alone: SEEDS=500 take an hour or two on two idle cores
	CHAOS_SEEDS=$(SEEDS) $(RUN) -m pytest tests/chaos/test_seeds.py $(CHAOS)

lint: setup-dev  ## Check style, types, layers, migrations and production settings
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	.venv/bin/lint-imports --no-cache
	@dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && export ENV_FILE= DATA_DIR="$$dir" && \
	echo "manage.py makemigrations --check" && $(MANAGE) makemigrations --check --dry-run && \
	echo "manage.py check --deploy" && \
	DEBUG=0 ALLOWED_HOSTS=syncadmin.example.com \
	SECRET_KEY="$$($(RUN) -c 'import secrets; print(secrets.token_urlsafe(50))')" \
	ENCRYPTION_KEYS="$$($(RUN) -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())')" \
	$(MANAGE) check --deploy --fail-level WARNING

format: setup-dev  ## Put the code into its form
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

screenshots: setup-dev  ## Take the screenshots of the README anew (needs Chromium or Chrome)
	@mkdir -p .github/screenshots
	CI=true $(RUN) -m pytest -q tests/journeys/screenshots.py

bench: setup-dev  ## Measure mapping, planning and delivery; prints tables
	$(RUN) -m tests.benchmarks.mapping
	$(RUN) -m tests.benchmarks

UV := $(shell command -v uv)
LOCK := uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-header pyproject.toml

lock:  ## Lock the dependencies anew, with their hashes (needs uv)
	@test -n "$(UV)" || { echo "uv is needed: pip install uv"; exit 1; }
	$(LOCK) -o requirements.lock
	$(LOCK) --group dev -c requirements.lock -o requirements-dev.lock
