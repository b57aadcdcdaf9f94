# Type "make" for the list of targets. ARGS="..." is passed on: make train ARGS="trainer.max_epochs=5"

PYTHON ?= python3
VENV ?= .venv
ARGS ?=

BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup data train first-look best images play smoke evaluate anchors test lowest browser reliability parity bench bench-growth bench-quality bench-load bench-folders lint format lock clean

help: ## Show this list
	@echo 'Usage: make TARGET [ARGS="key=value ..."]'
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

setup: $(INSTALLED) ## Make the virtual environment in .venv (the other targets do it when needed)

# The lock file holds exact versions as constraints, so it also serves where a platform lacks a package.
$(INSTALLED): pyproject.toml requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --constraint requirements.lock --editable ".[dev]"
	@touch $@

data: $(INSTALLED) ## Find or fetch Fashion-MNIST, verify and describe it
	$(BIN)/python -m dcgan_lightning.data $(ARGS)

# Memory: see dcgan_lightning/core/memory.py
train first-look best smoke evaluate anchors: export GLIBC_TUNABLES ?= glibc.malloc.tcache_count=0:glibc.malloc.hugetlb=1

train: $(INSTALLED) ## Train on the best device there is; outputs/<run_name>/ holds everything
	$(BIN)/python -m dcgan_lightning.train $(ARGS)

first-look: $(INSTALLED) ## Good pictures in minutes, also without a GPU
	$(BIN)/python -m dcgan_lightning.train experiment=first_look $(ARGS)

best: $(INSTALLED) ## The best pictures here, in about an hour and a half
	$(BIN)/python -m dcgan_lightning.train experiment=best $(ARGS)

images: $(INSTALLED) ## Images of every class from the generator that comes with the package, in seconds
	$(BIN)/python -m dcgan_lightning.generate ckpt_path=pretrained mode=atlas $(ARGS)

play: $(INSTALLED) ## A page to play with the generator that comes with the package, in outputs/play.html
	$(BIN)/python -m dcgan_lightning.play $(ARGS)

smoke: $(INSTALLED) ## A run of seconds on made-up data
	$(BIN)/python -m dcgan_lightning.train experiment=smoke $(ARGS)

evaluate: $(INSTALLED) ## Score a trained model: make evaluate ARGS="ckpt_path=outputs/..."
	$(BIN)/python -m dcgan_lightning.evaluate $(ARGS)

anchors: $(INSTALLED) ## Compute the classifier's accuracy and the scores' anchors anew, and compare them
	$(BIN)/python -m dcgan_lightning.evaluate anchors=true $(ARGS)

test: $(INSTALLED) browser ## Run all tests; ARGS="-k grid" runs some
	$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

lowest: .venv-lowest/.installed ## Run the tests with the lowest versions that pyproject.toml allows
	.venv-lowest/bin/python -m pytest $(ARGS)

.venv-lowest/.installed: pyproject.toml tests/lowest_versions.py
	$(PYTHON) -m venv .venv-lowest
	$(PYTHON) tests/lowest_versions.py > .venv-lowest/constraints.txt
	.venv-lowest/bin/python -m pip install --constraint .venv-lowest/constraints.txt --editable ".[dev]"
	@touch $@

# Where there is none and none can be had, the tests that need one are skipped and say so.
browser: ## Fetch Chromium for the tests of the report, if there is no browser and apt-get may be used
	@$(has_browser) || ! command -v apt-get >/dev/null || { \
	    as_root=; [ "$$(id -u)" = 0 ] || as_root="sudo -n"; \
	    echo "fetching Chromium for the tests of the report"; \
	    export DEBIAN_FRONTEND=noninteractive; \
	    { $$as_root apt-get update && $$as_root apt-get install --yes chromium chromium-driver; } \
	        >/dev/null 2>&1 </dev/null || echo "it cannot be had here"; }

has_browser = { command -v chromedriver && { command -v chromium || command -v chromium-browser \
    || command -v google-chrome; }; } >/dev/null

reliability: $(INSTALLED) ## Kill, fill, damage and misuse runs, a plain Lightning script's too; two hours
	$(BIN)/python tests/reliability/report.py $(ARGS)

parity: $(INSTALLED) .venv-keras/.installed ## Compare with Keras itself, in its own environment
	$(BIN)/python -m pytest tests/parity -m "keras or not keras" $(ARGS)

.venv-keras/.installed: tests/parity/requirements-keras.txt
	$(PYTHON) -m venv .venv-keras
	.venv-keras/bin/python -m pip install --requirement $<
	@touch $@

bench: $(INSTALLED) .venv-keras/.installed ## Time this project, Keras, Lightning and PyTorch in turn; an hour
	$(BIN)/python tests/benchmarks/bench.py $(ARGS)

bench-growth: $(INSTALLED) ## Time an epoch as data, batches and networks grow; half an hour
	$(BIN)/python tests/benchmarks/growth.py $(ARGS)

bench-quality: $(INSTALLED) .venv-keras/.installed ## Time until good pictures: recipes, Keras and two known examples; an hour
	$(BIN)/python tests/benchmarks/quality.py outputs/bench_quality $(ARGS)

bench-load: $(INSTALLED) ## Time training on a machine that is also busy with other work; ten minutes
	$(BIN)/python tests/benchmarks/load.py $(ARGS)

bench-folders: $(INSTALLED) ## Time folders of pictures: preparing, batches, an iteration; five minutes
	$(BIN)/python tests/benchmarks/folders.py $(ARGS)

lint: $(INSTALLED) ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(INSTALLED) ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(INSTALLED) ## Write the versions that are installed now to requirements.lock
	$(BIN)/python -m pip freeze --exclude-editable > requirements.lock

clean: ## Remove caches and builds; runs, data and the environment stay
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +
