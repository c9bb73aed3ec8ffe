# Everything a newcomer runs. Needs Python 3.11 or newer, git and make; all else goes into .venv/.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo demo-serve test check bench serve lock assets catalogue screenshots

BIN := .venv/bin
INSTALLED := .venv/.installed .venv/.assets .venv/.recorded
JOBS ?= 2
HUB_HOME ?= var/hub
BIND ?= 127.0.0.1:8080

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(INSTALLED) ## Play the story of one invented child over a hub and four adapters; leaves var/demo/
	$(BIN)/python -m demo

demo-serve: $(INSTALLED) ## The same, then stay up and print the addresses
	$(BIN)/python -m demo --serve

test: $(INSTALLED) ## Import contracts and tests (SLOW=1: the slow ones too; JOBS=n: so many at a time)
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(if $(filter 1,$(SLOW)),,-m "not slow")

check: $(INSTALLED) ## Lint, format, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: $(INSTALLED) ## Measure against baselines in the same run; writes var/bench.json
	$(BIN)/python -m bench

catalogue: $(INSTALLED) ## Write the catalogue of the workspace's texts anew, after a template or sentence changed
	$(BIN)/python -m tests.text_catalogue

screenshots: $(INSTALLED) ## Take the pictures of docs/screenshots/ anew (needs chromium)
	$(BIN)/python -m tests.browser.screenshots

serve: $(INSTALLED) ## Serve a hub made with nrm-hub init (HUB_HOME=var/hub, BIND=127.0.0.1:8080)
	$(BIN)/nrm-hub --home $(HUB_HOME) serve --bind $(BIND)

# uv is the one tool that is not in the lock files: it writes them. Versions stay as they are unless UPGRADE=1.
LOCK = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	--no-annotate $(if $(filter 1,$(UPGRADE)),--upgrade) pyproject.toml

lock: ## Write both lock files from pyproject.toml (needs uv; UPGRADE=1: newest versions)
	@command -v uv >/dev/null || { echo "make lock needs uv; nothing else does" >&2; exit 1; }
	$(LOCK) --output-file requirements.lock
	$(LOCK) --extra dev --constraint requirements.lock --output-file requirements-dev.lock

# Style and script of the pages, made of the npm packages in package-lock.json; Node itself is a package of the
# development lock. No install script of a package runs. Nothing is fetched when a page is shown.
assets: .venv/.assets .venv/.recorded ## Build the pages' style and script (every target that needs them does)

.venv/.assets: .venv/.installed package-lock.json package.json .npmrc $(wildcard assets/*)
	PATH="$(CURDIR)/$(BIN):$$PATH" assets/build
	@touch $@

# What the adapter serves is what is recorded here: a script that was changed afterwards is refused.
.venv/.recorded: .venv/.assets $(wildcard adapters/workspace/script/*) adapters/picture/templates/picture.css
	$(BIN)/python -m adapters.workspace.assets
	@touch $@

# Wheels only: installing runs no package's own code. pip may warn that the environment's own settings are ignored, or
# that a newer pip exists; both are harmless.
.venv/.installed: requirements-dev.lock pyproject.toml
	@python=; for each in $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11 python); do \
		if "$$each" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then python=$$each; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
		echo "nrm-hub needs Python 3.11 or newer; found: $$($(or $(PYTHON),python3) --version 2>&1)." >&2; \
		echo "Install it, or name it: make PYTHON=python3.12 ..." >&2; exit 1; \
	fi; \
	"$$python" -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$$python has no venv module; install it (on Debian and Ubuntu: the package python3-venv)." >&2; exit 1; }; \
	"$$python" -m venv .venv || { echo "$$python could not make .venv" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
		-r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation -e .
	@touch $@
