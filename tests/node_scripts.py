"""The scripts of the web page in Node, called by tests."""

import importlib.util
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

WEB = Path(__file__).parents[1] / "web"


def need(*missing):
    """Skip, or fail where the web tests are required, for the first thing missing."""
    reason = next((reason for is_there, reason in missing if not is_there), None)
    if reason and os.environ.get("SRLITE_REQUIRE_WEB"):
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)


def image_data(lr):
    """A picture as browsers hold it."""
    pixels = np.dstack([lr, np.full(lr.shape[:2], 255, np.uint8)]).ravel().tolist()
    return {"pixels": pixels, "width": lr.shape[1], "height": lr.shape[0]}


def run_node(command, text=None):
    run = subprocess.run(command, input=text, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout


def load_server():
    """Return the module that serves the page."""
    spec = importlib.util.spec_from_file_location("serve", WEB / "serve.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
