"""Model files as plain functions on arrays: a `.tflite` by LiteRT, a `.keras` by Keras.

Both kinds are called with float32 (1, h, w, 3) and return float32
(1, scale * h, scale * w, 3), both in [0, 1]. They have a method `release`, which gives
back the memory of calls until the next one, and five attributes: `scale`;
`size`, the fixed input (height, width) or None when the model takes any; `overlap`, the
LR pixels of context that a tile should have, or None when the file does not say it;
`bytes_per_pixel`, roughly what a call takes for each LR pixel; and `eight_bit`, whether
it rounds pictures to 256 levels, as a `.tflite` does that takes or gives uint8, which
must be quantised with (1/255, 0). The interpreters are imported when a file is opened.
"""

import functools
import logging
import threading
from pathlib import Path

import numpy as np

from srlite.errors import ModelError
from srlite.pictures.picture import to_float, to_uint8
from srlite.models.tflite import read_metadata

# Measured with `light_psnr` on LiteRT: 4900 to 5100 bytes for 224 to 288 pixels along a
# side. Nearly half are tables of XNNPACK's convolutions.
_BYTES_PER_PIXEL = 5000


class LiteRTNetwork:
    """A `.tflite` with one RGB input and one RGB output."""

    bytes_per_pixel = _BYTES_PER_PIXEL

    def __init__(self, path, num_threads):
        """Load `path`; raises `ModelError` when it is damaged or of another kind."""
        from ai_edge_litert.interpreter import Interpreter

        content = Path(path).read_bytes()
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
                f"{path} is not a usable .tflite file: {_first_line(error)}"
            ) from None
        if len(inputs) != 1 or len(outputs) != 1:
            raise ModelError(
                f"{path} has {len(inputs)} inputs and {len(outputs)} outputs; "
                "a super-resolution model has one of each"
            )
        for tensor in (*inputs, *outputs):
            _check_tensor(tensor, path)
        self._input, self._output = inputs[0]["index"], outputs[0]["index"]
        self._takes_levels = inputs[0]["dtype"] == np.uint8
        self._gives_levels = outputs[0]["dtype"] == np.uint8
        self.eight_bit = self._takes_levels or self._gives_levels
        height, width = (int(n) for n in inputs[0]["shape_signature"][1:3])
        self.size = (height, width) if min(height, width) > 0 else None
        self.overlap = metadata.get("overlap")
        # One interpreter holds one picture at a time.
        self._lock = threading.Lock()
        self._shape = None
        probe = np.zeros((1, *(self.size or (8, 8)), 3), np.float32)
        try:
            sr = self(probe)
        except (ValueError, RuntimeError) as error:
            raise ModelError(f"{path} does not run: {_first_line(error)}") from None
        self.scale = _scale_of(probe, sr, path)

    def __call__(self, lr):
        """Upscale float32 (1, h, w, 3) in [0, 1] to (1, scale * h, scale * w, 3)."""
        with self._lock:
            self._interpreter = self._interpreter or self._open()
            if lr.shape != self._shape:
                if self.size is None:
                    self._interpreter.resize_tensor_input(self._input, lr.shape)
                self._interpreter.allocate_tensors()
                self._shape = lr.shape
            self._interpreter.set_tensor(
                self._input, to_uint8(lr) if self._takes_levels else lr
            )
            self._interpreter.invoke()
            sr = self._interpreter.get_tensor(self._output)
        return to_float(sr) if self._gives_levels else np.clip(sr, 0, 1, out=sr)

    def release(self):
        """Give back the memory that the last call took; the next takes it anew."""
        with self._lock:
            self._interpreter = self._shape = None


class KerasNetwork:
    """A `keras.Model` with one RGB input and one RGB output."""

    bytes_per_pixel = _BYTES_PER_PIXEL
    eight_bit = False

    def __init__(self, model, name="the model"):
        """Wrap a model.

        Args:
            model: `keras.Model`.
            name: what to call it in an error message.

        Raises:
            ModelError: it is of another kind.
        """
        self._model = model
        logging.getLogger("tensorflow").addFilter(_is_no_retracing)
        self.size = self.overlap = None
        if model.input_shape[-1] != 3:
            raise ModelError(
                f"{name} takes {model.input_shape[-1]} channels; expected 3"
            )
        probe = np.zeros((1, 8, 8, 3), np.float32)
        self.scale = _scale_of(probe, self(probe), name)

    def __call__(self, lr):
        """Upscale float32 (1, h, w, 3) in [0, 1] to (1, scale * h, scale * w, 3)."""
        return np.clip(self._model.predict_on_batch(lr), 0, 1)

    def release(self):
        """Do nothing: Keras keeps nothing between calls that could be given back."""


class MixedNetwork:
    """Two networks as one, whose picture lies between theirs."""

    def __init__(self, faithful, sharp, strength):
        """Join two networks.

        Args:
            faithful: network whose picture stands for 0.
            sharp: network whose picture stands for 1.
            strength: 0 to 1.

        Raises:
            ModelError: they do not enlarge alike, or take no picture of one size.
        """
        if faithful.scale != sharp.scale:
            raise ModelError(
                f"models of x{faithful.scale} and x{sharp.scale} cannot be mixed; "
                "give two of the same scale"
            )
        if faithful.size and sharp.size and faithful.size != sharp.size:
            raise ModelError(
                f"models with inputs of {faithful.size} and {sharp.size} pixels cannot "
                "be mixed; give two of the same input"
            )
        self.scale = faithful.scale
        self.size = faithful.size or sharp.size
        overlaps = [n.overlap for n in (faithful, sharp) if n.overlap is not None]
        self.overlap = max(overlaps, default=None)
        self.bytes_per_pixel = faithful.bytes_per_pixel + sharp.bytes_per_pixel
        self.eight_bit = faithful.eight_bit or sharp.eight_bit
        self._faithful, self._sharp = faithful, sharp
        self._strength = np.float32(strength)

    def __call__(self, lr):
        """Upscale float32 (1, h, w, 3) in [0, 1] to (1, scale * h, scale * w, 3)."""
        faithful, sharp = self._faithful(lr), self._sharp(lr)
        return faithful + self._strength * (sharp - faithful)

    def release(self):
        """Give back the memory that the last call took; the next takes it anew."""
        self._faithful.release()
        self._sharp.release()


def _is_no_retracing(record):
    """Pictures of many sizes, which TensorFlow warns of, are no mistake here."""
    return "retracing" not in record.getMessage()


def _check_tensor(tensor, path):
    """Refuse a tensor that is not (1, H, W, 3) of float32 or plain uint8."""
    shape = [int(n) for n in tensor["shape_signature"]]
    if len(shape) != 4 or shape[0] not in (1, -1) or shape[-1] != 3:
        raise ModelError(
            f"{path} has a tensor of shape {shape}; expected (1, height, width, 3)"
        )
    step, zero = tensor["quantization"]
    plain = tensor["dtype"] == np.uint8 and zero == 0 and np.isclose(step, 1 / 255)
    if tensor["dtype"] != np.float32 and not plain:
        raise ModelError(
            f"{path} has a tensor of {np.dtype(tensor['dtype'])} quantised with "
            f"({step:g}, {zero}); expected float32, or uint8 with (1/255, 0)"
        )


def _scale_of(lr, sr, path):
    """Compare input and output (1, height, width, 3): SR pixels per LR pixel."""
    scale = sr.shape[1] // lr.shape[1]
    if scale < 1 or sr.shape != (1, scale * lr.shape[1], scale * lr.shape[2], 3):
        raise ModelError(
            f"{path} makes {sr.shape} of {lr.shape}; expected an RGB picture, enlarged "
            "by a whole number"
        )
    return scale


def _first_line(error):
    return f"{error}".strip().split("\n")[0]
