# What a person types. Everything is made from the lock files, once, below .local/.
ifndef PATH # a shell finds programs all the same, but does not tell Python where that is
export PATH := /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
endif
PYTHON ?= python3
ENVIRONMENT = $(PYTHON) tools/environment.py
DEV = python=$$($(ENVIRONMENT) dev) && "$$python" -m
# SAM: a region but no account, what it remembers of its user stays in here, and layers are built by our own pip
# whatever `make PYTHON=...` said.
SAM = dev=$$($(ENVIRONMENT) dev) && sam=$$($(ENVIRONMENT) sam) && export AWS_DEFAULT_REGION=eu-west-1 \
	SAM_CLI_TELEMETRY=0 __SAM_CLI_APP_DIR="$(CURDIR)/.local/sam" PYTHON="$$dev" MAKEFLAGS= &&
BUILD = .local/test/build
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: run test style types imports javascript template openapi browser build bench deploy secrets tokens clean lock

run: ## Beeper's chats with their pictures on http://127.0.0.1:$${PORT:-8080}
	@python=$$($(ENVIRONMENT) run) && exec "$$python" -m local.run

test: style types imports javascript template browser ## Everything that must hold, the cheapest first
	@$(DEV) pytest -n 2 --dist loadgroup

style:
	@$(DEV) ruff check --quiet .
	@$(DEV) ruff format --check --quiet .

types:
	@$(DEV) mypy layers/domain cli migration functions local demo tools deployment tests benchmarks

imports:
	@python=$$($(ENVIRONMENT) dev) && "$${python%/*}/lint-imports" --no-cache --no-logo

# Deno checks the style and the types of the page's JavaScript; it is installed with the other checks and downloads nothing.
javascript:
	@python=$$($(ENVIRONMENT) dev) && deno="$${python%/*}/deno" && \
		export DENO_DIR="$(CURDIR)/.local/test/deno" DENO_NO_UPDATE_CHECK=1 && \
		"$$deno" fmt --check --quiet && "$$deno" lint --quiet && "$$deno" check --quiet web tests/web

template:
	@$(SAM) "$$sam" -m samcli validate

openapi: ## docs/openapi.json, from the routes as they are
	@$(DEV) tools.openapi

browser: ## A Chromium for the page's tests: the machine's own, else one that is installed now
	@$(DEV) tools.browser > /dev/null

build: ## What a deployment would upload, apart from anybody's own .aws-sam
	@rm -rf $(BUILD)
	@$(SAM) "$$sam" -m samcli build --no-cached --build-dir $(BUILD)

bench: ## Figures of the size that tests cannot afford; ONLY= names one
	@$(DEV) benchmarks $(ONLY)

deploy: ## template.yaml on AWS: STACK=imagecache BEEPER_URL=https://...
	@$(SAM) unset AWS_DEFAULT_REGION && run=$$($(ENVIRONMENT) run) && \
		"$$run" -m deployment.release deploy "$$sam" -m samcli

secrets: ## Ask for a deployed stack's tokens anew: STACK=imagecache
	@run=$$($(ENVIRONMENT) run) && "$$run" -m deployment.release secrets

tokens: ## Make new tokens for a deployed stack's API and show them: STACK=imagecache
	@run=$$($(ENVIRONMENT) run) && "$$run" -m deployment.release tokens

clean: ## Forget everything local: state, environments, builds
	rm -rf .local .aws-sam

# Hashes and no hosts. Every lock follows run.txt, or boto3 and botocore drift apart; only the SAM CLI pins its own.
# For newer versions: make lock UV_OPTIONS=--upgrade
COMPILE = "$$python" -m uv pip compile --quiet --no-config --generate-hashes --universal --python-version 3.11 \
	--no-annotate --custom-compile-command "make lock" $(UV_OPTIONS)
lock: ## Requirements as people write them (*.in) -> as machines install them (*.txt)
	@python=$$($(ENVIRONMENT) lock) && \
	$(COMPILE) requirements/run.in -o requirements/run.txt && \
	for name in requirements/dev layers/dependencies/requirements layers/imaging/requirements; do \
		$(COMPILE) -c requirements/run.txt $$name.in -o $$name.txt || exit; \
	done && \
	for name in sam pip lock; do $(COMPILE) requirements/$$name.in -o requirements/$$name.txt || exit; done
