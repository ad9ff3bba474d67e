SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
# Two processes of 3 GB; a file's tests share what they train. In the order of the
# names, as xdist's own leaves files of few and long tests to the end of one process.
PYTEST := $(VENV)/bin/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: demo docs links test test-all test-bulk test-oldest test-slow types web web-files

# Modules whose functions are for others to call.
PUBLIC := cli config.config config.presets data.degradations data.patches data.sources \
    enhance.inference errors evaluation.command export.export metrics.psnr_ssim \
    models.discriminators models.features models.generators runtime.tiling \
    runtime.upscaler models.interpolation training.losses training.plots \
    training.optimizers training.recipe

# Enlarge the bundled photo in an environment of its own, without TensorFlow.
demo: .venv-demo/installed
	@mkdir -p demo
	.venv-demo/bin/python inference.py --lr-path srlite/samples/astronaut_lr.png \
	    --sr-path demo/astronaut_sr.png --visualize

test: $(VENV)/installed
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(PYTEST) -m "not slow"

test-slow: $(VENV)/installed
	$(PYTEST) -m slow

test-all: $(VENV)/installed
	$(PYTEST)

# Training, export and enlarging with the oldest TensorFlow and Keras that are supported.
test-oldest: .venv-oldest/installed
	.venv-oldest/bin/python -m pytest -q -n 2 --dist loadfile -m "not slow" \
	    $(addprefix tests/,test_end_to_end.py export/test_export.py \
	    models/test_features.py models/test_generators.py runtime/test_upscaler.py \
	    $(addprefix training/test_,losses.py trainer.py) models/test_interpolation.py)

# Enlarging by Apache Beam, whose dependencies are not those of training.
test-bulk: .venv-bulk/installed
	.venv-bulk/bin/python -m pytest -q tests/enhance/test_bulk.py

types: $(VENV)/installed
	$(VENV)/bin/mypy

# The API reference, from the docstrings.
docs: $(VENV)/installed
	TF_CPP_MIN_LOG_LEVEL=3 $(VENV)/bin/pdoc --docformat google --output-directory site \
	    $(PUBLIC:%=srlite.%)

# Ask every external link of the pages; needs the network.
links:
	@grep -rhoE 'https?://[^] )>`"]+' --include=*.md *.md docs srlite | sort -u | \
	while read -r url; do \
	    curl --fail --silent --location --max-time 30 --output /dev/null "$$url" \
	        || echo "no answer: $$url"; \
	done

# Serve the page that enlarges pictures in the browser, to this machine alone.
web: web-files
	$(PYTHON) web/serve.py $(if $(PORT),--port $(PORT))

# What it serves: see web/README.md. Neither part needs an environment.
web-files: web/node_modules/.package-lock.json
	node web/prepare.mjs $(wildcard $(addprefix srlite/weights/, \
	    $(addsuffix .tflite,light light_psnr light_int8 light_rt)))

web/node_modules/.package-lock.json: web/package-lock.json
	npm ci --prefix web --no-audit --no-fund
	@touch $@

.venv-demo/installed: Makefile
	$(call new_venv,.venv-demo)
	.venv-demo/bin/pip install --quiet --disable-pip-version-check \
	    "ai-edge-litert>=2.1" "matplotlib>=3.9" "numpy>=1.26" "pillow>=11.0" "tqdm>=4.66" \
    "isal>=1.7; platform_machine in 'x86_64 AMD64 arm64 aarch64'"
	@touch $@

.venv-oldest/installed: requirements.txt requirements-dev.txt Makefile
	$(call new_venv,.venv-oldest)
	.venv-oldest/bin/pip install --quiet --disable-pip-version-check \
	    "tensorflow==2.20.*" "keras==3.14.*" -r requirements-dev.txt
	@touch $@

.venv-bulk/installed: pyproject.toml
	$(call new_venv,.venv-bulk)
	.venv-bulk/bin/pip install --quiet --disable-pip-version-check \
	    ".[bulk]" "pytest>=8.3" "scikit-image>=0.25"
	@touch $@

$(VENV)/installed: requirements.txt requirements-dev.txt Makefile
	$(call new_venv,$(VENV))
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

define new_venv
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	    "error: Python 3.11 or newer is needed, for example: make PYTHON=python3.12")'
	$(PYTHON) -m venv --clear $(1)
endef
