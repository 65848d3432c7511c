# What one does with this repository. `make` alone lists it.
#
# Everything is installed into the clone, from the hashed lists in requirements/. The stamp's name holds their
# checksum, so an installation is redone when they change and costs nothing when they do not.

ARGS ?=
UV ?= uv
VENV := .venv
BENCH_VENV := .venv-bench
DOCS_VENV := .venv-docs
BIN := $(VENV)/bin
checksum = $(shell { cat $(1) pyproject.toml 2>/dev/null; pwd; } | cksum | cut -d' ' -f1)
INSTALLED := $(VENV)/.installed-$(call checksum,requirements/dev.lock)
BENCH_INSTALLED := $(BENCH_VENV)/.installed-$(call checksum,requirements/bench.lock)
DOCS_INSTALLED := $(DOCS_VENV)/.installed-$(call checksum,requirements/docs.lock)
MIGRATIONS := src/waypost/storage/migrations

# The first interpreter that is new enough; `make PYTHON=/path/to/python3 install` chooses another.
PYTHON ?= $(firstword $(foreach name,python3 python3.14 python3.13 python3.12 python3.11,$(shell \
  $(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $(name))))

.PHONY: help install demo test check fix docs bench lock clean

help:  ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 16

install: $(INSTALLED)  ## install Waypost and its tools into .venv
	@echo "Waypost is installed: $(BIN)/waypost"

demo: $(INSTALLED)  ## pull a simulated console; the data stays in .waypost
	@WAYPOST_HOME="$(CURDIR)/.waypost" $(BIN)/waypost demo $(ARGS)

test: $(INSTALLED)  ## run all tests, or those in ARGS
	@$(BIN)/python -m pytest $(ARGS)

check: $(INSTALLED)  ## lint, format, types, layers, migrations, links, generated documentation, the API's contract
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --check --quiet
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/squawk $(MIGRATIONS)/*.sql
	$(BIN)/python tools/links.py
	$(BIN)/python tools/reference.py --check
	$(BIN)/python -W ignore tools/contract.py

fix: $(INSTALLED)  ## mend what can be mended: lint, format, generated documentation
	$(BIN)/ruff check --fix --quiet
	$(BIN)/ruff format --quiet
	$(BIN)/python tools/reference.py

docs: $(DOCS_INSTALLED)  ## build the documentation as a site, in build/site; a dead link or a warning fails
	@$(DOCS_VENV)/bin/python -W error tools/website.py

bench: $(BENCH_INSTALLED)  ## measure against the targets, or run those in ARGS
	@$(BENCH_VENV)/bin/python benchmarks/run.py $(ARGS)

lock:  ## compile requirements/*.lock again (needs uv; ARGS=--upgrade for newer versions)
	@command -v $(UV) >/dev/null || { echo "make lock needs uv: pip install uv" >&2; exit 1; }
	$(call compile,runtime,pyproject.toml)
	$(call compile,dev,--group dev pyproject.toml)
	$(call compile,bench,--group bench --group build pyproject.toml)
	$(call compile,docs,--group pyproject.toml:docs)
	$(call compile,clickhouse,--group pyproject.toml:clickhouse --constraint requirements/dev.lock)

clean:  ## remove what was installed and built; .waypost, which holds data, stays
	rm -rf $(VENV) $(BENCH_VENV) $(DOCS_VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests tools benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED):
	$(call install_into,$(VENV),requirements/dev.lock,-e .)

$(BENCH_INSTALLED):
	$(call install_into,$(BENCH_VENV),requirements/bench.lock,-e .)

$(DOCS_INSTALLED):
	$(call install_into,$(DOCS_VENV),requirements/docs.lock,)

# The environment first, then every package by its hash, then Waypost itself, if it is asked for, which needs no
# more than those.
define install_into
	@test -n "$(PYTHON)" || { echo "Waypost needs Python 3.11 or newer, and there is none on the PATH." >&2; \
	  echo "On Debian or Ubuntu: apt-get install python3 python3-venv" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make virtual environments: its module ensurepip is missing." >&2; \
	  echo "On Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "Installing into $(1), from $(2)"
	@$(PYTHON) -m venv $(1)
	@$(1)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(2)
	@[ -z "$(3)" ] || $(1)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation $(3)
	@rm -f $(1)/.installed-*
	@touch $@
endef

define compile
	$(UV) pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-emit-index-url --no-annotate \
	  --custom-compile-command "make lock" $(2) $(ARGS) -o requirements/$(1).lock
endef
