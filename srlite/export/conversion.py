"""From a generator to a ``.tflite`` file in one of four precisions.

- "float32": input `lr` and output `sr` are float32 in [0, 1], clipped in the graph;
- "float16": the same, the weights alone are float16;
- "dynamic": the same, the weights are int8, with one step per output channel;
  activations are rounded to 8 bits as they come;
- "int8": everything is int8; `lr` and `sr` are uint8 levels, (1/255, 0).

What makes int8 good here is done before the converter sees the network: its channels
are equalised (`equalisation`), and its ranges are set (`quantisation`).
"""

import numpy as np

from srlite.errors import ExportError


def convert(keras, generator, path, input_size, precision, pictures=None):
    """Write a generator as a ``.tflite`` file.

    Args:
        keras: the module, on TensorFlow.
        generator: Functional `keras.Model` from LR to SR.
        path: the file to write.
        input_size: LR (height, width) of a static input; None for any size.
        precision: see above.
        pictures: uint8 LR pictures (H, W, channels) that int8 is calibrated on; of
            `input_size` if that is given.

    Raises:
        ExportError: the model cannot be converted.
        OSError: the file cannot be written.
    """
    import tensorflow as tf

    channels = generator.input_shape[-1]
    shape = (1, *input_size, channels) if input_size else (None, None, None, channels)
    lr = keras.Input(batch_shape=shape, name="lr")
    if precision == "int8":
        from srlite.export.equalisation import equalise
        from srlite.export.quantisation import quantise

        sr = quantise(equalise(generator, pictures), pictures)(lr)
    else:
        sr = keras.ops.clip(generator(lr), 0.0, 1.0)
    try:
        keras.Model(lr, {"sr": sr}).export(
            str(path),
            format="litert",
            verbose=False,
            # Without a signature Keras makes the batch of a static input unknown.
            input_signature=[keras.InputSpec(shape=shape, dtype="float32", name="lr")],
            **_options(tf, precision, pictures),
        )
    except OSError:
        raise
    except Exception as error:  # whatever Keras and the converter choose to raise
        reason = f"{error}".strip().split("\n")[0]
        raise ExportError(f"the model cannot be converted: {reason}") from error


def _options(tf, precision, pictures):
    """What the converter is told."""
    ops = tf.lite.OpsSet.TFLITE_BUILTINS
    options = {"target_spec": {"supported_ops": [ops]}}
    if precision != "float32":
        options["optimizations"] = [tf.lite.Optimize.DEFAULT]
    if precision == "float16":
        options["target_spec"]["supported_types"] = [tf.float16]
    if precision == "int8":
        options["target_spec"]["supported_ops"] = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        options["inference_input_type"] = options["inference_output_type"] = tf.uint8
        # For what `quantisation` left alone, an op that it does not know.
        options["representative_dataset"] = lambda: (
            {"lr": picture[None] / np.float32(255.0)} for picture in pictures[:6]
        )
    return options
