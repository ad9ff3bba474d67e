"""The checks that a ``.tflite`` passes before it is handed over.

Its size is within a budget. Its ops are those that every delegate runs well, which also
refuses a file whose weights were left behind in variables. An int8 file is int8
throughout. LiteRT computes on a real photo what the Keras model computes, whatever
degradation both are told. A file is its bytes here, and a check that fails raises
`ExportError`. Differences are in levels, 1/255, of unrounded outputs.
"""

import itertools
from collections.abc import Callable, Iterable, Sequence, Set
from typing import Any

import numpy as np

from srlite.data.degradation_vector import SMALLEST, Degradation
from srlite.errors import ExportError
from srlite.models.tflite import count_ops, operators
from srlite.pictures.levels import to_float, to_uint8

PRECISIONS = ("float32", "float16", "dynamic", "int8", "int16x8")

MAX_BYTES = 5_000_000
MAX_ESTIMATOR_BYTES = 300_000
MAX_ESTIMATOR_DIFFERENCE = 1e-3  # between numbers of two degradations

# Largest difference from the Keras model, in levels, by precision. Measured on the
# default `rrdb_net`: at most 0.002 in float32. Weights rounded to float16 gave 0.2
# after a short training, 0.9 with random weights and outputs between -11 and 15.
MAX_DIFFERENCE = {"float32": 1.0, "float16": 1.0}
# What float32 may round away, as a share of the largest value before clipping: it was
# 3.4e-6 in `srresnet` after 5 steps, whose output reached 2,000.
_ROUNDING = 1e-5
_USUAL_OUTPUT = 20.0
# With 8-bit numbers single edges may come out otherwise; the mean difference counts.
MAX_MEAN_DIFFERENCE = {"dynamic": 4.0, "int8": 4.0, "int16x8": 4.0}

# All of them are on the list of LiteRT's GPU delegates and of XNNPACK.
ALLOWED_OPS = frozenset(
    "ADD CONCATENATION CONV_2D DEPTH_TO_SPACE FULLY_CONNECTED LEAKY_RELU MINIMUM MUL "
    "PRELU RELU RESHAPE".split()
)
# Of estimators, which run on a CPU, once for each picture.
ESTIMATOR_OPS = frozenset(
    "ADD CONCATENATION CONV_2D DIV FULLY_CONNECTED LEAKY_RELU LOG LOGISTIC MEAN MUL "
    "RESHAPE SOFTMAX SPACE_TO_DEPTH SQUARE STRIDED_SLICE SUB SUM".split()
)
# PAD makes the cut to the sides that an estimator takes.
SEEING_OPS = ALLOWED_OPS | ESTIMATOR_OPS | {"PAD"}
# DEQUANTIZE widens float16 weights; QUANTIZE stands between uint8 and int8; both stand
# between floats and int16.
_FURTHER_OPS = {
    "float16": {"DEQUANTIZE"},
    "int8": {"QUANTIZE"},
    "int16x8": {"DEQUANTIZE", "QUANTIZE"},
}
# What moves and clips floats in a file of int16x8.
_MOVING_FLOATS = ("DEQUANTIZE", "DEPTH_TO_SPACE", "MINIMUM", "RELU")

# Photo sizes (height, width) in LR pixels at which a file of any size is compared.
CHECK_SIZES = ((128, 128), (61, 97), (1, 1))
SLOW_SIZES = ((40, 40), (23, 37), (1, 1))  # int16x8 takes a CPU 100 times as long
SEEING_SIZES = ((128, 128), (61, 97), (SMALLEST, SMALLEST))  # an estimator built in
ESTIMATOR_SIZES = ((127, 127), (63, 95), (SMALLEST, SMALLEST))
# What conditional generators and their files are told while they are compared.
CHECK_DEGRADATIONS = (
    Degradation(),
    Degradation((0.0, 0.0, 0.2, 0.8, 0.0, 0.0), 40.0, 8.0, 1.5, 0.6),
)


def check_size(
    content: bytes, max_bytes: int | None = MAX_BYTES, estimator_bytes: int = 0
) -> None:
    """Raise ExportError if a file and its estimator have more than `max_bytes`."""
    total = len(content) + estimator_bytes
    if max_bytes is not None and total > max_bytes:
        what = "file and its estimator have" if estimator_bytes else "file has"
        raise ExportError(
            f"the {what} {total:,} bytes, the budget is {max_bytes:,}: "
            "make the model smaller, export it in float16, or raise the budget "
            "(--max-bytes N, or none)"
        )


def check_ops(
    content: bytes, precision: str = "float32", allowed: Set[str] = ALLOWED_OPS
) -> dict[str, int]:
    """Count the ops of a ``.tflite``, and raise ExportError for those not allowed.

    Precisions other than float32 allow further ops. The commonest op comes first.
    """
    counts = count_ops(content)
    allowed = allowed | _FURTHER_OPS.get(precision, set())
    if foreign := sorted(counts.keys() - allowed):
        raise ExportError(
            f"the file has ops that are not allowed: {', '.join(foreign)} "
            f"(allowed: {', '.join(sorted(allowed))})"
        )
    return counts


def check_quantization(content: bytes) -> None:
    """Raise ExportError for an int8 ``.tflite`` (bytes) that computes with floats.

    Its inputs and its output must be uint8 quantised with exactly (1/255, 0).
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
    for number in (*graph.InputsAsNumpy(), graph.Outputs(0)):
        tensor = tensors[number]
        kind = types[tensor.Type()]
        step = tensor.Quantization().ScaleAsNumpy()
        zero = tensor.Quantization().ZeroPointAsNumpy()
        exact = np.array_equal(step, np.array([1 / 255], np.float32))
        if kind != "UINT8" or not exact or np.any(zero):
            raise ExportError(
                f"{tensor.Name().decode()} is {kind} quantised with "
                f"({step}, {zero}); expected UINT8 with (1/255, 0)"
            )


def check_sixteen_bits(content: bytes) -> None:
    """Raise ExportError for an int16x8 ``.tflite`` (bytes) that computes with floats.

    The converter leaves an op in float that it cannot make in 16 bits.
    """
    from ai_edge_litert import schema_py_generated as schema

    graph = schema.Model.GetRootAs(content).Subgraphs(0)
    for name, op in operators(content):
        made = graph.Tensors(op.Outputs(0)).Type()
        if made == schema.TensorType.FLOAT32 and name not in _MOVING_FLOATS:
            raise ExportError(
                f"the converter cannot make {name} of this model compute with 16 bits; "
                "export it in int8, float16 or float32"
            )


def check_difference(
    content: bytes,
    generator: Any,
    precision: str,
    photos: Iterable[np.ndarray],
    sizes: Iterable[tuple[int, int]] = CHECK_SIZES,
) -> tuple[float, float]:
    """Run a ``.tflite`` beside its Keras model on photos.

    Photos are uint8 (height, width, 3), brought to each of `sizes`, (height, width) in
    LR pixels. A conditional `keras.Model` is told each of `CHECK_DEGRADATIONS`. Limits
    are those of the precision: `MAX_DIFFERENCE`, `MAX_MEAN_DIFFERENCE`. Returns
    (largest, mean) absolute difference in levels.
    """
    run = runner(content)
    channels = generator.inputs[0].shape[-1]
    told = CHECK_DEGRADATIONS if len(generator.inputs) == 2 else [None]
    found, reached = [], 1.0
    for photo, size, degradation in itertools.product(photos, sizes, told):
        lr = to_float(fit(photo, size))[None, ..., :channels]
        inputs = lr if degradation is None else [lr, degradation.vector[None]]
        expected = np.asarray(generator(inputs, training=False))
        reached = max(reached, float(np.abs(expected).max()))
        expected = np.clip(expected, 0.0, 1.0)
        received = run(lr, degradation and degradation.vector)
        found.append(np.abs(received - expected).ravel() * 255.0)
    differences = np.concatenate(found)
    largest, mean = float(differences.max()), float(differences.mean())
    hint = ""
    if reached > _USUAL_OUTPUT:
        hint = f"; before clipping the model gives up to {reached:.3g}: train it longer"
    limit = MAX_DIFFERENCE.get(precision, np.inf)
    if precision == "float32":
        limit = max(limit, _ROUNDING * reached * 255.0)
    # `not <=`, so that NaN is refused too.
    if not largest <= limit:
        raise ExportError(
            f"the file differs from its model by up to {largest:.3g} levels (1/255); "
            f"at most {limit:.3g} is allowed in {precision}{hint}"
        )
    limit = MAX_MEAN_DIFFERENCE.get(precision, np.inf)
    if not mean <= limit:
        raise ExportError(
            f"the file differs from its model by {mean:.3g} levels (1/255) in the "
            f"mean; at most {limit:g} is allowed in {precision}{hint}"
        )
    return largest, mean


def check_estimator(
    content: bytes, estimator: Any, photos: Iterable[np.ndarray]
) -> float:
    """Run the ``.tflite`` of an estimator beside its Keras model on crops of photos.

    Photos are uint8 arrays (height, width, 3). It returns the largest absolute
    difference between numbers of the degradation.
    """
    from ai_edge_litert.interpreter import Interpreter

    run = Interpreter(model_content=content).get_signature_runner()
    differences = []
    for photo, size in itertools.product(photos, ESTIMATOR_SIZES):
        lr = to_float(fit(photo, size))[None]
        expected = np.asarray(estimator(lr, training=False))
        differences.append(np.abs(run(lr=lr)["degradation"] - expected))  # (1, 10)
    largest = float(np.max(differences))
    if not largest <= MAX_ESTIMATOR_DIFFERENCE:
        raise ExportError(
            f"the file's degradation differs from its model's by up to {largest:.3g}; "
            f"at most {MAX_ESTIMATOR_DIFFERENCE:g} is allowed"
        )
    return largest


def runner(content: bytes) -> Callable[..., np.ndarray]:
    """Load a ``.tflite`` (bytes) with input `lr` and output `sr`, float or uint8.

    Returns function of LR, float32 (1, H, W, channels) in [0, 1], and for a conditional
    file of a degradation, (10,), to SR, [0, 1].
    """
    from ai_edge_litert.interpreter import Interpreter

    signature = Interpreter(model_content=content).get_signature_runner()
    types = {name: x["dtype"] for name, x in signature.get_input_details().items()}

    def run(lr: np.ndarray, degradation: np.ndarray | None = None) -> np.ndarray:
        inputs = {"lr": lr}
        if "degradation" in types:
            inputs["degradation"] = np.asarray(degradation, np.float32)[None]
        for name, value in inputs.items():
            inputs[name] = to_uint8(value) if types[name] == np.uint8 else value
        sr = signature(**inputs)["sr"]
        return to_float(sr) if sr.dtype == np.uint8 else sr

    return run


def fit(photo: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """Crop the middle of a photo, or mirror it at its edges, to (height, width)."""
    padding, window = [], []
    for length, wanted in zip(photo.shape, size, strict=False):
        padding.append((0, max(0, wanted - length)))
        start = max(0, length - wanted) // 2
        window.append(slice(start, start + wanted))
    return np.pad(photo, [*padding, (0, 0)], mode="symmetric")[tuple(window)]
