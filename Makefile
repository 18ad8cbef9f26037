# What a person types. Everything is made from the lock files, once, below .local/.
PYTHON ?= python3
ENVIRONMENT = $(PYTHON) local/environment.py
.DELETE_ON_ERROR:
.PHONY: run test clean lock

run: ## Beeper's chats with their pictures on http://127.0.0.1:$${PORT:-8080}
	@python=$$($(ENVIRONMENT) run) && exec "$$python" -m local.run

clean: ## Forget everything local: state, environments, builds
	rm -rf .local .aws-sam
