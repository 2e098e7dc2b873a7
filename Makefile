# Commands for developers. They need make and Python 3.11, 3.12 or 3.13; all other programs are installed into .venv.

.DEFAULT_GOAL := help
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# They become options of commands. As variables of the environment the desk would take them for settings and say so.
unexport FILE SYMBOL STRATEGY TICKS

VENV := .venv
BIN := $(VENV)/bin
SOURCES = $(wildcard proto common marketdata services research orchestration verification cli tests)

# The interpreter from which .venv is built: PYTHON if given (make setup PYTHON=python3.12), else the first suitable one.
PYTHON ?=
FITS := import sys, ensurepip, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
CANDIDATES := python3.11 python3.12 python3.13 python3 python

# Shell code that sets $$python to a suitable interpreter, or prints the interpreters that it tried and fails.
define find_python
python=; \
for candidate in $(if $(PYTHON),"$(PYTHON)",$(CANDIDATES)); do \
	if "$$candidate" -c '$(FITS)' >/dev/null 2>&1; then python=$$candidate; break; fi; \
done; \
if [ -z "$$python" ]; then \
	echo "make: no Python 3.11, 3.12 or 3.13 with its venv module among: $(or $(PYTHON),$(CANDIDATES))" >&2; \
	for candidate in $(if $(PYTHON),"$(PYTHON)",$(CANDIDATES)); do \
		echo "make:   $$candidate is $$("$$candidate" --version 2>/dev/null || echo 'not there')" >&2; \
	done; \
	echo "make: install one (Debian: python3 and python3-venv), or name it: make PYTHON=/path/to/python3.12 ..." >&2; \
	exit 2; \
fi
endef

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# ---------------------------------------------------------------------------------------------------------- setting up

.PHONY: setup
setup: $(VENV)/.installed ## Build .venv from the lock (PYTHON=python3.12 to choose the interpreter)

# A new lock gets a new environment, so that no package of the old one remains.
$(VENV)/.locked: requirements/dev.lock
	@$(find_python); \
	echo "building $(VENV) with $$("$$python" --version), about a minute"; \
	"$$python" -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --only-binary :all: -r requirements/dev.lock
	@touch $@

$(VENV)/.installed: $(VENV)/.locked pyproject.toml
	$(BIN)/python -m pip install --quiet --no-build-isolation --no-deps -e .
	@$(BIN)/paperdesk --help >/dev/null 2>&1 || { \
		echo "make: the programs in $(BIN) do not start from $$(pwd): expected a path of at most 100 bytes, and if it" \
			"has blanks, without a quote, dollar sign or backslash" >&2; exit 2; }
	@mkdir -p -m 700 var && mkdir -p var/run var/log
	@touch $@

# ------------------------------------------------------------------------------------------------------------- running

.PHONY: run
run: setup ## Run the desk in real time on a generated or recorded market: [TICKS=ticks.parquet[:SYMBOL] SYMBOL=EURUSD STRATEGY=... ARGS=...]
	@$(BIN)/paperdesk run $(strip $(if $(TICKS),--ticks $(TICKS)) $(if $(SYMBOL),--symbol $(SYMBOL)) \
		$(if $(STRATEGY),--strategy $(STRATEGY)) $(ARGS))

# SYMBOL, STRATEGY and TICKS set the options of the same names; ARGS has any other options.
REPLAY_OPTIONS = $(if $(SYMBOL),--symbol $(SYMBOL)) $(if $(STRATEGY),--strategy $(STRATEGY)) $(if $(TICKS),--ticks $(TICKS))

.PHONY: run-replay file-is-named
run-replay: file-is-named setup ## Replay recorded ticks: FILE=ticks.parquet [SYMBOL=EURUSD STRATEGY=... TICKS=... ARGS=...]
	@$(BIN)/paperdesk replay $(FILE) $(strip $(REPLAY_OPTIONS) $(ARGS))

file-is-named:
	$(if $(strip $(FILE)),@:,$(error run-replay: FILE is not set, expected make run-replay FILE=ticks.parquet))

# ------------------------------------------------------------------------------------------------------------ checking

.PHONY: fmt
fmt: setup ## Format the code and apply the fixes of ruff
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: lint
lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy $(SOURCES)

.PHONY: check
check: lint ## Format, lint, types and the quick tests: a minute or two
	$(BIN)/python -m pytest tests/unit tests/property tests/tidy $(ARGS)

# Tests of whole desks mostly wait for processes; all other tests compute. `make test` runs three groups at the same time,
# so that each takes about equally long: DESKS; WAITS, which has browsers, terminals and faults; and all other tests.
WAITS := tests/browser tests/chaos $(addprefix tests/system/,test_alarms.py test_alerts.py test_own_desk.py \
	test_own_ticks.py test_stalls.py test_strategy_faults.py test_tap.py test_trading_vm.py test_vanished_hosts.py \
	test_watch.py test_watchdog.py test_web_api.py)
DESKS := $(sort $(filter-out $(WAITS),$(wildcard tests/system/test_*.py)))

.PHONY: test
test: lint ## Lint, types and all tests except those that need Docker
	@said=$$(mktemp -d); \
	$(BIN)/python -m pytest tests -m "not docker" $(addprefix --ignore=,$(DESKS) $(WAITS)) $(ARGS) \
		>"$$said/others" 2>&1 & others=$$!; \
	$(BIN)/python -m pytest $(WAITS) -m "not docker" -p no:cacheprovider $(ARGS) >"$$said/waits" 2>&1 & waits=$$!; \
	trap 'kill $$others $$waits 2>/dev/null; rm -rf "$$said"' EXIT; \
	echo "running tests of whole desks; two other groups run at the same time, and their output follows at the end"; \
	$(BIN)/python -m pytest $(DESKS) -m "not docker" -p no:cacheprovider $(ARGS); failed=$$?; \
	wait $$waits || failed=$$?; \
	cat "$$said/waits"; \
	wait $$others || failed=$$?; \
	cat "$$said/others"; \
	exit $$failed

.PHONY: test-docker
test-docker: setup ## Test the desk in containers on a real Docker Engine; starts its own if none answers (as root)
	REQUIRE_ALL=1 $(BIN)/python -m pytest tests/docker -m docker -s $(ARGS)

.PHONY: bench
bench: setup ## Measure the desk, compared with lower bounds and other libraries (ARGS="--ticks 1000")
	$(BIN)/python -m tests.benchmarks $(ARGS)

.PHONY: bench-peers quotes-are-named
bench-peers: quotes-are-named setup ## Measure other libraries with the same work: FILE=eurusd.parquet [ROUNDS=3 ARGS=...]
	$(BIN)/python -m tests.benchmarks.peers $(FILE) --rounds $(or $(ROUNDS),3) --page docs/benchmarks.md $(ARGS)

quotes-are-named:
	$(if $(strip $(FILE)),@:,$(error bench-peers: FILE is not set, expected make bench-peers FILE=quotes.parquet))

.PHONY: bench-page
bench-page: setup ## Measure the page in a browser with a live desk, about 12 minutes: [MINUTES=10 ARGS="--throttle 6"]
	$(BIN)/python -m tests.benchmarks.page --minutes $(or $(MINUTES),10) --json var/bench-page.json $(ARGS)

.PHONY: bench-readers
bench-readers: setup ## Measure the desk with and without 20 readers of the page, about 13 minutes: [PAIRS=5 SECONDS=60]
	$(BIN)/python -m tests.benchmarks.readers --pairs $(or $(PAIRS),5) --seconds $(or $(SECONDS),60) \
		--json var/bench-readers.json $(ARGS)

.PHONY: simulate
simulate: setup ## Simulate the whole desk under seeded faults: [SEEDS=...], by default those of the tests
	$(if $(SEEDS),SIMULATION_SEEDS="$(SEEDS)") $(BIN)/python -m pytest tests/simulation $(ARGS)

.PHONY: crash-images
crash-images: setup ## Rebuild and open ledger, journal and book as a power cut leaves them: [IMAGES=1000 SEED=...]
	CRASH_IMAGES="$(or $(IMAGES),1000)" $(if $(SEED),CRASH_IMAGES_SEED="$(SEED)") \
		$(BIN)/python -m pytest tests/storage -s $(ARGS)

.PHONY: fuzz
fuzz: setup ## Send malformed bytes to every decoder and socket: [FRAMES=10000000 SEED=...]
	$(BIN)/python -m tests.fuzz --frames $(or $(FRAMES),1000000) $(if $(SEED),--seed $(SEED)) $(ARGS)

.PHONY: soak
soak: setup ## Measure the memory of signal, portfolio and gateway over many ticks: [TICKS=10000000]
	$(BIN)/python -m tests.benchmarks.soak --ticks $(or $(TICKS),10000000) $(ARGS)

.PHONY: chaos
chaos: setup ## Run a live desk under faults and check it by an independent oracle: [MINUTES=1 SEED=1 ARGS=...]
	@$(BIN)/paperdesk chaos --minutes $(or $(MINUTES),1) --seed $(or $(SEED),1) $(ARGS)

.PHONY: chaos-truth
chaos-truth: setup ## Compare the status of a live desk with its trading under lasting faults: [MINUTES=10 SEED=1 ARGS=...]
	@$(BIN)/paperdesk chaos-truth --minutes $(or $(MINUTES),10) --seed $(or $(SEED),1) $(ARGS)

.PHONY: chaos-alerts
chaos-alerts: setup ## Kill notify while it sends alerts to servers that fail, and check what arrived: [KILLS=20 SEED=1 ARGS=...]
	@$(BIN)/paperdesk chaos-alerts --kills $(or $(KILLS),20) --seed $(or $(SEED),1) $(ARGS)

.PHONY: chaos-replay
chaos-replay: setup ## Compare a replay with and without kills, to the last digit: [TICKS=50000 KILLS=200 SEED=1 ARGS=--everything]
	@$(BIN)/paperdesk chaos-replay --ticks $(or $(TICKS),50000) --kills $(or $(KILLS),200) --seed $(or $(SEED),1) $(ARGS)

.PHONY: crash-points
crash-points: setup ## Kill real processes at every named crash point: [COUNT=25 SEED=1]
	@$(BIN)/paperdesk crash-points --count $(or $(COUNT),25) --seed $(or $(SEED),1) $(ARGS)

# --------------------------------------------------------------------------------------------------------- maintaining

# `fewest` selects one version of each package for all three Pythons, so that a run has the same results on each.
UV_COMPILE := uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --only-binary :all: \
	--generate-hashes --no-header --no-emit-index-url --no-emit-find-links $(if $(UPGRADE),--upgrade)

.PHONY: lock
lock: ## Recompile requirements/*.lock from *.in; UPGRADE=1 selects the newest versions
	@$(find_python); \
	tools=$$(mktemp -d) && trap 'rm -rf "$$tools"' EXIT && \
	"$$python" -m venv "$$tools" && "$$tools/bin/python" -m pip install --quiet uv && cd requirements && \
	"$$tools/bin/"$(UV_COMPILE) base.in -o base.lock >/dev/null && \
	"$$tools/bin/"$(UV_COMPILE) -c base.lock dev.in -o dev.lock >/dev/null && \
	"$$tools/bin/"$(UV_COMPILE) peers.in -o peers.lock >/dev/null

.PHONY: clean
clean: ## Remove .venv, caches, build output and var/ with its ledgers
	@grep -q '^name = "paperdesk"' pyproject.toml || { echo "clean: this is not the paperdesk checkout" >&2; exit 2; }
	rm -rf $(VENV) var build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage *.egg-info
	find . -name .git -prune -o -type d -name __pycache__ -prune -exec rm -rf {} +
