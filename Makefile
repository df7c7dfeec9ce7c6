# make demo       install into .venv, scan the embedded example, say where the report is
# make test       install, then lint, types, import contract, the pages, every test, and the wheel in an environment of its own
# make docs       the pages as a web site, in build/docs
# make coverage   which lines no test reaches
# make fuzz       50,000 changed files against every reader, or half an hour of them: make fuzz INPUTS=... SECONDS=... SEED=...
# make mutants    which small changes of the statistics and of the rules of verdicts no test notices: make mutants MODULES=ddaudit.statistics.roc
# make examples   distil the sets in examples/ again
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test lint docs wheel coverage mutants examples fuzz clean install install-test browser

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) -e .
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(PIP) -e '.[test,docs]'
	touch $@

install: $(VENV)/.installed

install-test: $(VENV)/.installed-test

demo: install
	$(BIN)/ddaudit scan examples/digits_ipc10_clean.safetensors --original digits --output report --fail-on never
	@echo
	@echo "The report is $(CURDIR)/report/report.html: open it in a browser."

lint: install-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The page is tested in a real browser, by axe and by SARIF's official schema where they can be had; the tests skip with the reason elsewhere.
browser:
	@command -v chromium >/dev/null || (apt-get update -qq && apt-get install -y -qq chromium) >/dev/null 2>&1 || true
	@test -d build/node_modules/axe-core -a -d build/node_modules/@microsoft/jest-sarif || \
	  npm install --silent --fetch-retries 1 --fetch-timeout 20000 --prefix build axe-core @microsoft/jest-sarif >/dev/null 2>&1 || true

docs: install-test
	$(BIN)/sphinx-build -q -W --keep-going docs build/docs

# As a stranger installs it: templates and pages have to be inside, and all that is imported has to be asked for.
WHEEL_ENV := build/wheel-env
wheel: install-test
	rm -rf build/dist $(WHEEL_ENV)
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir build/dist .
	$(BIN)/python tests/wheel_environment.py build/dist/*.whl $(WHEEL_ENV)
	cd build && wheel-env/bin/ddaudit explain DD-PRV-TRACE >/dev/null
	cd build && wheel-env/bin/ddaudit scan ../examples/digits_ipc10_clean.safetensors --original digits --check DD-SAF-SCHEMA \
	  --check DD-PRV-TRACE --check DD-UTL-ACCURACY --output wheel-report --quiet --fail-on never
	rm -rf $(WHEEL_ENV)

test: lint browser docs
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder --durations=15
	$(MAKE) wheel

coverage: install-test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder --cov=ddaudit --cov-report=term-missing:skip-covered

DISTIL := $(BIN)/ddaudit
examples: install
	$(DISTIL) distill digits --ipc 10 --init noise --lr 10 --iterations 1000 --device cpu --out examples/digits_ipc10_clean.safetensors
	$(DISTIL) distill digits --ipc 10 --init real --lr 1 --iterations 300 --device cpu --out examples/digits_ipc10_leak.safetensors
	$(DISTIL) plant naive-trigger --in examples/digits_ipc10_clean.safetensors --original digits --target 3 \
	  --set fraction=0.25 --set size=2 --set margin=0 --device cpu --out examples/digits_ipc10_backdoor.safetensors

INPUTS  ?= 50000
SECONDS ?= 1800
SEED    ?= 0
fuzz: install-test
	$(BIN)/python tests/fuzz --inputs $(INPUTS) --seconds $(SECONDS) --seed $(SEED)

mutants: install-test
	OMP_NUM_THREADS=1 $(BIN)/python tests/mutants $(MODULES)

clean:
	rm -rf $(VENV) report build dist
