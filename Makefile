# Every word sets up what it needs, inside this folder; `make help` lists them.
SHELL := /bin/sh
PATH := $(CURDIR)/.venv/bin:$(CURDIR)/node_modules/.bin:$(PATH)
export PATH
PYTEST := python -m pytest
ENVIRONMENTS := dev staging prod local
MYPY_FILES = $(filter-out local/emulator_gaps.py,$(wildcard app.py cloud_sync lambda_layer/python/cloud_sync_common local/*.py local/fake_providers))

.DEFAULT_GOAL := help
.PHONY: help setup setup-all demo picture down invoke test check unit integration e2e synth readme audit golden

help: ## show these words
	@awk -F ':.*## ' '/^[a-z0-9_-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## make or refresh the environments (the other words do it themselves)
	@./setup.sh

setup-all: ## the same, with SAM's command line and the scanners, each in an environment of its own
	@./setup.sh sam scan

demo: setup ## back up real videos on this machine and prove it (VIDEOS=~/Movies adds yours, KEEP=1 leaves it running)
	@python -m local demo $(if $(VIDEOS),--videos "$(VIDEOS)") $(if $(KEEP),--keep)

picture: setup ## draw the dashboard after some nights here, for the README (needs Chromium)
	@python -m local.nights docs/images/dashboard.png

down: setup ## stop what `make demo KEEP=1` left running
	@python -m local down

invoke: setup ## invoke one function here: FUNCTION=MediaAuthenticator EVENT=events/auth_event.json
	@python -m local invoke "$(FUNCTION)" "$(EVENT)"

test: check unit integration e2e ## everything that CI runs

check: setup ## style, types, import contracts
	ruff check .
	ruff format --check .
	mypy $(MYPY_FILES)
	@for handler in lambdas/*/handler.py; do mypy $$handler || exit 1; done
	PYTHONPATH=.:lambda_layer/python lint-imports

unit: setup ## fast tests, no sockets; the templates against the golden ones
	$(PYTEST) tests/unit tests/golden

integration: setup-all ## tests against servers on loopback
	$(PYTEST) tests/integration

e2e: setup ## tests of the deployed stack, in the emulator, IAM enforced
	$(PYTEST) tests/e2e

synth: setup ## synthesise every environment into cdk.out, offline once the layer is built
	@for environment in $(ENVIRONMENTS); do \
	  cdk synth --quiet --output cdk.out/$$environment -c environment=$$environment || exit 1; done

readme: setup ## write today's environments into the README's table
	@python -m cloud_sync.environments_table README.md

audit: setup-all ## ask the vulnerability service of PyPI about every pinned package (needs a network that reaches it)
	@.local/scan/bin/pip-audit --no-deps --disable-pip -r lambda_layer/requirements.txt

golden: setup ## accept the templates of today as the golden ones
	$(PYTEST) tests/golden --accept-golden
