# Two commands on a fresh machine with Python >= 3.11: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
STORE ?= .fleetspec
SPEC := specs/quickstart.yaml
MINUTES ?= 30

.PHONY: demo test check golden rules schema native bench fuzz scan clean

# Each stamp is one set of extras; torch goes first, from its pin, so that nothing pulls a CUDA build.
$(VENV)/run.stamp: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) install -c constraints.txt -e '.[run,report]'
	touch $@

$(VENV)/test.stamp: $(VENV)/run.stamp
	$(PIP) install torch==$$(sed -n 's/^torch==//p' constraints.txt)
	$(PIP) install -c constraints.txt -e '.[all,dev]'
	touch $@

demo: $(VENV)/run.stamp
	$(BIN)/fleetspec plan $(SPEC) --store $(STORE)
	$(BIN)/fleetspec apply $(SPEC) --store $(STORE) --yes
	$(BIN)/fleetspec apply $(SPEC) --store $(STORE) --run backtest --yes
	$(BIN)/fleetspec report $(SPEC) --store $(STORE) --out report.html

# The object store that buckets are tested against: it wants older libraries than fleetspec, so it has a venv of its own.
$(VENV)-moto/stamp: tests/runtime/object-store.txt
	$(PYTHON) -m venv $(VENV)-moto
	$(VENV)-moto/bin/python -m pip --quiet --disable-pip-version-check install -r $<
	touch $@

# Scanners of manifests and of the Dockerfile: checkov wants older libraries than fleetspec, so they have a venv, too.
$(VENV)-scanners/stamp: tests/renderer/scanners.txt
	$(PYTHON) -m venv $(VENV)-scanners
	$(VENV)-scanners/bin/python -m pip --quiet --disable-pip-version-check install -r $<
	touch $@

scan: $(VENV)/test.stamp $(VENV)-scanners/stamp
	FLEETSPEC_SCANNERS=$(VENV)-scanners $(BIN)/python -m pytest -n 0 tests/renderer/test_scanners.py

# Two processes: one for the rooms that start clusters, one for the others.
test: $(VENV)/test.stamp $(VENV)-moto/stamp
	$(BIN)/python -m pytest -n 2 --dist loadgroup

check: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Rewrites the golden files; read the diff before you commit it.
golden: $(VENV)/test.stamp
	$(BIN)/python -m pytest tests/golden tests/renderer --golden-rewrite

# Writes docs/rules/ from fleetspec/rules/.
rules: $(VENV)/run.stamp
	$(BIN)/python docs/rules/generate.py

# Writes docs/*.schema.json from the language.
schema: $(VENV)/run.stamp
	$(BIN)/fleetspec schema --kind fleet --out docs/fleet.schema.json
	$(BIN)/fleetspec schema --kind defaults --out docs/defaults.schema.json
	$(BIN)/fleetspec schema --kind approvals --out docs/approvals.schema.json

# Builds the GARCH engine for this processor, where a C++ compiler is; nothing needs it.
native: $(VENV)/run.stamp
	$(BIN)/python -m fleetspec.kernels.garch.building

bench: $(VENV)/test.stamp
	for stage in bench/*.py; do $(BIN)/python $$stage || exit 1; done

# Random files through the reading of specs; what is found lies in build/fuzz, a failing input in build/crash-….
fuzz: $(VENV)/test.stamp
	$(PIP) install -c constraints.txt -e '.[fuzz]'
	mkdir -p build/fuzz
	FUZZ_EXAMPLES=1000 $(BIN)/python -m pytest tests/fuzz
	$(BIN)/python tests/fuzz/fuzz_atheris.py -max_total_time=$$((60 * $(MINUTES))) -timeout=20 -rss_limit_mb=2048 \
	  -artifact_prefix=build/ build/fuzz tests/fuzz/corpus

clean:
	rm -rf $(VENV) build dist .fleetspec report.html
