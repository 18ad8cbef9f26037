# Everything is installed from the lock files, once, below .local/.
ifndef PATH # a shell finds programs all the same, but does not tell Python where that is
export PATH := /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
endif
PYTHON ?= python3
ENVIRONMENT = $(PYTHON) tools/environment.py
DEV = python=$$($(ENVIRONMENT) dev) && "$$python" -m
# What SAM remembers of its user stays in here, and layers are built by our own pip whatever `make PYTHON=...` said.
SAM = dev=$$($(ENVIRONMENT) dev) && sam=$$($(ENVIRONMENT) sam) && export SAM_CLI_TELEMETRY=0 \
	__SAM_CLI_APP_DIR="$(CURDIR)/.local/sam" PYTHON="$$dev" MAKEFLAGS= &&
# SAM checks and builds without an account, but not without a region.
SOME_REGION = AWS_DEFAULT_REGION=eu-west-1
SAM_CLI = "$$sam" -m samcli
DENO = python=$$($(ENVIRONMENT) dev) && deno="$${python%/*}/deno" && \
	export DENO_DIR="$(CURDIR)/.local/test/deno" DENO_NO_UPDATE_CHECK=1 && "$$deno"
BUILD = .local/test/build
.DELETE_ON_ERROR:
.PHONY: help run check test proof format style types imports javascript unit template openapi contract browser build bench deploy \
	secrets tokens agent-credentials remove recover clean lock

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.* ## /\1 /p' Makefile | while read -r target text; do printf '%-17s %s\n' "$$target" "$$text"; done

run: ## Start the system on http://127.0.0.1:8080; PORT= for another port
	@python=$$($(ENVIRONMENT) run) && exec "$$python" -m local.run

check: style types imports javascript unit ## Check style, types and imports and run the unit tests, in a minute

# The checks need one processor each, and the template's also wait for an installation, so two run at a time.
test: ## Run all checks and tests; ONLY=tests/unit for some
	$(if $(ONLY),,@$(MAKE) --no-print-directory -j 2 style types imports javascript template browser)
	@$(DEV) pytest -n 2 $(ONLY)

proof: ## Kill the local stack 50 times, and compare what is left with what it had acknowledged; SEED= to repeat
	@export PROOF_KILLS=50 PROOF_SEED=$(SEED) && $(DEV) pytest -s tests/end_to_end/test_kills.py

format: ## Format the code, and correct what the style checks can correct
	@$(DEV) ruff check --fix-only .
	@$(DEV) ruff format .
	@$(DENO) fmt --quiet

style:
	@$(DEV) ruff check --quiet .
	@$(DEV) ruff format --check --quiet .

types:
	@$(DEV) mypy layers/domain layers/dependencies cli migration hints functions local demo tools deployment tests benchmarks

imports:
	@python=$$($(ENVIRONMENT) dev) && "$${python%/*}/lint-imports" --no-cache --no-logo

# Deno checks the style and the types of the page's JavaScript; it is installed with the other checks and downloads nothing.
javascript:
	@$(DENO) fmt --check --quiet && "$$deno" lint --quiet && "$$deno" check --quiet web tests/web

unit:
	@$(DEV) pytest -n 2 --quiet tests/unit

# None of the three sends anything. What they may not complain of is explained in template.yaml and .checkov.yaml.
template:
	@$(SAM) $(SOME_REGION) $(SAM_CLI) validate && "$${sam%/*}/cfn-lint" template.yaml
	@checkov=$$($(ENVIRONMENT) checkov) && "$${checkov%/*}/checkov" --file template.yaml

openapi: ## Write docs/openapi.json, from the routes
	@$(DEV) tools.openapi

contract: ## Write the types of Beeper's API that the command line knows, from Beeper's SDK
	@$(DEV) tools.beeper_types

browser: ## Find a Chromium for the tests of the page, or install one
	@$(DEV) tools.browser > /dev/null

build: ## Build what a deployment would upload, in .local/test/build
	@rm -rf $(BUILD)
	@$(SAM) $(SOME_REGION) $(SAM_CLI) build --no-cached --build-dir $(BUILD)

bench: ## Measure at sizes that tests cannot afford (minutes); ONLY=sync for one
	@$(DEV) benchmarks $(ONLY)
	@python=$$($(ENVIRONMENT) plots) && "$$python" -m benchmarks.plots

deploy: ## Deploy template.yaml on AWS: STACK=imagecache BEEPER_URL=https://...
	@$(SAM) run=$$($(ENVIRONMENT) run) && "$$run" -m deployment.release deploy $(SAM_CLI)

secrets: ## Ask for a deployed stack's secrets, and store them: STACK=imagecache
	@run=$$($(ENVIRONMENT) run) && "$$run" -m deployment.release secrets

tokens: ## Create new tokens for a deployed stack's API, and show them: STACK=imagecache
	@run=$$($(ENVIRONMENT) run) && "$$run" -m deployment.release tokens

agent-credentials: ## Make a new key for a stack's agent: STACK=imagecache; REVOKE=yes to end it; ASSUME_ROLE=yes for another way
	@run=$$($(ENVIRONMENT) run) && "$$run" -m deployment.release agent-credentials

remove: ## Delete a stack from AWS: STACK=imagecache; DATA=delete for its chats and pictures, too
	@run=$$($(ENVIRONMENT) run) && "$$run" -m deployment.release remove

recover: ## Copy the chats and pictures of a removed stack into a new one: STACK=new FROM=old; AGAIN=yes to repeat it
	@run=$$($(ENVIRONMENT) run) && "$$run" -m deployment.release recover

clean: ## Delete everything local: the pictures of `make run`, environments, builds
	@$(PYTHON) tools/clean.py

# Hashes and no hosts. Every lock follows run.txt, or boto3 and botocore drift apart; the SAM CLI and checkov pin their own.
# For newer versions: make lock UV_OPTIONS=--upgrade
COMPILE = "$$python" -m uv pip compile --quiet --no-config --generate-hashes --universal --python-version 3.11 \
	--no-annotate --custom-compile-command "make lock" $(UV_OPTIONS)
lock: ## Compile requirements (*.in) into lock files (*.txt)
	@python=$$($(ENVIRONMENT) lock) && \
	$(COMPILE) requirements/run.in -o requirements/run.txt && \
	for name in requirements/dev layers/dependencies/requirements layers/imaging/requirements; do \
		$(COMPILE) -c requirements/run.txt $$name.in -o $$name.txt || exit; \
	done && \
	for name in sam checkov thumbor pip lock plots; do $(COMPILE) requirements/$$name.in -o requirements/$$name.txt || exit; done
