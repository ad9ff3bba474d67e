"""Make conditional generators take one input, for export.

Where all pictures were made alike, `tell` builds their degradation in: every shift
becomes part of a bias, at no cost. Where they were not, and the program cannot run an
estimator itself, `tell_by_estimator` builds that in. `build_in` chooses between them.
"""

from collections import Counter
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from srlite.data.degradation_vector import Degradation
from srlite.errors import ConfigError, ExportError, ModelError
from srlite.export.graphs import steps_of, taken_by
from srlite.runtime.telling import Told, parts_of

_GRID = 8  # an estimator takes sides of 8 n + 7 LR pixels


def build_in(
    generator: Any, degradation: Told | None = None, estimator: Any = None
) -> tuple[Any, str | dict | None]:
    """Build a degradation, or an estimator, into a conditional generator.

    Args:
        generator: `keras.Model`, conditional or not.
        degradation: as for `telling.parts_of`; missing parts mean no damage and every
            kernel alike. "auto" builds the estimator in. None leaves the generator as
            it is.
        estimator: `keras.Model`, for "auto".

    Returns (generator, told): what to export, and the metadata field `degradation`.
    Raises ConfigError for an impossible degradation, ExportError if the generator is
    not conditional or "auto" has no estimator.
    """
    if len(generator.inputs) == 1:
        if degradation is not None:
            raise ExportError(
                "the model is told nothing of how a picture was made, so there is "
                "nothing to build in; leave --degradation out"
            )
        return generator, None
    if degradation is None:
        return generator, "input"
    if is_auto(degradation):
        if estimator is None or generator.inputs[0].shape[-1] != 3:
            raise ExportError(
                "auto builds in an estimator, as a Keras model, of RGB pictures; "
                "received none, or a model of grey ones"
            )
        return tell_by_estimator(generator, estimator), "auto"
    whole = Degradation().replace(parts_of(degradation))
    vector = [round(float(x), 6) for x in whole.vector]
    return tell(generator, whole.vector), {"words": f"{whole}", "vector": vector}


def is_auto(degradation: Told | None) -> bool:
    """Whether all of a degradation is estimated; ConfigError if only a part is."""
    if not isinstance(degradation, str):
        return False
    parts = [part.strip() for part in degradation.split(",")]
    if "auto" in parts and len(parts) > 1:
        raise ConfigError(
            "a file estimates all of a degradation or nothing: give auto alone, or "
            f"parts without it; received {degradation!r}"
        )
    return parts == ["auto"]


def tell(generator: Any, degradation: np.ndarray) -> Any:
    """Build one degradation into a conditional generator.

    The degradation, float32 (10,), adds a constant to each channel of the features. The
    constant passes back through additions and factors into the bias of a convolution,
    or is added where there is no such bias. The result is a new `keras.Model` of one
    input; ModelError if the generator does something else with it than an addition.
    """
    steps = steps_of(generator)
    makers = {id(op.output): op for op in generator.operations}
    readers = Counter(id(x) for op in steps for x in taken_by(op))
    readers.update(id(x) for x in generator.outputs)
    constant = {id(generator.inputs[1])}  # what depends on the degradation alone
    joins: dict[str, tuple[int, np.ndarray | None]] = {}
    biases: dict[str, np.ndarray] = {}
    for op in steps:
        known = [id(x) in constant for x in taken_by(op)]
        if all(known):
            constant.add(id(op.output))
        elif any(known):
            if not isinstance(op, layers.Add) or len(known) != 2:
                raise ModelError(
                    "a degradation can be built in where it is added to the features; "
                    f"received a {type(op).__name__}, {op.name}"
                )
            place = known.index(False)  # of the features
            of = keras.Model(generator.inputs[1], op.input[1 - place])
            told = np.asarray(degradation, np.float32)[None]
            value = np.asarray(of(told, training=False))
            bias = _find_bias(op.input[place], np.ravel(value), makers, readers)
            if bias:
                biases[bias[0]] = biases.get(bias[0], 0.0) + bias[1]
            joins[op.name] = place, None if bias else value

    def call(op: Any, *args: Any, **kwargs: Any) -> Any:
        if op.name not in joins:
            return op(*args, **kwargs)
        place, value = joins[op.name]
        features = args[0][place]
        return features if value is None else features + value

    copy = keras.models.clone_model(generator, call_function=call)
    for layer in copy.layers:
        layer.set_weights(generator.get_layer(layer.name).get_weights())
    for name, more in biases.items():
        bias = copy.get_layer(name).bias
        bias.assign(np.asarray(bias) + more)
    return keras.Model(copy.inputs[0], copy.outputs[0], name=generator.name)


def _find_bias(
    tensor: Any, constant: np.ndarray, makers: dict[int, Any], readers: Counter[int]
) -> tuple[str, np.ndarray] | None:
    """Find a bias that can take up a constant for each channel of a tensor.

    It returns (name of the convolution, what to add to its bias), or None when no
    convolution makes the tensor, or something else reads what would change.
    """
    op = makers[id(tensor)]
    if readers[id(tensor)] != 1:
        return None
    if type(op) is layers.Conv2D and op.activation is keras.activations.linear:
        return (op.name, constant) if op.use_bias else None
    if isinstance(op, layers.Rescaling) and np.all(op.scale):
        return _find_bias(op.input, constant / op.scale, makers, readers)
    if isinstance(op, layers.Add):
        found = (_find_bias(x, constant, makers, readers) for x in op.input)
        return next(filter(None, found), None)
    return None


def tell_by_estimator(generator: Any, estimator: Any) -> Any:
    """Build an estimator into a conditional generator.

    It looks at the whole picture, except up to 7 pixels at the bottom and right that
    fill no block of its 8 x 8 grid. The new `keras.Model` takes RGB pictures with sides
    of at least `degradation_vector.SMALLEST`.
    """
    lr = keras.Input((None, None, 3), name="lr")
    return keras.Model(lr, generator([lr, estimator(_cut(lr))]), name=generator.name)


def _cut(lr: Any) -> Any:
    """Cut LR to sides of 8 n + 7, without an op that computes sizes.

    LiteRT would run everything after such an op without XNNPACK. A convolution with
    strides of 8 drops incomplete blocks, and a pixel shuffle puts the pixels back.
    """
    blocks = layers.Conv2D(_GRID**2, _GRID, _GRID, use_bias=False, name="blocks")
    padded = layers.ZeroPadding2D(((1, 0), (1, 0)))(lr)  # 8 n + 8
    channels = [
        ops.depth_to_space(blocks(padded[..., i : i + 1]), _GRID)
        for i in range(lr.shape[-1])
    ]
    blocks.set_weights([np.eye(_GRID**2).reshape(_GRID, _GRID, 1, -1)])
    return ops.concatenate(channels, axis=-1)[:, 1:, 1:]
