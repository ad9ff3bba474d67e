SHELL := /bin/bash
PYTHON ?= python3

.PHONY: demo

# Enlarge the bundled photo in an environment of its own, without TensorFlow.
demo: .venv-demo/installed
	@mkdir -p demo
	.venv-demo/bin/python inference.py --lr-path srlite/samples/astronaut_lr.png \
	    --sr-path demo/astronaut_sr.png --visualize

.venv-demo/installed: pyproject.toml Makefile
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	    "error: Python 3.11 or newer is needed: make demo PYTHON=python3.12")'
	$(PYTHON) -m venv --clear .venv-demo
	.venv-demo/bin/pip install --quiet --disable-pip-version-check \
	    numpy pillow ai-edge-litert tqdm matplotlib
	@touch $@
