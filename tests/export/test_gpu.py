"""Static files on LiteRT's GPU accelerator, on a graphics card that software imitates.

SwiftShader, which comes with Chromium, is a Vulkan driver that runs on a CPU: it shows
that the accelerator takes every op and computes the same, not how fast it is.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from node_scripts import need

from srlite.export.export import export_tflite
from srlite.models import model_files

WORKER = Path(__file__).parents[1] / "gpu_worker.py"
DRIVER = Path("/usr/lib/chromium/vk_swiftshader_icd.json")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "told"), [("light", None), ("light", "jpeg=60"), ("light_rt", None)]
)
def test_a_gpu_computes_what_a_cpu_does(name, told, tmp_path):
    need((DRIVER.exists(), "there is no SwiftShader: install Debian's chromium"))
    path = tmp_path / "static.tflite"
    generator = model_files.load_generator(name)
    export_tflite(
        generator, path, precision="float16", input_size=(32, 32), degradation=told
    )
    run = subprocess.run(
        [sys.executable, WORKER, path],
        # Chromium brings Vulkan's loader too.
        env=os.environ
        | {"VK_DRIVER_FILES": str(DRIVER), "LD_LIBRARY_PATH": str(DRIVER.parent)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    assert "SwiftShader" in run.stderr  # and no other adapter
    result = json.loads(run.stdout.splitlines()[-1])
    assert result["accelerated"]
    assert 255 * result["difference"] <= 1.0
