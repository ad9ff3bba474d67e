SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
# Two processes of 3 GB; a file's tests share what they train.
PYTEST := $(VENV)/bin/python -m pytest -q -n 2 --dist loadfile

.PHONY: demo docs links test test-all test-oldest types web web-files

# Modules whose functions are for others to call.
PUBLIC := cli config data degradations discriminators errors evaluation export features \
    generators inference interpolation losses metrics plots presets recalibration recipe \
    schedules sources tiling upscaler

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

test-all: $(VENV)/installed
	$(PYTEST)

# Training, export and enlarging with the oldest TensorFlow and Keras that are supported.
test-oldest: .venv-oldest/installed
	.venv-oldest/bin/python -m pytest -q -n 2 --dist loadfile -m "not slow" \
	    $(addprefix tests/test_,end_to_end.py export.py features.py generators.py \
	    interpolation.py losses.py trainer.py upscaler.py)

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
	$(VENV)/bin/python web/serve.py $(if $(PORT),--port $(PORT))

# What it serves: see web/README.md.
web-files: build/web/model.tflite web/node_modules/.package-lock.json
	node web/prepare.mjs build/web/model.tflite

build/web/model.tflite: srlite/weights/light.keras $(VENV)/installed
	@mkdir -p build/web
	$(VENV)/bin/python export_tflite.py --model $< --output $@ --input-size 192 192

web/node_modules/.package-lock.json: web/package-lock.json
	npm ci --prefix web --no-audit --no-fund
	@touch $@

.venv-demo/installed: Makefile
	$(call new_venv,.venv-demo)
	.venv-demo/bin/pip install --quiet --disable-pip-version-check \
	    "ai-edge-litert>=2.1" "matplotlib>=3.9" "numpy>=1.26" "pillow>=11.0" "tqdm>=4.66"
	@touch $@

.venv-oldest/installed: requirements.txt Makefile
	$(call new_venv,.venv-oldest)
	.venv-oldest/bin/pip install --quiet --disable-pip-version-check \
	    "tensorflow==2.20.*" "keras==3.14.*" -r requirements.txt
	@touch $@

$(VENV)/installed: requirements.txt Makefile
	$(call new_venv,$(VENV))
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

define new_venv
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	    "error: Python 3.11 or newer is needed, for example: make PYTHON=python3.12")'
	$(PYTHON) -m venv --clear $(1)
endef
