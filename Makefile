# Every word sets up what it needs, inside this folder; `make help` lists them.
SHELL := /bin/sh
PATH := $(CURDIR)/.venv/bin:$(CURDIR)/node_modules/.bin:$(PATH)
export PATH
PYTEST := python -m pytest
ENVIRONMENTS := dev staging prod local
MYPY_FILES = $(filter-out local/emulator_gaps.py,$(wildcard app.py cloud_sync lambda_layer/python/cloud_sync_common local/*.py local/fake_providers benchmarks costs tools))

.DEFAULT_GOAL := help
.PHONY: help setup setup-all setup-bench demo down audit faults picture invoke test check unit integration e2e crash scale synth readme vulnerabilities golden bench cost

help: ## show these words
	@awk -F ':.*## ' '/^[a-z0-9_-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## make or refresh the environments (the other words do it themselves)
	@./setup.sh

setup-all: ## the same, with SAM's command line and the scanners, each in an environment of its own
	@./setup.sh sam scan

setup-bench: ## the same, and the programs that the engine is compared with
	@./setup.sh bench

demo: setup ## back up real videos on this machine and prove it (VIDEOS=~/Movies adds yours, KEEP=1 leaves it running)
	@python -m local demo $(if $(VIDEOS),--videos "$(VIDEOS)") $(if $(KEEP),--keep)

picture: setup ## draw the dashboard after some nights here, for the README (needs Chromium)
	@python -m tools.dashboard_picture.nights docs/images/dashboard.png

down: setup ## stop what `make demo KEEP=1` left running
	@python -m local down

audit: setup ## hold provider, ledger and archive of `make demo KEEP=1` against each other
	@python -m local audit

faults: setup ## play every fault against the deployed stack, and audit after each (CASES="short_page trashed" plays those)
	@python -m local faults $(CASES)

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

crash: setup ## kill the functions at POINTS (2000) moments drawn from SEED, and audit what is left
	CRASH_POINTS=$(or $(POINTS),2000) $(if $(SEED),CRASH_SEED=$(SEED)) $(PYTEST) tests/integration/test_crash.py

scale: setup ## 100,000 videos through the listing and VIDEOS (5,000) new ones through the deployed map
	SCALE_ITEMS=100000 $(PYTEST) tests/integration/test_scale.py -s
	SCALE_VIDEOS=$(or $(VIDEOS),5000) $(PYTEST) tests/e2e/test_scale.py --durations=0

synth: setup ## synthesise every environment into cdk.out, offline once the layer is built
	@for environment in $(ENVIRONMENTS); do \
	  cdk synth --quiet --output cdk.out/$$environment -c environment=$$environment || exit 1; done

readme: setup ## write today's environments into the README's table
	@python -m cloud_sync.environments_table README.md

vulnerabilities: setup-all ## ask the vulnerability service of PyPI about every pinned package (needs a network that reaches it)
	@.local/scan/bin/pip-audit --no-deps --disable-pip -r lambda_layer/requirements.txt

golden: setup ## accept the templates of today as the golden ones
	$(PYTEST) tests/golden --accept-golden

bench: setup-bench ## measure the engine beside its peers (about 40 minutes; a try: ROUNDS=1 SIZE_MIB=64 SMALL_FILES=100)
	@python -m benchmarks $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SIZE_MIB),--size-mib $(SIZE_MIB)) \
	  $(if $(SMALL_FILES),--small-files $(SMALL_FILES))
	@PYTHONPATH=.:lambda_layer/python python -m costs.page

cost: setup ## write docs/cost.md from the cost model and the last benchmark
	@PYTHONPATH=.:lambda_layer/python python -m costs.page
