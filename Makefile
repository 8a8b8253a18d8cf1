# Two commands: `make run` and `make test`. Everything they need they install themselves, below this folder.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

PYTHON ?= python3
VENVS ?= .venv
TOOLS := $(VENVS)/tools
# PySpark and Airflow's pyspark-client install over each other: two environments, two locks.
SPARK := $(VENVS)/spark
AIRFLOW := $(VENVS)/airflow
SPARK_LOCK := requirements-spark.txt
AIRFLOW_LOCK := requirements.txt

UV_VERSION := 0.13.9
UV := $(TOOLS)/bin/uv
# The Python that is here is the one to use; hashes come from the locks.
export UV_PYTHON_DOWNLOADS := never
# Compiled once here: where Python may not write bytecode (PYTHONDONTWRITEBYTECODE, a read-only folder), each process
# of Airflow and each Python worker would compile thousands of files at every start.
export UV_COMPILE_BYTECODE := 1
# Drivers and workers should not compile the project's own modules each time either.
unexport PYTHONDONTWRITEBYTECODE
export PYTHONPATH := $(CURDIR)

SPEED ?= 1
COUNT ?= 100

# A target with a name of small letters is a command; files have a path.
.PHONY: $(shell sed -n 's/^\([a-z][a-z-]*\):.*/\1/p' $(MAKEFILE_LIST))

help: ## Show these lines
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-22s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: setup ## Start broker, feeds, Airflow and the jobs; print a URL and a login; Ctrl-C ends it all
	@exec $(SPARK)/bin/python -m playground.run

browser: $(SPARK)/installed
	@$(SPARK)/bin/python -m playground.setup.browser

test: setup browser ## Run every test of both environments
	@$(MAKE) -s -j2 test-dags test-spark

test-spark: ## ... of the jobs and the playground alone, once `make setup` has run
	$(SPARK)/bin/python -m pytest $(IN_PARALLEL) tests --ignore=tests/dags

test-dags: ## ... of the Airflow side alone
	$(AIRFLOW)/bin/python -m pytest -q --confcutdir=tests/dags tests/dags

# Three files at a time (tests/conftest.py): a job that starts or stops leaves a core idle part of the time.
IN_PARALLEL = -n 3 --dist loadfile --no-loadscope-reorder --durations=20

setup: ## Install what is missing: both Python environments, Kafka, Spark's connector, the class archive
	@$(PYTHON) -m playground.setup.java
	@$(MAKE) -s -j3 spark-jars broker-jars $(AIRFLOW)/installed

spark-jars: $(SPARK)/installed
	@$(SPARK)/bin/python -m playground.setup.fetch spark
	@$(SPARK)/bin/python -m playground.setup.class_archive

broker-jars: $(SPARK)/installed
	@$(SPARK)/bin/python -m playground.setup.fetch broker

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1). Install it, or name it: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -m venv $(TOOLS) || { echo "$(PYTHON) cannot make virtual environments. On Debian and Ubuntu: sudo apt-get install python3-venv" >&2; exit 1; }
	@$(TOOLS)/bin/python -m pip install -q uv==$(UV_VERSION)

$(SPARK)/installed: $(SPARK_LOCK) | $(UV)
	@echo "Installing the Spark environment into $(SPARK) ..."
	@$(UV) venv -q --allow-existing --python $(PYTHON) $(SPARK)
	@$(UV) pip sync -q --require-hashes --python $(SPARK) $<
	@touch $@

$(AIRFLOW)/installed: $(AIRFLOW_LOCK) | $(UV)
	@echo "Installing the Airflow environment into $(AIRFLOW) ..."
	@$(UV) venv -q --allow-existing --python $(PYTHON) $(AIRFLOW)
	@$(UV) pip sync -q --require-hashes --python $(AIRFLOW) $<
	@touch $@

broker: setup ## Run Kafka alone, in the foreground, with the four topics
	@exec $(SPARK)/bin/python -m playground.broker

generate: setup ## Send simulated feeds to a running broker (ARGS="--help" lists the options)
	@exec $(SPARK)/bin/python -m playground.generator $(ARGS)

replay: setup ## Send the publishers' own files to a running broker: DATA=<folder or files> SPEED=<factor|max>
	@[ -n "$(DATA)" ] || { echo "Say which files: make replay DATA=<folder or files> SPEED=<factor|max>" >&2; exit 2; }
	@exec $(SPARK)/bin/python -m playground.replay $(DATA) --speed $(SPEED) $(ARGS)

ingestion: setup ## Run the ingestion job by hand, without Airflow
	@exec $(SPARK)/bin/python -m playground.run.job ingestion

analytics: setup ## Run the analytics job by hand, without Airflow; it follows what ingestion wrote
	@exec $(SPARK)/bin/python -m playground.run.job analytics

reprocess: setup ## Start a feed over, asking first: FEED=<name|all>
	@[ -n "$(FEED)" ] || { echo "Say which feed: make reprocess FEED=<bike_trips|taxi_trips|weather_data|accidents|all>" >&2; exit 2; }
	@exec $(SPARK)/bin/python -m playground.run.job reprocess $(FEED)

compose-secrets: ## Write the secrets that docker-compose.yaml needs into .env, where they are missing
	@$(PYTHON) -m playground.setup.compose_secrets

memory: setup ## Print the memory (PSS) of each part of a running playground
	@$(SPARK)/bin/python -m playground.run.memory

lint: setup ## Check style and types, both environments
	$(SPARK)/bin/ruff check .
	$(SPARK)/bin/ruff format --check .
	@$(MAKE) types

types:
	$(SPARK)/bin/mypy $(SPARK_SOURCES)
	$(SPARK)/bin/mypy $(AIRFLOW_TYPES) $(AIRFLOW_SOURCES)

# What imports Airflow is checked against the Airflow environment, everything else against Spark's.
SPARK_SOURCES = spark_jobs playground bench data_dictionary docker $(filter-out tests/dags,$(patsubst %/,%,$(filter-out tests/__pycache__/,$(wildcard tests/*/)))) $(wildcard tests/*.py)
AIRFLOW_SOURCES = dags plugins tests/dags
AIRFLOW_TYPES = --python-executable $(AIRFLOW)/bin/python --cache-dir .mypy_cache/airflow

screenshots: setup browser ## Take the pictures in docs/images from a running playground
	$(SPARK)/bin/python -m tests.page.screenshots

dictionary: setup ## Write docs/data again from the declarations in code and docs/data/meanings
	$(SPARK)/bin/python -m data_dictionary

format: setup ## Format every file
	$(SPARK)/bin/ruff check --fix .
	$(SPARK)/bin/ruff format .

hooks: setup ## Run the linters before every commit from now on
	$(SPARK)/bin/pre-commit install

lock: $(UV) ## Refresh both locks from requirements/*.in
	$(UV) $(COMPILE) requirements/airflow.in -o requirements.txt
	$(UV) $(COMPILE) requirements/spark.in -o requirements-spark.txt
	@$(MAKE) lock-runtime

# Without tests and linters, for docker/Dockerfile: what the locks above have, and no other version of it.
lock-runtime: $(UV)
	$(UV) $(COMPILE) requirements/airflow-runtime.in -c requirements.txt -o requirements/airflow-runtime.txt
	$(UV) $(COMPILE) requirements/spark-runtime.in -c requirements-spark.txt -o requirements/spark-runtime.txt

COMPILE = pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --custom-compile-command "make lock"

kill-matrix: setup ## Kill the real job at every step and at random moments, and compare: COUNT=100
	$(SPARK)/bin/python -m tests.flow.kill_matrix --count $(COUNT) $(ARGS)

kill-matrix-analytics: setup ## The same for the analytics job; COUNT=20 for fewer than 100
	$(SPARK)/bin/python -m tests.flow.analytics_killings --count $(COUNT) $(ARGS)

real-data: setup ## The publishers' own files through both jobs, compared with the files: DATA=folder
	$(SPARK)/bin/python -m tests.flow.real_data $(DATA) $(ARGS)

chaos: setup ## Inject faults into a running playground, and count lost and doubled messages (needs root)
	$(SPARK)/bin/python -m tests.chaos $(ARGS)

kill-times: setup ## Measure how soon the watch has a killed job at work again; COUNT=20 for fewer than 100 (needs root)
	$(SPARK)/bin/python -m tests.chaos.kill_times --count $(COUNT) $(ARGS)

soak: setup ## Run an hour under load with a fault every 5 minutes, and report leaks (needs root)
	$(SPARK)/bin/python -m tests.chaos.soak $(ARGS)

compose-test: setup ## Run docker-compose.yaml on podman, and kill a container of each kind (root, Debian or Ubuntu)
	$(SPARK)/bin/python -m tests.containers $(ARGS)

bench-ingest: setup ## Our ingestion, Spark's file sink and DuckDB on 1, 3 and 6 million events, or ARGS="--events N N N"
	$(SPARK)/bin/python -m bench.ingest $(ARGS)

bench-layouts: setup ## What an event costs ingestion in each layout and envelope, or ARGS="--events N"
	$(SPARK)/bin/python -m bench.layouts $(ARGS)

bench-analytics: setup ## Our analytics against nine plain streaming queries, and both chains from Kafka
	$(SPARK)/bin/python -m bench.analytics $(ARGS)

bench-page: setup ## What the Streams page costs the API server, with a year of outputs
	$(SPARK)/bin/python -m bench.page $(ARGS)

bench-analytics-age: setup ## The analytics job under a trickle, on 30 and on 365 days of rollup and outputs
	$(SPARK)/bin/python -m bench.analytics_age $(ARGS)

bench-catch-up: setup ## Measure what a weekend off costs the analytics job, and a week off an analytic
	$(SPARK)/bin/python -m bench.catch_up $(ARGS)

bench-calm: setup ## Both jobs when idle and under a trickle: cost, freshness, number of files
	$(SPARK)/bin/python -m bench.calm $(ARGS)

bench-compaction: setup ## Compact 10 hours of 360 files in a live job, under a reader; writes RELIABILITY.md
	$(SPARK)/bin/python -m bench.compaction --record $(ARGS)

clean: ## End a running playground and remove what it wrote (environments and jars are kept)
	@[ ! -x $(SPARK)/bin/python ] || $(SPARK)/bin/python -m playground.run.clean
	@rm -rf .pytest_cache .mypy_cache .ruff_cache spark-warehouse derby.log metastore_db

distclean: clean ## ... and the environments and jars too
	@rm -rf .playground $(VENVS)
