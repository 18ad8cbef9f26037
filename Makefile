# What a person types. Everything is made from the lock files, once, below .local/.
PYTHON ?= python3
ENVIRONMENT = $(PYTHON) local/environment.py
.DELETE_ON_ERROR:
.PHONY: run test clean lock

run: ## Beeper's chats with their pictures on http://127.0.0.1:$${PORT:-8080}
	@python=$$($(ENVIRONMENT) run) && exec "$$python" -m local.run

clean: ## Forget everything local: state, environments, builds
	rm -rf .local .aws-sam

.PHONY: bench
bench: ## A cold run of 400 images through each origin, against the demo account: about six minutes
	@python=$$($(ENVIRONMENT) dev) && PYTHONPATH=layers/domain "$$python" -m benchmarks.cold_run
