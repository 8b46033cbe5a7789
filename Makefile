# Everything a newcomer, a developer and CI need. Set-up happens by itself, once: see tools/setup.sh.

.DEFAULT_GOAL := help
.PHONY: help demo test test-kernel check format bench docs clean distclean

# Another interpreter: make PYTHON=/path/to/python3.12 demo
PYTHON ?=
export PYTHON

run := .venv/bin/

help: ## what can be made
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/make \1|\2/p' Makefile | awk -F'|' '{ printf "%-17s %s\n", $$1, $$2 }'

demo: ## a real experiment on this machine: hosts, switches, a bottleneck, ping and iperf3
	@tools/setup.sh runtime tools
	@$(run)nepi run examples/demo.py

test: ## the whole test suite: every kind of test that this machine and this user can run
	@tools/setup.sh dev all-tools
	@tools/test.sh

test-kernel: ## tests of links on a stock Debian kernel, booted here under software emulation
	@tools/setup.sh dev tools
	@tools/test_kernel.sh

check: ## format, lint, types, layers, documentation
	@tools/setup.sh dev
	$(run)ruff format --check .
	$(run)ruff check .
	$(run)mypy
	$(run)lint-imports
	$(run)mkdocs build --strict --quiet

format: ## put the code into shape
	@tools/setup.sh dev
	$(run)ruff format .
	$(run)ruff check --fix .

bench: ## every benchmark under bench/, each prints a table and writes JSON
	@tools/setup.sh dev tools
	@set -e; for program in bench/[a-z]*.py; do echo "== $$program"; $(run)python "$$program"; done

docs: ## the documentation as a site, in site/, with the pages that are written from the code
	@tools/setup.sh dev
	$(run)python tools/docs.py
	$(run)mkdocs build --strict --quiet
	@echo "Open site/index.html"

clean: ## remove what was made, except the virtual environment
	rm -rf build dist site .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache src/nepi.egg-info
	find src tests examples bench -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## remove the virtual environment too
	rm -rf .venv src/nepi/hosts/wire/_wire.*.so
