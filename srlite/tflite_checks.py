"""The three checks that a ``.tflite`` passes before it is handed over.

Its size is within a budget; its ops are those that every delegate runs well, which
also refuses a file whose weights were left behind in variables; and LiteRT computes
on a real photo what the Keras model computes. A file is its bytes here: nothing
touches the disk. A check that fails raises `ExportError`.

Differences are in levels, 1 level = 1/255, between unrounded outputs.
"""

import collections

import numpy as np

from srlite.errors import ExportError
from srlite.images import to_float

MAX_BYTES = 5_000_000

# Largest difference from the Keras model, in levels, by precision. Measured on the
# default `rrdb_net`: at most 0.002 in float32. Weights rounded to float16 gave 0.2
# after a short training, 0.9 with random weights and outputs between -11 and 15.
MAX_DIFFERENCE = {"float32": 1.0, "float16": 2.0}

ALLOWED_OPS = frozenset(
    {
        "ADD",
        "CONCATENATION",
        "CONV_2D",
        "DEPTH_TO_SPACE",
        "LEAKY_RELU",
        "MINIMUM",
        "MUL",
        "PRELU",
        "RELU",
    }
)

# Photo sizes (height, width) in LR pixels at which a file of any size is compared.
CHECK_SIZES = ((128, 128), (61, 97), (1, 1))


def check_size(content, max_bytes=MAX_BYTES):
    """Raise `ExportError` if a ``.tflite`` (bytes) is larger than `max_bytes`."""
    if len(content) > max_bytes:
        raise ExportError(
            f"the file has {len(content):,} bytes, the budget is {max_bytes:,}: "
            "make the model smaller or export it in float16"
        )


def check_ops(content, precision="float32"):
    """Count the ops of a ``.tflite``, and refuse those that phones run badly.

    Args:
        content: the file, bytes.
        precision: "float16" allows DEQUANTIZE as well, which widens the weights.

    Returns:
        dict, op name -> count, the commonest first.

    Raises:
        ExportError: an op is not in `ALLOWED_OPS`.
    """
    from ai_edge_litert import schema_py_generated as schema

    names = {code: name for name, code in vars(schema.BuiltinOperator).items()}
    model = schema.Model.GetRootAs(content)
    counts = collections.Counter()
    for i in range(model.SubgraphsLength()):
        graph = model.Subgraphs(i)
        for j in range(graph.OperatorsLength()):
            code = model.OperatorCodes(graph.Operators(j).OpcodeIndex())
            # Old codes fill one byte, newer ones the wider field; the larger holds.
            number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
            name = names.get(number, f"OP_{number}")
            if name == "CUSTOM":
                name = code.CustomCode().decode()
            counts[name] += 1
    allowed = ALLOWED_OPS | ({"DEQUANTIZE"} if precision == "float16" else set())
    if foreign := sorted(counts.keys() - allowed):
        raise ExportError(
            f"the file has ops that are not allowed: {', '.join(foreign)} "
            f"(allowed: {', '.join(sorted(allowed))})"
        )
    return dict(counts.most_common())


def check_difference(content, generator, precision, photos, sizes=CHECK_SIZES):
    """Run a ``.tflite`` beside its Keras model on photos.

    Args:
        content: the file, bytes.
        generator: the `keras.Model` it was made from.
        precision: decides the limit, see `MAX_DIFFERENCE`.
        photos: uint8 arrays (height, width, 3).
        sizes: (height, width) in LR pixels to bring each photo to.

    Returns:
        largest and mean absolute difference in levels, before any rounding.

    Raises:
        ExportError: the largest difference is above the limit, or is not a number.
    """
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(model_content=content).get_signature_runner()
    differences = []
    for photo in photos:
        for size in sizes:
            lr = to_float(_fit(photo, size))[None, ..., : generator.input_shape[-1]]
            expected = np.clip(generator(lr, training=False), 0.0, 1.0)
            received = runner(lr=lr)["sr"]  # (1, scale*H, scale*W, channels)
            differences.append(np.abs(received - expected).ravel() * 255.0)
    differences = np.concatenate(differences)
    largest, mean = float(differences.max()), float(differences.mean())
    limit = MAX_DIFFERENCE[precision]
    if not largest <= limit:  # so that NaN is refused too
        raise ExportError(
            f"the file differs from its model by up to {largest:.3g} levels (1/255); "
            f"at most {limit:g} is allowed in {precision}"
        )
    return largest, mean


def _fit(photo, size):
    """Crop the middle of a photo, or mirror it at its edges, to (height, width)."""
    padding, window = [], []
    for length, wanted in zip(photo.shape, size, strict=False):
        padding.append((0, max(0, wanted - length)))
        start = max(0, length - wanted) // 2
        window.append(slice(start, start + wanted))
    return np.pad(photo, [*padding, (0, 0)], mode="symmetric")[tuple(window)]
