"""The checks that a ``.tflite`` passes before it is handed over.

Its size is within a budget; its ops are those that every delegate runs well, which
also refuses a file whose weights were left behind in variables; an int8 file is int8
throughout; LiteRT computes on a real photo what the Keras model computes; and 8-bit
numbers cost no more than `MAX_LOSS` on pictures (`srlite.export.psnr_drop`). A file is its
bytes here: nothing touches the disk. A check that fails raises `ExportError`.

Differences are in levels, 1 level = 1/255: between unrounded outputs, but for int8
files, which give whole levels.
"""

import collections

import numpy as np

from srlite.errors import ExportError
from srlite.pictures.picture import to_float, to_uint8

PRECISIONS = ("float32", "float16", "dynamic", "int8")

MAX_BYTES = 5_000_000

# Largest difference from the Keras model, in levels, by precision. Measured on the
# default `rrdb_net`: at most 0.002 in float32. Weights rounded to float16 gave 0.2
# after a short training, 0.9 with random weights and outputs between -11 and 15.
MAX_DIFFERENCE = {"float32": 1.0, "float16": 1.0}
# Mean difference of files that compute with 8-bit numbers: one edge that comes out
# otherwise says nothing there.
MAX_MEAN_DIFFERENCE = {"dynamic": 4.0, "int8": 4.0}

# All of them are on the list of LiteRT's GPU delegates and of XNNPACK.
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
# DEQUANTIZE widens float16 weights; QUANTIZE stands between uint8 and int8.
_FURTHER_OPS = {"float16": {"DEQUANTIZE"}, "int8": {"QUANTIZE"}}

# Photo sizes (height, width) in LR pixels at which a file of any size is compared.
CHECK_SIZES = ((128, 128), (61, 97), (1, 1))


def check_size(content, max_bytes=MAX_BYTES):
    """Raise `ExportError` if a ``.tflite`` (bytes) is larger than `max_bytes`."""
    if len(content) > max_bytes:
        raise ExportError(
            f"the file has {len(content):,} bytes, the budget is {max_bytes:,}: "
            "make the model smaller or export it in float16"
        )


def operators(content):
    """Yield (op name, `Operator`) for each op of a ``.tflite`` (bytes), as it runs."""
    from ai_edge_litert import schema_py_generated as schema

    names = {code: name for name, code in vars(schema.BuiltinOperator).items()}
    model = schema.Model.GetRootAs(content)
    for i in range(model.SubgraphsLength()):
        graph = model.Subgraphs(i)
        for j in range(graph.OperatorsLength()):
            code = model.OperatorCodes(graph.Operators(j).OpcodeIndex())
            # Old codes fill one byte, newer ones the wider field; the larger holds.
            number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
            name = names.get(number, f"OP_{number}")
            if name == "CUSTOM":
                name = code.CustomCode().decode()
            yield name, graph.Operators(j)


def count_ops(content):
    """Count the ops of a ``.tflite`` (bytes): dict of name to number, most first."""
    counts = collections.Counter(name for name, _ in operators(content))
    return dict(counts.most_common())


def check_ops(content, precision="float32"):
    """Count the ops of a ``.tflite``, and refuse those that phones run badly.

    Args:
        content: the file, bytes.
        precision: "float16" allows DEQUANTIZE as well, which widens the weights, and
            "int8" allows QUANTIZE.

    Returns:
        dict, op name -> count, the commonest first.

    Raises:
        ExportError: an op is not in `ALLOWED_OPS`.
    """
    counts = count_ops(content)
    allowed = ALLOWED_OPS | _FURTHER_OPS.get(precision, set())
    if foreign := sorted(counts.keys() - allowed):
        raise ExportError(
            f"the file has ops that are not allowed: {', '.join(foreign)} "
            f"(allowed: {', '.join(sorted(allowed))})"
        )
    return counts


def check_quantization(content):
    """Check that an int8 ``.tflite`` computes with integers alone.

    Args:
        content: the file, bytes.

    Raises:
        ExportError: a tensor holds floats, or input or output is not uint8 quantised
            with exactly (1/255, 0).
    """
    from ai_edge_litert import schema_py_generated as schema

    types = {code: name for name, code in vars(schema.TensorType).items()}
    graph = schema.Model.GetRootAs(content).Subgraphs(0)
    tensors = [graph.Tensors(i) for i in range(graph.TensorsLength())]
    # Weights are int8, biases int32, shapes and the like int32.
    for tensor in tensors:
        if (name := types[tensor.Type()]) not in ("INT8", "UINT8", "INT32"):
            raise ExportError(
                f"the file is not int8 throughout: {tensor.Name().decode()} is {name}"
            )
    for number in (graph.Inputs(0), graph.Outputs(0)):
        tensor = tensors[number]
        step = tensor.Quantization().ScaleAsNumpy()
        zero = tensor.Quantization().ZeroPointAsNumpy()
        exact = np.array_equal(step, np.float32([1 / 255])) and not np.any(zero)
        if types[tensor.Type()] != "UINT8" or not exact:
            raise ExportError(
                f"{tensor.Name().decode()} is {types[tensor.Type()]} quantised with "
                f"({step}, {zero}); expected UINT8 with (1/255, 0)"
            )


def check_difference(content, generator, precision, photos, sizes=CHECK_SIZES):
    """Run a ``.tflite`` beside its Keras model on photos.

    Args:
        content: the file, bytes.
        generator: the `keras.Model` it was made from.
        precision: decides the limit, see `MAX_DIFFERENCE`, `MAX_MEAN_DIFFERENCE`.
        photos: uint8 arrays (height, width, 3).
        sizes: (height, width) in LR pixels to bring each photo to.

    Returns:
        largest and mean absolute difference in levels, before any rounding of ours.

    Raises:
        ExportError: the difference is above its limit, or is not a number.
    """
    run = runner(content)
    differences = []
    for photo in photos:
        for size in sizes:
            lr = to_float(fit(photo, size))[None, ..., : generator.input_shape[-1]]
            expected = np.clip(generator(lr, training=False), 0.0, 1.0)
            received = run(lr)  # (1, scale*H, scale*W, channels)
            differences.append(np.abs(received - expected).ravel() * 255.0)
    differences = np.concatenate(differences)
    largest, mean = float(differences.max()), float(differences.mean())
    # `not <=`, so that NaN is refused too.
    if precision in MAX_DIFFERENCE and not largest <= MAX_DIFFERENCE[precision]:
        raise ExportError(
            f"the file differs from its model by up to {largest:.3g} levels (1/255); "
            f"at most {MAX_DIFFERENCE[precision]:g} is allowed in {precision}"
        )
    limit = MAX_MEAN_DIFFERENCE.get(precision, np.inf)
    if not mean <= limit:
        raise ExportError(
            f"the file differs from its model by {mean:.3g} levels (1/255) in the "
            f"mean; at most {limit:g} is allowed in {precision}"
        )
    return largest, mean


def runner(content):
    """Load a ``.tflite`` (bytes) with input `lr` and output `sr`, float or uint8.

    Returns:
        Function float32 (1, H, W, channels) -> (1, scale*H, scale*W, channels), [0, 1].
    """
    from ai_edge_litert.interpreter import Interpreter

    signature = Interpreter(model_content=content).get_signature_runner()
    takes_levels = signature.get_input_details()["lr"]["dtype"] == np.uint8

    def run(lr):
        sr = signature(lr=to_uint8(lr) if takes_levels else lr)["sr"]
        return to_float(sr) if sr.dtype == np.uint8 else sr

    return run


def fit(photo, size):
    """Crop the middle of a photo, or mirror it at its edges, to (height, width)."""
    padding, window = [], []
    for length, wanted in zip(photo.shape, size, strict=False):
        padding.append((0, max(0, wanted - length)))
        start = max(0, length - wanted) // 2
        window.append(slice(start, start + wanted))
    return np.pad(photo, [*padding, (0, 0)], mode="symmetric")[tuple(window)]
