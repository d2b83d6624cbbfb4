# `make help` lists the words below. Each word first installs what it needs, inside this folder.
SHELL := /bin/sh
# What may be a path reaches a command by its environment ("$$VIDEOS"): written into the line, a quote would end it.
PATH := $(CURDIR)/.venv/bin:$(CURDIR)/node_modules/.bin:$(PATH)
export PATH
# Tests start many programs: each is compiled once, also where the shell says otherwise.
export PYTHONDONTWRITEBYTECODE :=
PYTEST := python -m pytest
# One test process more than there are processors, four at most: each starts servers of its own, deploys the stack for
# itself, and waits for them a quarter of its time.
PROCESSES := $(shell count=$$(getconf _NPROCESSORS_ONLN); echo $$((count < 3 ? count + 1 : 4)))
SIDE_BY_SIDE := --numprocesses $(PROCESSES) --dist
BY_FILE := $(SIDE_BY_SIDE) loadfile --no-loadscope-reorder
ENVIRONMENTS := dev staging prod local

.NOTPARALLEL: # nothing may begin before set-up is over
.DEFAULT_GOAL := help
.PHONY: help setup setup-all setup-bench setup-deploy lock deploy adopt aws-check demo down audit faults picture screenshots invoke test check style unit integration e2e coverage mutants crash fuzz scale synth configuration vulnerabilities golden bench cost

help: ## list these words
	@awk -F ':.*## ' '/^[a-z0-9_-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install what the project needs, or only check that it is current (most other words begin with it)
	@./setup.sh

setup-all: ## install all that the tests need: the same, SAM's command line, the scanners, rclone, uv and pipx, Chromium
	@./setup.sh sam scan judges installers browser

setup-bench: ## install what `make bench` needs: the same, and the programs that the engine is compared with
	@./setup.sh bench

setup-deploy: ## install only what an owner needs, into .venv: the CDK app, the CDK command line and cloudsync
	@./setup.sh deploy

lock: setup ## write every lock file from *requirements.in and package.json (OPTIONS="--upgrade-package=boto3"; needs a network)
	@./setup.sh installers
	@python -m tools.lock $(OPTIONS)

deploy: setup-deploy ## deploy to AWS: ENVIRONMENT=dev is the default; OPTIONS="-c name=value" is passed on to the CDK
	cdk deploy -c environment=$(or $(ENVIRONMENT),dev) $(OPTIONS)

adopt: setup-deploy ## take up, on AWS, what a deleted stack of ENVIRONMENT (dev) left behind (OPTIONS="--list" only shows it)
	@python -m tools.adoption $(or $(ENVIRONMENT),dev) $(OPTIONS)

demo: setup ## back up real videos on this machine and verify them (VIDEOS=~/Movies adds yours, KEEP=1 leaves it running)
	@PYTHONPATH=.:lambda_layer/python python -m local demo $(if $(VIDEOS),--videos "$$VIDEOS") $(if $(KEEP),--keep)

picture: setup ## run seven nights here and draw the dashboard for the README (needs Chromium)
	@python -m tools.dashboard_picture.nights docs/images/dashboard.png

screenshots: setup ## draw every page over a demo into .local/screenshots, and those of the README (needs Chromium)
	@PYTHONPATH=.:lambda_layer/python python -m tools.page_screenshots

down: setup ## stop what `make demo KEEP=1` left running
	@PYTHONPATH=.:lambda_layer/python python -m local down

audit: setup ## compare provider, ledger and archive of `make demo KEEP=1`
	@PYTHONPATH=.:lambda_layer/python python -m local audit

faults: setup ## inject every fault into the deployed stack, and audit after each (CASES="short_page trashed" picks two)
	@PYTHONPATH=.:lambda_layer/python python -m local faults $(CASES)

invoke: setup ## invoke one function here: FUNCTION=MediaAuthenticator EVENT=events/auth_event.json
	@PYTHONPATH=.:lambda_layer/python python -m local invoke "$$FUNCTION" "$$EVENT"

# Checking types needs one processor for a minute the first time, so it runs beside the tests and is reported last.
# The longest files of tests come first, so that no processor waits for another at the end.
test: setup-all style ## run everything that CI runs: style, types, unit, integration and end-to-end tests
	@nice mypy > .local/types.log 2>&1 & types=$$!; \
	$(PYTEST) $(BY_FILE) tests/e2e tests/integration tests/golden tests/unit; tests=$$?; \
	wait $$types; types=$$?; cat .local/types.log; \
	exit $$((tests + types))

check: style ## check style, import contracts, the state machine definition and types
	mypy

style: setup ## check style, import contracts and the state machine definition only
	ruff check .
	ruff format --check .
	PYTHONPATH=.:lambda_layer/python lint-imports
	python -m tools.definition_check

unit: setup ## run the fast tests: no sockets, and the templates compared with the golden ones
	$(PYTEST) $(BY_FILE) tests/unit tests/golden

integration: setup-all ## run the tests against servers on loopback
	$(PYTEST) $(BY_FILE) tests/integration

e2e: setup ## run the tests of the stack deployed into the emulator, with IAM enforced
	$(PYTEST) $(BY_FILE) tests/e2e

coverage: setup-all ## run unit and integration tests and print how much of the code they execute
	$(PYTEST) $(BY_FILE) --cov --cov-report term tests/unit tests/golden tests/integration

mutants: setup-all ## change the core in SAMPLE (400) ways drawn from SEED (1), and list those no test notices (ONLY=path, AGAIN=1)
	@python -m tools.mutants --sample $(or $(SAMPLE),400) --seed $(or $(SEED),1) $(if $(ONLY),--only "$(ONLY)") \
	  $(if $(AGAIN),--again) $(if $(EVERY),--every-test)

crash: setup ## kill the functions at POINTS (2000) moments drawn from SEED, and audit what is left
	CRASH_POINTS=$(or $(POINTS),2000) $(if $(SEED),CRASH_SEED=$(SEED)) \
	  $(PYTEST) $(SIDE_BY_SIDE) worksteal tests/integration/test_crash.py

fuzz: setup ## answer EXAMPLES (10000) times oddly, drawn from SEED (a random one, which is printed), in whole small runs
	@seed=$(or $(SEED),$$(python -c 'import random; print(random.randrange(10**9))')); echo "SEED=$$seed"; \
	  FUZZ_EXAMPLES=$(or $(EXAMPLES),10000) FUZZ_SEED=$$seed \
	  $(PYTEST) $(SIDE_BY_SIDE) worksteal tests/integration/fuzzing

scale: setup ## list 100,000 videos of each provider, and archive VIDEOS (5,000) new ones through the deployed map
	SCALE_ITEMS=100000 $(PYTEST) tests/integration/test_scale.py -s
	SCALE_VIDEOS=$(or $(VIDEOS),5000) $(PYTEST) tests/e2e/test_scale.py --durations=0

synth: setup ## synthesise every environment into cdk.out with nobody to alert, offline once the layer is built
	@for environment in $(ENVIRONMENTS); do cdk synth --quiet --output cdk.out/$$environment \
	  -c environment=$$environment -c alert_email=none || exit 1; done

configuration: setup ## write today's values into docs/configuration.md and environments/example.toml
	@python -m cloud_sync.environments_table docs/configuration.md

vulnerabilities: setup-all ## look up every package of the layers in PyPI's vulnerability database (needs that network)
	@.local/scan/bin/pip-audit --no-deps --disable-pip -r lambda_layer/requirements.txt -r lambda_layer/frames-requirements.txt

golden: setup ## accept today's templates as the golden ones
	$(PYTEST) tests/golden --accept-golden

bench: setup-bench ## compare the engine with other programs (up to 45 minutes; to try: ROUNDS=1 SIZE_MIB=64 SMALL_FILES=100 CLIPS=20 LISTED=1000)
	@python -m benchmarks $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SIZE_MIB),--size-mib $(SIZE_MIB)) \
	  $(if $(SMALL_FILES),--small-files $(SMALL_FILES)) $(if $(CLIPS),--clips $(CLIPS)) $(if $(LISTED),--listed $(LISTED))
	@PYTHONPATH=.:lambda_layer/python python -m costs.page
	@PYTHONPATH=.:lambda_layer/python python -m costs.worst_night

aws-check: setup ## try in the deployed stack of ENVIRONMENT (dev) what only AWS can show, for less than a cent
	@PYTHONPATH=.:lambda_layer/python python -m aws_check $(or $(ENVIRONMENT),dev) $(if $(ROTATE),--rotate)

cost: setup ## write docs/cost.md and the table of worst cases from the cost model and the last benchmark
	@PYTHONPATH=.:lambda_layer/python python -m costs.page
	@PYTHONPATH=.:lambda_layer/python python -m costs.worst_night
