"""From a generator to a ``.tflite`` file in one of five precisions.

- "float32": input `lr` and output `sr` are float32 in [0, 1], clipped in the graph;
- "float16": the same, with float16 weights;
- "dynamic": the same, with int8 weights, one step per output channel; activations are
  rounded to 8 bits while it runs;
- "int8": everything is int8; `lr` and `sr` are uint8 levels, (1/255, 0);
- "int16x8": `lr` and `sr` as "float32", weights as "dynamic", activations int16 except
  in the pixel shuffle, which has no such op.

A conditional generator's file has a second input, `degradation`, (1, 10), of the type
of `lr`: all pictures of a call share it, as a batch of any size would bring ops for
shapes, which phones run badly.

For int8 the network's channels are equalised (`equalisation`) and its ranges are set
(`quantisation`) before the converter sees it. 16 bits need neither: the converter's
ranges are fine enough, and equalised kernels lose more in 8 bits than trained ones.
"""

import ctypes
import gc
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from srlite.data.degradation_vector import SIZE, Degradation
from srlite.errors import ExportError, error_reason
from srlite.export.calibration import Sample
from srlite.export.checks import runner
from srlite.export.equalisation import equalise
from srlite.export.quantisation import correct_biases, quantise
from srlite.models.generators import inputs_of, is_conditional
from srlite.models.model_files import step_of
from srlite.pictures.levels import to_float

_MEASURED = 256  # LR pixels a side of the picture that memory is measured on


def convert(
    generator: Any,
    path: Path,
    input_size: tuple[int, int] | None,
    precision: str,
    samples: Sequence[Sample] | None = None,
    batch: int | None = None,
) -> None:
    """Write a generator as a ``.tflite`` file.

    Args:
        generator: Functional `keras.Model` from LR, and perhaps a degradation, to SR.
        path: the file to write.
        input_size: LR (height, width) of a static input; None for any size.
        precision: see above.
        samples: what int8 and int16x8 are calibrated on, of the input size.
        batch: pictures per call, None for any number; 1 for a static input.

    Raises ExportError where the model cannot be converted, or not for this size.
    """
    channels, step = generator.inputs[0].shape[-1], step_of(generator)
    if any(side % step for side in input_size or ()):
        raise ExportError(
            f"input_size must be multiples of {step} for this model; received "
            f"{input_size}"
        )
    shape = (1, *input_size) if input_size else (batch, None, None)
    shapes = {"lr": (*shape, channels)}
    if is_conditional(generator):
        shapes["degradation"] = (1, SIZE)
    feeds = [
        {"lr": to_float(lr)[None, ..., :channels], "degradation": degradation[None]}
        for lr, degradation in samples or ()
    ]
    generator = _without_resizes(generator)
    called = [inputs_of(generator, *feed.values()) for feed in feeds]
    if precision == "int8":
        generator = quantise(equalise(generator, called), called)
    elif precision == "int16x8":
        generator = correct_biases(generator, called)
    inputs = {n: keras.Input(batch_shape=s, name=n) for n, s in shapes.items()}
    sr = generator(inputs_of(generator, inputs["lr"], inputs.get("degradation")))
    if precision != "int8":
        sr = keras.ops.clip(sr, 0.0, 1.0)
    feeds = [{name: feed[name] for name in shapes} for feed in feeds]
    write(inputs, {"sr": sr}, path, **_options(precision, feeds))


def _without_resizes(generator: Any) -> Any:
    """Replace nearest-neighbour enlargements by copies and a pixel shuffle.

    The result is the same. Their own op does not convert for pictures of any size, and
    for a fixed size it brings ops that GPUs do not have.
    """

    def repeats(layer: Any) -> bool:
        return (
            isinstance(layer, keras.layers.UpSampling2D)
            and layer.interpolation == "nearest"
            and layer.size[0] == layer.size[1]
        )

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        if not repeats(layer):
            return layer(*args, **kwargs)
        factor = layer.size[0]
        copies = keras.ops.concatenate([args[0]] * factor**2, axis=-1)
        return keras.ops.depth_to_space(copies, factor)

    if not any(map(repeats, generator.layers)):
        return generator
    return keras.models.clone_model(
        generator, clone_function=lambda layer: layer, call_function=call
    )


def write(
    inputs: dict[str, Any], outputs: dict[str, Any], path: Path, **options: Any
) -> None:
    """Write a graph from named `keras.Input`s to outputs as a ``.tflite`` file."""
    # Without a signature Keras makes the batch of a static input unknown.
    # A list, as Keras 3.14 wraps a model of named inputs in one of unknown batch.
    signature = [
        keras.InputSpec(shape=x.shape, dtype="float32", name=name)
        for name, x in inputs.items()
    ]
    try:
        keras.Model(list(inputs.values()), outputs).export(
            str(path),
            format="litert",
            verbose=False,
            input_signature=signature if len(signature) == 1 else [signature],
            **_options("float32") | options,
        )
    except OSError:
        raise
    except Exception as error:  # whatever Keras and the converter choose to raise
        raise ExportError(
            f"the model cannot be converted: {error_reason(error)}"
        ) from error


def measure_memory(content: bytes, channels: int) -> int | None:
    """Measure the bytes of a call per LR pixel, including a share of the file's own.

    The file takes any height and width. None where the system does not say it.
    """
    gc.collect()  # so that nothing is freed while this is measured
    before = _resident_memory()
    run = runner(content)
    lr = np.zeros((1, _MEASURED, _MEASURED, channels), np.float32)
    run(lr, Degradation().vector)
    after = _resident_memory()
    if before is None or after is None:
        return None
    return max(1, -(-(after - before) // _MEASURED**2))


def _resident_memory() -> int | None:
    """Bytes that this process holds, without those that it has freed; or None."""
    try:
        # Memory freed before would hide what is taken.
        ctypes.CDLL(None).malloc_trim(0)
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, AttributeError, TypeError):  # not Linux, or without glibc
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def _options(precision: str, feeds: Sequence[dict] = ()) -> dict[str, Any]:
    """Return the converter's options."""
    import tensorflow as tf

    ops = tf.lite.OpsSet.TFLITE_BUILTINS
    options: dict[str, Any] = {"target_spec": {"supported_ops": [ops]}}
    if precision != "float32":
        options["optimizations"] = [tf.lite.Optimize.DEFAULT]
    if precision == "float16":
        options["target_spec"]["supported_types"] = [tf.float16]
    if precision == "int8":
        options["target_spec"]["supported_ops"] = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        options["inference_input_type"] = options["inference_output_type"] = tf.uint8
        # For what `quantisation` left alone, an op that it does not know.
        options["representative_dataset"] = lambda: iter(feeds[:6])
    if precision == "int16x8":
        sixteen = (
            tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        )
        options["target_spec"]["supported_ops"] = [sixteen, ops]
        options["representative_dataset"] = lambda: iter(feeds)
    return options
