# One verb per chore. `make` alone prints this menu.
.DEFAULT_GOAL := menu
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Editable installs and locks must not depend on what is set outside of this folder.
export PYTHONNOUSERSITE := 1
export TOKENARENA_HOME ?= $(CURDIR)/arena
export DAGSTER_DISABLE_TELEMETRY := yes
unexport VIRTUAL_ENV
unexport PYTHONPATH
# Where set, each start compiles its imports again: seconds a command, minutes of the tests.
unexport PYTHONDONTWRITEBYTECODE
UV := $(BIN)/uv
# The system's certificates where it has them: a company's own authority stands there.
export UV_SYSTEM_CERTS := $(if $(wildcard /etc/ssl/certs/ca-certificates.crt),1,0)
# uv takes seconds where pip takes a minute; pip knows mirrors that only its own configuration names.
INSTALL = install() { VIRTUAL_ENV=$(CURDIR)/$(VENV) $(UV) pip install -q "$$@" || \
	{ echo "uv could not install; trying pip" >&2; $(BIN)/python -m pip install -q --disable-pip-version-check "$$@"; }; }; install

# reasoning-gym asks for an older tabulate than Dagster does and works with either, so its lock is installed as it stands.
GENERATORS = $(INSTALL) --no-deps --require-hashes -r requirements-generators.lock

# Not the module that others use, nor what runs for half an hour: soak.py and crash.py by themselves.
BENCHES := $(filter-out benchmarks/synthetic.py benchmarks/soak.py benchmarks/crash.py,$(wildcard benchmarks/*.py))

.PHONY: menu setup generators cluster cluster-test test-extra demo ui test lint bench fuzz audit secrets lock clean train
menu:  ## print this menu
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(VENV)/.run-stamp  ## make .venv from the pinned, hash-checked lock

generators: $(VENV)/.run-stamp  ## add the math items of real models (needs a C compiler)
	@$(GENERATORS)

cluster:  ## make .venv-cluster for several machines: Celery, PostgreSQL, DuckLake (DuckDB 1.5.5)
	@$(MAKE) --no-print-directory VENV=.venv-cluster .venv-cluster/.cluster-stamp

demo: $(VENV)/.run-stamp  ## probe the embedded fleet, materialize today, print the leaderboards
	@$(BIN)/tokenarena demo

ui: $(VENV)/.run-stamp  ## the Dagster UI on http://127.0.0.1:3000
	@mkdir -p $(TOKENARENA_HOME)
	@$(BIN)/python -c "from tokenarena_assets.defs.instance import prepare_instance as p; from tokenarena_assets.storage.home import Home; p(Home.from_environment())"
	@PATH="$(CURDIR)/$(BIN):$$PATH" DAGSTER_HOME=$(TOKENARENA_HOME)/dagster $(BIN)/dagster dev -w workspace.yaml -h 127.0.0.1 -p 3000

test: $(VENV)/.dev-stamp  ## run the tests
	@$(BIN)/pytest -n 2 --dist loadfile

cluster-test:  ## a day over two hosts with a network between them, and faults (FAULTS=no: the day alone)
	@$(MAKE) --no-print-directory cluster
	@.venv-cluster/bin/python -m tokenarena_assets_tests.cluster $(if $(filter no,$(FAULTS)),--no-faults)

test-extra:  ## run the tests that need .venv-cluster: tables on DuckLake, Celery
	@$(MAKE) --no-print-directory cluster
	@.venv-cluster/bin/pytest -n 2 --dist loadfile $(addprefix tokenarena_assets_tests/,storage/test_ducklake.py cluster)

lint: $(VENV)/.dev-stamp  ## ruff, mypy and sqlfluff
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/sqlfluff lint -q dbt_like_sql

bench: $(VENV)/.dev-stamp  ## what is timed, against a limit in the same run
	@for file in $(BENCHES); do echo "== $$file"; $(BIN)/python $$file; done

fuzz: $(VENV)/.dev-stamp  ## fuzz what reads bytes from outside: make fuzz SECONDS_EACH=180
	@$(INSTALL) --require-hashes -r requirements-fuzz.lock --target $(VENV)/fuzz
	@PYTHONPATH=$(VENV)/fuzz $(BIN)/python -m benchmarks.fuzz --seconds $(or $(SECONDS_EACH),60)

audit: $(VENV)/.dev-stamp  ## known vulnerabilities of what the locks name, and their licences
	@$(BIN)/python scripts/audit.py
	@$(BIN)/python scripts/licences.py --check

secrets: $(VENV)/.dev-stamp  ## look for keys in every file of every commit and in TOKENARENA_HOME
	@$(BIN)/python scripts/find_secrets.py

lock: $(VENV)/.dev-stamp  ## renew the locks from pyproject.toml
	@$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --upgrade pyproject.toml -o requirements.lock
	@$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --upgrade --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock
	@# Everything of the cluster has the version that it has here, DuckDB aside.
	@sed '/^duckdb==/,/[^\\]$$/d' requirements-dev.lock > $(VENV)/not-duckdb.txt
	@$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --upgrade --extra cluster --extra cluster-dev --extra dev -c $(VENV)/not-duckdb.txt pyproject.toml -o requirements-cluster.lock
	@$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --upgrade requirements-fuzz.txt -o requirements-fuzz.lock
	@$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --upgrade --override requirements-generators-override.txt -c requirements-dev.lock requirements-generators.txt -o requirements-generators.lock

train:  ## make the embedded weights anew (about two hours on 2 cores)
	@bash tokenarena_assets/fleet/training/run_all.sh

clean:  ## remove what was made here, evidence and tables excepted
	rm -rf $(VENV) .venv-cluster build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis

# uv itself comes from a lock, with its hashes.
$(UV):
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v <= (3, 13) else "Python 3.11 to 3.13 is needed, %s is %d.%d: make PYTHON=python3.12" % (sys.executable, *v))'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-bootstrap.lock

$(VENV)/.run-stamp: requirements.lock pyproject.toml | $(UV)
	@if [ ! -e $(VENV)/.dev-stamp ]; then $(INSTALL) --require-hashes -r requirements.lock; fi
	@$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev-stamp: requirements-dev.lock requirements-generators.lock pyproject.toml | $(UV)
	@$(INSTALL) --require-hashes -r requirements-dev.lock
	@$(GENERATORS)
	@$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.run-stamp

# A venv of its own, by the recursive call: its uv and its DuckDB are not those of .venv.
$(VENV)/.cluster-stamp: requirements-cluster.lock requirements-generators.lock pyproject.toml | $(UV)
	@# Compiled here: services run as a user who cannot write beside the code, and each start would compile it again.
	@export UV_COMPILE_BYTECODE=1; $(INSTALL) --require-hashes -r requirements-cluster.lock
	@$(GENERATORS)
	@$(INSTALL) --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q tokenarena_assets
	@touch $@
