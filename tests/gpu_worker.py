"""A file on LiteRT's GPU accelerator beside its CPU kernels, for `test_gpu`.

    VK_DRIVER_FILES=... python tests/gpu_worker.py FILE.tflite

Prints one line of JSON: whether the GPU ran all of it, the graphics adapter that LiteRT
names is on stderr, and the largest difference between the two.
"""

import json
import sys

import numpy as np
from ai_edge_litert.compiled_model import CompiledModel, HardwareAccelerator, Options
from ai_edge_litert.interpreter import Interpreter


def run_on_gpu(path, inputs):
    """Return (whether the GPU ran all of it, float32 outputs, flat)."""
    options = Options(hardware_accelerators=HardwareAccelerator.GPU)
    model = CompiledModel.from_file(path, options=options)
    signature = model.get_signature_by_index(0)
    given, taken = model.create_input_buffers(0), model.create_output_buffers(0)
    for name, buffer in zip(signature["inputs"], given, strict=True):
        buffer.write(inputs[name].ravel())
    model.run_by_index(0, given, taken)
    (output,) = signature["outputs"]
    details = model.get_output_tensor_details(signature["key"])[output]
    size = int(np.prod(details["shape"]))
    return model.is_fully_accelerated(), taken[0].read(size, np.float32)


def main(path):
    """Compare one file."""
    signature = Interpreter(path).get_signature_runner()
    random = np.random.default_rng(0)
    inputs = {
        name: random.random(details["shape"], dtype=np.float32)
        for name, details in signature.get_input_details().items()
    }
    (expected,) = signature(**inputs).values()
    accelerated, got = run_on_gpu(path, inputs)
    difference = float(np.abs(got - expected.ravel()).max())
    print(json.dumps({"accelerated": accelerated, "difference": difference}))


if __name__ == "__main__":
    main(sys.argv[1])
