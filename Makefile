# Two commands matter: `make demo` shows the gateway at work, `make test` proves it.
# Each installs what the machine lacks; a second run is quick and needs no network.

CARGO ?= cargo
# One profile for everything, so that whisper.cpp is compiled once.
FLAGS = --release --locked
HUSHGATE = target/release/hushgate

.DEFAULT_GOAL := help
.PHONY: help demo test acceptance install-tools build model samples fmt lint clean

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: model ## Play three sample calls through a gateway and show what is recorded
	$(HUSHGATE) demo

test: model ## Run every test, with the real speech model
	@if $(CARGO) nextest --version >/dev/null 2>&1; then \
	  $(CARGO) nextest run $(FLAGS) && $(CARGO) test $(FLAGS) --doc; \
	else \
	  $(CARGO) test $(FLAGS); \
	fi

acceptance: model ## Run the long checks: load, overload, kill (minutes; wants the machine for itself)
	$(CARGO) test $(FLAGS) --test acceptance -- --test-threads 1 --nocapture

install-tools: ## Install the compilers and libraries that are missing
	@.ci/install

build: install-tools ## Build the program
	$(CARGO) build $(FLAGS)

model: build ## Fetch the default speech model, once
	$(HUSHGATE) model install

samples: ## Check that the sample calls are what their generator makes
	python3 -B audio-samples/generate.py --check

fmt: ## Format the code
	$(CARGO) fmt

lint: install-tools ## Formatting and clippy, as .ci/run does
	$(CARGO) fmt --check
	$(CARGO) clippy $(FLAGS) --all-targets --test acceptance -- -D warnings

clean: ## Remove what was built; the model stays
	$(CARGO) clean
