"""An estimator: a model file as a function from picture to `Degradation`.

It looks at up to nine parts, spread over the picture, once for each picture and never
for a tile, so that tiles stay equal to the whole. It is a `.tflite`, run by LiteRT, or
a `.keras`, run by Keras.
"""

import itertools
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from srlite.data.degradation_vector import SIZE, SMALLEST, Degradation, fitting
from srlite.data.kernels import KERNELS
from srlite.errors import ConfigError, ModelError, error_reason
from srlite.files import StrPath
from srlite.models.model_files import load_estimator
from srlite.pictures.levels import to_float
from srlite.runtime.runners import hide_retracing

PART = 127  # LR pixels a side, at most
_ALONG = 3  # parts along a side, at most: more make it too sure of the kernel
# What each further part adds to the evidence for a kernel: 0 is nothing, 1 is as much
# as another picture. Measured on pictures of two to nine parts.
_AGREEMENT = 0.2


class Estimator:
    """An estimator, ready to look at any number of pictures, from any thread."""

    def __init__(
        self, run: Callable[[np.ndarray], Any], name: object = "the estimator"
    ):
        """Wrap a function from float32 (1, h, w, 3) in [0, 1] to (1, 10)."""
        self._run, self._name = run, name
        # One interpreter holds one picture at a time.
        self._lock = threading.Lock()

    @classmethod
    def from_file(cls, path: StrPath, num_threads: int = 1) -> Self:
        """Load an estimator from a `.tflite` or `.keras` file, or raise ModelError."""
        if Path(path).suffix == ".tflite":
            return cls(_LiteRTEstimator(path, num_threads), path)
        run = load_estimator(path).predict_on_batch
        hide_retracing()
        return cls(run, path)

    def __call__(self, image: np.ndarray) -> Degradation:
        """Estimate how a picture (H, W, 3) was made: uint8, uint16 or float in [0, 1].

        If a side is below `SMALLEST` pixels, the result says nothing: any kernel, no
        damage. Mirroring would change the blocks and the noise of the file. Raises
        ModelError if the answer is not a degradation.
        """
        if min(image.shape[:2]) < SMALLEST:
            return Degradation()
        with self._lock:
            answers = np.array([self._run(part[None])[0] for part in _parts(image)])
        try:
            mean = Degradation.from_vector(answers.mean(axis=0))
        except ConfigError as error:
            raise ModelError(f"{self._name} is not an estimator: {error}") from None
        if len(answers) == 1:
            return mean
        return replace(mean, kernels=_joined_odds(answers[:, : len(KERNELS)]))


def _joined_odds(odds: np.ndarray) -> tuple[float, ...]:
    """Join the odds that parts of a picture give the kernels, (parts, 6) in [0, 1].

    Parts that agree make a kernel more likely than each does alone, but they share what
    misleads them. So the product of their odds counts, to a power below 1. Returns six
    odds that sum to 1.
    """
    logarithms = np.log(np.maximum(odds, 1e-4)).mean(axis=0)
    joined = np.exp(logarithms * (1 + _AGREEMENT * (len(odds) - 1)))
    return tuple((joined / joined.sum()).tolist())


class _LiteRTEstimator:
    """A `.tflite` from LR to degradation."""

    def __init__(self, path: StrPath, num_threads: int):
        from ai_edge_litert.interpreter import Interpreter

        try:
            content = Path(path).read_bytes()
            interpreter = Interpreter(model_content=content, num_threads=num_threads)
            taken = interpreter.get_input_details()
            given = interpreter.get_output_details()
        except (OSError, ValueError, RuntimeError) as error:
            raise ModelError(
                f"{path} is not a usable .tflite file: {error_reason(error)}"
            ) from None
        shapes = [tuple(int(n) for n in x["shape_signature"]) for x in taken + given]
        if shapes not in ([(n, -1, -1, 3), (n, SIZE)] for n in (1, -1)):
            raise ModelError(
                f"{path} must make {SIZE} numbers of a picture, as an estimator does; "
                f"received tensors of shapes {shapes}"
            )
        self._interpreter = interpreter
        self._input, self._output = taken[0]["index"], given[0]["index"]
        self._shape: tuple[int, ...] | None = None

    def __call__(self, lr: np.ndarray) -> np.ndarray:
        if lr.shape != self._shape:
            self._shape = None  # whatever stops it before it is allocated
            self._interpreter.resize_tensor_input(self._input, lr.shape)
            self._interpreter.allocate_tensors()
            self._shape = lr.shape
        self._interpreter.set_tensor(self._input, lr)
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._output)


def _parts(image: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the parts of a picture that are looked at, float32 (h, w, 3) in [0, 1]."""
    windows = []
    for length in image.shape[:2]:
        side = min(PART, fitting(length))
        count = min(_ALONG, max(1, round(length / side)))
        places: Any = [(length - side) // 2]
        if count > 1:
            places = np.linspace(0, length - side, count)
        windows.append([slice(int(x), int(x) + side) for x in places])
    for window in itertools.product(*windows):
        yield np.ascontiguousarray(to_float(image[window]))
