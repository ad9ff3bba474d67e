"""`train.py` on a CPU that looks like several devices.

python tests/replicas_worker.py DEVICES ARGUMENTS_OF_TRAIN_PY...
"""

import runpy
import sys
from pathlib import Path

import tensorflow as tf

if __name__ == "__main__":
    (cpu,) = tf.config.list_physical_devices("CPU")
    count = int(sys.argv.pop(1))
    device = tf.config.LogicalDeviceConfiguration()
    tf.config.set_logical_device_configuration(cpu, [device] * count)
    root = Path(__file__).parents[1]
    sys.path.insert(0, str(root))
    runpy.run_path(str(root / "train.py"), run_name="__main__")
