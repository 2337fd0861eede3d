# Two commands matter: `make demo` shows the gateway at work, `make test` proves it.
# Each installs what the machine lacks; a second run is quick and needs no network.

CARGO ?= cargo
# One profile for everything, so that whisper.cpp is compiled once.
FLAGS = --release --locked
HUSHGATE = target/release/hushgate

.DEFAULT_GOAL := help
.PHONY: help demo test deploy-check acceptance kills bench bench-connections bench-passthrough bench-rtp bench-store bench-dashboards fuzz interop install-tools build model samples fmt lint clean

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: model ## Play three sample calls through a gateway and show what is recorded
	$(HUSHGATE) demo

# The program is built with the tests, and fetches the model then: built before, it would be compiled twice.
test: install-tools interop ## Run every test, with the real speech model
	@if $(CARGO) nextest --version >/dev/null 2>&1; then \
	  $(CARGO) nextest run $(FLAGS) --no-run && $(HUSHGATE) model install && \
	  $(CARGO) nextest run $(FLAGS) && $(CARGO) test $(FLAGS) --doc; \
	else \
	  $(CARGO) test $(FLAGS) --no-run && $(HUSHGATE) model install && $(CARGO) test $(FLAGS); \
	fi

acceptance: model ## Run the long checks: load, overload, kill (minutes; wants the machine for itself)
	$(CARGO) test $(FLAGS) --test acceptance -- --test-threads 1 --nocapture

KILLS ?= 200

kills: model ## Kill a recording gateway KILLS times and look at what it left (half an hour for 200)
	HUSHGATE_KILLS=$(KILLS) $(CARGO) test $(FLAGS) --test it -- kills_at_random_moments --nocapture

bench: install-tools ## Measure the speed of the detector on text and on a live call
	$(CARGO) bench --profile release --locked --bench detect

bench-connections: install-tools ## Measure 1,000 idle and 200 active connections without recognition (two minutes)
	$(CARGO) bench --profile release --locked --bench connections

bench-passthrough: install-tools ## Measure how many calls a core carries when nothing is examined (minutes)
	$(CARGO) bench --profile release --locked --bench passthrough

bench-rtp: install-tools ## Measure how many RTP calls a core takes without recognition, beside rtpengine if installed (minutes)
	$(CARGO) bench --profile release --locked --bench rtp

bench-store: install-tools ## Measure searches among 100,000 calls on SQLite and PostgreSQL (two minutes; wants `make interop`)
	$(CARGO) bench --profile release --locked --bench store

bench-dashboards: interop ## Measure what 20 open dashboards cost beside 50 calls, and a page's frames (a minute)
	$(CARGO) bench --profile release --locked --bench dashboards

FUZZ_SECONDS ?= 60
FUZZ = $(CARGO) +nightly fuzz
FUZZ_TARGETS = detect wav twilio audiohook audiosocket chan_websocket audio_fork vonage rtp sip \
  description metadata signatures recorders event_socket answers config policy ggml

fuzz: install-tools ## Fuzz each reader of foreign input for FUZZ_SECONDS (wants nightly Rust and cargo-fuzz)
	@$(FUZZ) --version >/dev/null 2>&1 || { \
	  echo "make fuzz: nightly Rust or cargo-fuzz is missing; get them with" >&2; \
	  echo "  rustup toolchain install nightly && cargo install --locked cargo-fuzz" >&2; \
	  echo "(make test runs the same targets on damaged seeds without them)" >&2; exit 1; }
	@for reader in $(FUZZ_TARGETS); do \
	  mkdir -p target/fuzz/corpus/$$reader && \
	  $(FUZZ) run --fuzz-dir tests/fuzz --target-dir target/fuzz $$reader \
	    target/fuzz/corpus/$$reader tests/fuzz/seeds/$$reader -- \
	    -max_total_time=$(FUZZ_SECONDS) -max_len=65536 || exit 1; \
	done

interop: ## Fetch the foreign software that tests try the gateway with (pinned by hash)
	@.ci/install interop
	@mkdir -p target/interop
	@if ! cmp -s tests/interop/package-lock.json target/interop/node_modules/.lock; then \
	  cp tests/interop/package.json tests/interop/package-lock.json target/interop/ && \
	  (cd target/interop && npm ci --no-audit --no-fund --ignore-scripts --loglevel error) && \
	  cp tests/interop/package-lock.json target/interop/node_modules/.lock; fi
	@if ! cmp -s tests/interop/requirements.txt target/interop/python/.lock; then \
	  rm -rf target/interop/python && \
	  python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --no-deps \
	    --require-hashes --only-binary :all: --target target/interop/python -r tests/interop/requirements.txt && \
	  cp tests/interop/requirements.txt target/interop/python/.lock; fi

install-tools: ## Install the compilers and libraries that are missing
	@.ci/install

build: install-tools ## Build the program
	$(CARGO) build $(FLAGS)

model: build ## Fetch the default speech model, once
	$(HUSHGATE) model install

deploy-check: build ## Check the container files, the systemd unit and the dashboard, without a container engine
	@docs/deployment/check

samples: ## Check that the sample calls are what their generator makes
	python3 -B audio-samples/generate.py --check

fmt: ## Format the code
	$(CARGO) fmt

lint: install-tools ## Formatting and clippy, as .ci/run does
	$(CARGO) fmt --check
	$(CARGO) clippy $(FLAGS) --all-targets --test acceptance -- -D warnings

clean: ## Remove what was built; the model stays
	$(CARGO) clean
