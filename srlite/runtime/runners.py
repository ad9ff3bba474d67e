"""Model files as plain functions on arrays: a `.tflite` by LiteRT, a `.keras` by Keras.

Both take float32 (1, h, w, channels) and return float32 (1, scale * h, scale * w,
channels), both in [0, 1]. Their method `release` frees the memory of calls until the
next one. Their attributes:

- `scale`: SR pixels per LR pixel
- `channels`: 3 for RGB, 1 for luma
- `conditional`: whether a call also takes the picture's degradation, float32 (10,)
- `size`: the fixed input (height, width), or None when the model takes any
- `overlap`: LR pixels of context that a tile should have, or None when the file does
  not say
- `step`: the sides of an input should be multiples of it, LR pixels
- `seeing`: whether it estimates the degradation itself, from what it is called with, so
  that this must be the whole picture, at least `LEAST_SEEN` LR pixels a side
- `bytes_per_pixel`: roughly what a call takes for each LR pixel
- `eight_bit`: whether pictures are rounded to 256 levels, as by a `.tflite` with uint8
  input or output, which must be quantised with (1/255, 0)
- `takes_levels`: whether a call may also take uint8, and then returns uint8

The interpreters are imported when a file is opened.
"""

import functools
import logging
import threading
from pathlib import Path
from typing import Any

import numpy as np

from srlite.data.degradation_vector import SIZE
from srlite.errors import ModelError, error_reason
from srlite.files import StrPath
from srlite.memory import cores
from srlite.models.model_files import load_generator, step_of
from srlite.models.tflite import read_metadata
from srlite.pictures.levels import to_float, to_uint8

# Of files that do not say it. Measured with `light_psnr` on LiteRT: 4100 to 5100 bytes
# for 192 to 288 pixels along a side, nearly half of them tables of XNNPACK's
# convolutions; 3000 with `light_psnr_int8`.
_BYTES_PER_PIXEL = 5000
_BYTES_PER_PIXEL_INT8 = 3100
# LR pixels a side. An estimator that is built in sees nothing of fewer; steps may be 2.
LEAST_SEEN = 16
_PROBED = (LEAST_SEEN, LEAST_SEEN)  # of a first call


class LiteRTNetwork:
    """A `.tflite` from picture, and perhaps degradation, to picture."""

    def __init__(self, path: StrPath, num_threads: int):
        """Load `path`; raises `ModelError` when it is damaged or of another kind."""
        from ai_edge_litert.interpreter import Interpreter

        content = Path(path).read_bytes()
        self._path = path
        self._open = functools.partial(
            Interpreter, model_content=content, num_threads=num_threads
        )
        try:
            self._interpreter = self._open()
            inputs = self._interpreter.get_input_details()
            outputs = self._interpreter.get_output_details()
            metadata = read_metadata(content) or {}
        except (ValueError, RuntimeError) as error:
            raise ModelError(
                f"{path} is not a usable .tflite file: {error_reason(error)}"
            ) from None
        # The converter may put them in either order.
        told = [x for x in inputs if list(x["shape"]) == [1, SIZE]]
        inputs = [x for x in inputs if list(x["shape"]) != [1, SIZE]]
        if len(inputs) != 1 or len(outputs) != 1 or len(told) > 1:
            raise ModelError(
                f"{path} has {len(inputs) + len(told)} inputs and {len(outputs)} "
                "outputs; a super-resolution model has one of each, and perhaps an "
                f"input of {SIZE} numbers for the degradation"
            )
        self.channels = 1 if inputs[0]["shape_signature"][-1] == 1 else 3
        for tensor in (*inputs, *outputs):
            _check_tensor(tensor, self.channels, path)
        for tensor in told:
            _check_levels(tensor, path)
        self.conditional = bool(told)
        self._told = told[0] if told else None
        self._input, self._output = inputs[0]["index"], outputs[0]["index"]
        self._takes_levels = inputs[0]["dtype"] == np.uint8
        self._gives_levels = outputs[0]["dtype"] == np.uint8
        self.eight_bit = self._takes_levels or self._gives_levels
        self.takes_levels = self._takes_levels and self._gives_levels
        usual = _BYTES_PER_PIXEL_INT8 if self.takes_levels else _BYTES_PER_PIXEL
        self.bytes_per_pixel = metadata.get("bytes_per_pixel") or usual
        height, width = (int(n) for n in inputs[0]["shape_signature"][1:3])
        self.size = (height, width) if min(height, width) > 0 else None
        self.overlap = metadata.get("overlap")
        self.step = metadata.get("step", 1)
        self.seeing = metadata.get("degradation") == "auto"
        # One interpreter holds one picture at a time.
        self._lock = threading.Lock()
        self._shape: tuple[int, ...] | None = None
        probe = np.zeros((1, *(self.size or _PROBED), self.channels), np.float32)
        try:
            sr = self._run(probe, np.zeros(SIZE, np.float32))
        except (ValueError, RuntimeError) as error:
            raise ModelError(f"{path} does not run: {error_reason(error)}") from None
        self.scale = _scale_of(probe, sr, path)

    def __call__(self, lr: np.ndarray, degradation: Any = None) -> np.ndarray:
        """Upscale float32 (1, h, w, channels) in [0, 1], or uint8 if `takes_levels`.

        Raises ModelError if LiteRT cannot, most likely for lack of memory.
        """
        try:
            return self._run(lr, degradation)
        except RuntimeError as error:
            self.release()
            raise _not_run(self._path, lr, error) from None

    def _run(self, lr: np.ndarray, degradation: Any) -> np.ndarray:
        levels = lr.dtype == np.uint8
        with self._lock:
            self._interpreter = self._interpreter or self._open()
            if lr.shape != self._shape:
                self._shape = None  # whatever stops it before it is allocated
                if self.size is None:
                    self._interpreter.resize_tensor_input(self._input, lr.shape)
                self._interpreter.allocate_tensors()
                self._shape = lr.shape
            self._interpreter.set_tensor(
                self._input, to_uint8(lr) if self._takes_levels and not levels else lr
            )
            if self._told is not None:
                told = np.asarray(degradation, np.float32)[None]  # (1, 10)
                if self._told["dtype"] == np.uint8:
                    told = to_uint8(told)
                self._interpreter.set_tensor(self._told["index"], told)
            self._interpreter.invoke()
            sr = self._interpreter.get_tensor(self._output)
        if levels:
            return sr
        return to_float(sr) if self._gives_levels else np.clip(sr, 0, 1, out=sr)

    def release(self) -> None:
        """Free the memory that the last call took; the next takes it anew."""
        with self._lock:
            self._interpreter = self._shape = None


class KerasNetwork:
    """A `keras.Model` from picture, and perhaps degradation, to picture."""

    bytes_per_pixel = _BYTES_PER_PIXEL
    eight_bit = seeing = False

    def __init__(self, model: Any, name: object = "the model"):
        """Wrap a `keras.Model`, called `name` in messages, or raise ModelError."""
        self._model, self._name = model, name
        self.step = step_of(model)
        hide_retracing()
        self.size = self.overlap = None
        self.conditional = len(model.inputs) == 2
        self.channels = model.inputs[0].shape[-1]
        if self.channels not in (1, 3):
            raise ModelError(f"{name} takes {self.channels} channels; expected 1 or 3")
        probe = np.zeros((1, *_PROBED, self.channels), np.float32)
        sr = self(probe, np.zeros(SIZE, np.float32))
        self.scale = _scale_of(probe, sr, name)

    def __call__(self, lr: np.ndarray, degradation: Any = None) -> np.ndarray:
        """Upscale float32 (1, h, w, channels) in [0, 1].

        Raises ModelError if Keras cannot, most likely for lack of memory.
        """
        inputs: Any = lr
        if self.conditional:
            inputs = [lr, np.asarray(degradation, np.float32)[None]]
        try:
            return np.clip(self._model.predict_on_batch(inputs), 0, 1)
        except Exception as error:  # Each backend has errors of its own.
            raise _not_run(self._name, lr, error) from None

    def release(self) -> None:
        """Do nothing: Keras keeps nothing between calls that could be given back."""


def open_network(path: Path, num_threads: int | None = None) -> Any:
    """Load a model file, as `model_files.find_model` returns it, as a network.

    `num_threads` are CPU threads of a `.tflite`; all cores when None. Raises ModelError
    for a file that is missing, damaged or no super-resolution model.
    """
    if path.suffix == ".tflite":
        return LiteRTNetwork(path, num_threads or cores())
    return KerasNetwork(load_generator(path), path)


def _not_run(name: object, lr: np.ndarray, error: Exception) -> ModelError:
    return ModelError(
        f"{name} does not run on {lr.shape[2]} x {lr.shape[1]} pixels "
        f"({error_reason(error).rstrip('.')}); smaller tiles take less memory"
    )


def hide_retracing() -> None:
    """Hide TensorFlow's warnings about many input sizes, which are normal here."""
    logging.getLogger("tensorflow").addFilter(_is_no_retracing)


def _is_no_retracing(record: logging.LogRecord) -> bool:
    return "retracing" not in record.getMessage()


def _check_tensor(tensor: dict[str, Any], channels: int, path: object) -> None:
    """Refuse a tensor that is not (1, H, W, channels) of float32 or plain uint8."""
    shape = [int(n) for n in tensor["shape_signature"]]
    if len(shape) != 4 or shape[0] not in (1, -1) or shape[-1] != channels:
        raise ModelError(
            f"{path} has a tensor of shape {shape}; expected (1, height, width, "
            f"{channels})"
        )
    _check_levels(tensor, path)


def _check_levels(tensor: dict[str, Any], path: object) -> None:
    """Refuse a tensor that is neither float32 nor plain uint8."""
    step, zero = tensor["quantization"]
    plain = tensor["dtype"] == np.uint8 and zero == 0 and np.isclose(step, 1 / 255)
    if tensor["dtype"] != np.float32 and not plain:
        raise ModelError(
            f"{path} has a tensor of {np.dtype(tensor['dtype'])} quantised with "
            f"({step:g}, {zero}); expected float32, or uint8 with (1/255, 0)"
        )


def _scale_of(lr: np.ndarray, sr: np.ndarray, path: object) -> int:
    """Compare input and output (1, height, width, channels): SR pixels per LR pixel."""
    scale = sr.shape[1] // lr.shape[1]
    _, height, width, channels = lr.shape
    if scale < 1 or sr.shape != (1, scale * height, scale * width, channels):
        raise ModelError(
            f"{path} makes {sr.shape} of {lr.shape}; expected the picture, enlarged by "
            "a whole number"
        )
    return scale
