# The shortest way in: `make up`, and `make help` for the rest.
PYTHON ?= python3
VENV := .venv
IN_VENV := $(VENV)/bin/python
COMPILE = $(VENV)/bin/uv pip compile $(1) --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-emit-find-links --only-binary :all: -q
# Clients and tools that the tests run, each in an environment of its own.
OUTSIDE := $(basename $(notdir $(wildcard tests/outside/*.in)))

.DEFAULT_GOAL := help

.PHONY: help up up-docker up-local down cluster upgrade doctor delete-log venv outside images quick test soak bench notebooks \
	lock lint audit

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: ## start: with Docker Compose where an engine answers, else without Docker
	@$(PYTHON) start/up.py

up-docker: ## start with Docker Compose, or not at all
	@$(PYTHON) start/up.py docker

up-local: ## start without Docker; Ctrl-C stops everything
	@$(PYTHON) start/up.py local

down: ## stop, whichever way it was started
	@$(PYTHON) start/up.py down

cluster: venv ## start a scheduler and WORKERS workers here, for lab.cluster(); Ctrl-C stops them
	@$(IN_VENV) -m service.lab.cluster local

upgrade: ## get the newest version by git; outputs of notebooks that only ran do not stop it
	@$(PYTHON) -m start.upgrade

doctor: ## look at everything that is needed, and say what to do about what is amiss
	@$(PYTHON) -m start.doctor

delete-log: ## stop, and delete every logged input: the log and its copy; it asks first
	@$(PYTHON) -m start.deletion

venv: $(VENV)/.installed ## make .venv with everything for both sides and the tests

# The .pth file puts the checkout on the path, so that `import service` works from anywhere.
$(VENV)/.installed: tests/requirements.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if (3, 11) <= v < (3, 14) else \
		f"Labloop needs Python 3.11, 3.12 or 3.13; $(PYTHON) is {v[0]}.{v[1]}. Name another: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(IN_VENV) -m pip install --quiet --require-hashes --only-binary :all: -r tests/requirements.txt
	@$(IN_VENV) -c 'import sysconfig; open(sysconfig.get_path("purelib") + "/labloop.pth", "w").write("$(CURDIR)\n")'
	@touch $@

outside: $(OUTSIDE:%=$(VENV)-outside-%/.installed) ## make the environments of the clients and tools that we did not write

$(VENV)-outside-%/.installed: tests/outside/%.txt | venv
	$(VENV)/bin/uv venv --quiet --clear --python $(IN_VENV) $(@D)
	$(VENV)/bin/uv pip sync --quiet --require-hashes --only-binary :all: --python $(@D)/bin/python $<
	@touch $@

images: ## build the release images, which carry the code of a commit (docs/kubernetes.md)
	@$(PYTHON) -m start.images

quick: venv ## run the tests that start nothing, need nothing of the machine and are no long sweep
	$(IN_VENV) -m pytest -q -m 'not slow'

test: venv ## run every test that this machine can run, and say what was skipped
	$(IN_VENV) -m pytest

soak: venv ## the same tests at full counts: hours, not minutes
	SOAK=1 $(IN_VENV) -m pytest --timeout 7200

bench: venv ## measure, and keep the figures and pictures in docs/benchmarks.md
	$(IN_VENV) -m benchmarks --write

notebooks: venv ## run all notebooks against a fresh lab and keep their outputs
	$(IN_VENV) -m tests.support.notebooks

# The first lock covers everything; the two images get parts of it, with the same versions.
lock: venv ## compile pyproject.toml and tests/outside/*.in into the requirement files
	$(call COMPILE,pyproject.toml) --all-extras -o tests/requirements.txt
	for side in api lab; do \
		$(call COMPILE,pyproject.toml) --extra $$side -c tests/requirements.txt \
			-o requirements-$$side.txt || exit; \
	done
	for name in $(OUTSIDE); do \
		$(call COMPILE,tests/outside/$$name.in) -o tests/outside/$$name.txt || exit; \
	done

lint: venv ## check style and types
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy service start tests benchmarks

audit: $(VENV)-outside-pip-audit/.installed ## look the locked packages up among known vulnerabilities (needs the internet)
	$(<D)/bin/pip-audit --strict --disable-pip -r requirements-api.txt -r requirements-lab.txt
