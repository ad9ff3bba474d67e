"""An exported or trained model as a function from picture to larger picture.

A `.tflite` runs on LiteRT alone, without TensorFlow; a `.keras` runs on Keras.
Importing this module imports neither.

Memory: beside the two pictures, what one tile needs. With the default tile, the 5 MB
model takes about 0.26 GB.
"""

import os
from pathlib import Path

import numpy as np

from srlite.errors import ConfigError, ImageError, ModelError
from srlite.images import to_float, to_levels
from srlite.networks import KerasNetwork, LiteRTNetwork
from srlite.tiling import upscale_tiled

DEFAULT_MODEL = "light_psnr"
WEIGHTS_DIR = Path(__file__).parent / "weights"

# LR pixels. A tile costs (tile + 2 * overlap)**2: with the overlap below, a picture
# takes 1.6 times as long in tiles of 64 as in tiles of 192 and only 5 % longer than in
# tiles of 256, which need 1.5 times the memory.
DEFAULT_TILE = 192
# LR pixels. Less than the receptive field of two RRDBs, but what lies further out
# changes the result by at most 0.12 levels, measured on two photos with `light_psnr`.
DEFAULT_OVERLAP = 16


def shipped_models():
    """List the names of the models that come with srlite."""
    return sorted(path.stem for path in WEIGHTS_DIR.glob("*.tflite"))


def shipped_model_path(name):
    """Find the `.tflite` file of a shipped model.

    Raises:
        ModelError: no model of this name is shipped.
    """
    if name not in shipped_models():
        known = ", ".join(shipped_models()) or "none"
        raise ModelError(
            f"unknown model {name!r}; give a .tflite or .keras file or the name of a "
            f"shipped model: {known}"
        )
    return WEIGHTS_DIR / f"{name}.tflite"


def find_model(model):
    """Find the file of a model.

    Args:
        model: path of a `.tflite` file, a `.keras` file, a checkpoint or a run
            directory, or the name of a shipped model.

    Raises:
        ModelError: the file is missing, or the name is unknown.
    """
    path = Path(model)
    if path.is_dir():
        return path
    if path.suffix not in (".tflite", ".keras", ".safetensors"):
        return shipped_model_path(str(model))
    if not path.is_file():
        raise ModelError(f"there is no model file {path}; check its path")
    return path


class Upscaler:
    """A super-resolution model, ready to run on pictures of any size.

    Attributes:
        scale: SR pixels per LR pixel along each axis.
        tile: largest part of a picture that is upscaled at once, in LR pixels.
        overlap: context around each tile, in LR pixels.
    """

    def __init__(self, network, tile=None, overlap=None):
        """Wrap a network; `from_file` is the usual way.

        Args:
            network: function float32 [0, 1] (1, h, w, 3) -> (1, scale*h, scale*w, 3),
                with the attributes `scale`, `size`, its fixed input (height, width) or
                None when it takes any, and, if it has one, `overlap`, its own default.
            tile: LR pixels; `DEFAULT_TILE`, or what a fixed input holds, when None.
            overlap: LR pixels; that of the network, else `DEFAULT_OVERLAP`, at most a
                quarter of a fixed input, when None.

        Raises:
            ConfigError: impossible tile or overlap.
        """
        side = min(network.size) if network.size else None
        if overlap is None:
            overlap = getattr(network, "overlap", None)
            overlap = DEFAULT_OVERLAP if overlap is None else overlap
            overlap = min(overlap, side // 4) if side else overlap
        if overlap < 0:
            raise ConfigError(
                f"overlap must be 0 or more LR pixels; received {overlap}"
            )
        room = side - 2 * overlap if side else None
        if room is not None and room < 1:
            raise ConfigError(
                f"the model's input of {side} pixels has no room for an overlap of "
                f"{overlap} on both sides; use less than {(side + 1) // 2}"
            )
        if tile is None:
            tile = room or DEFAULT_TILE
        if tile < 1:
            raise ConfigError(f"tile must be 1 or more LR pixels; received {tile}")
        if room is not None and tile > room:
            raise ConfigError(
                f"the model's input of {side} pixels holds tiles of at most {room} "
                f"with an overlap of {overlap}; received {tile}"
            )
        self.scale = network.scale
        self.tile = tile
        self.overlap = overlap
        self._network = network

    @classmethod
    def from_file(cls, path, tile=None, overlap=None, num_threads=None):
        """Load a model.

        Args:
            path: a `.tflite` file, a `.keras` file, a checkpoint or a run directory,
                or the name of a shipped model.
            tile: see `__init__`.
            overlap: see `__init__`.
            num_threads: CPU threads of a `.tflite`; all cores when None.

        Raises:
            ModelError: the file is missing, damaged or no RGB super-resolution model.
            ConfigError: impossible tile, overlap or number of threads.
        """
        if num_threads is not None and num_threads < 1:
            raise ConfigError(f"threads must be 1 or more; received {num_threads}")
        path = find_model(path)
        if path.suffix == ".tflite":
            network = LiteRTNetwork(path, num_threads or os.cpu_count() or 1)
        else:
            network = KerasNetwork(path)
        return cls(network, tile, overlap)

    def upscale(self, image, progress=None):
        """Upscale one picture.

        Args:
            image: array (H, W, 3), RGB: uint8, uint16, or float in [0, 1].
            progress: function (tiles done, tiles in all), called after each tile.

        Returns:
            Array (scale * H, scale * W, 3): uint16 for uint16, else uint8.

        Raises:
            ImageError: wrong shape, dtype or range.
        """
        image = np.asarray(image)
        if image.ndim != 3 or image.shape[-1] != 3 or 0 in image.shape:
            raise ImageError(
                "an image must have shape (height, width, 3) and at least one pixel; "
                f"received {image.shape}"
            )
        check_levels(image)
        dtype = np.uint16 if image.dtype == np.uint16 else np.uint8

        def predict(batch):
            is_float = np.issubdtype(batch.dtype, np.floating)
            lr = batch.astype(np.float32) if is_float else to_float(batch)
            return to_levels(self._run(lr), dtype)

        return upscale_tiled(
            image, predict, self.scale, self.tile, self.overlap, progress
        )

    def _run(self, lr):
        """Run the network on (1, h, w, 3), filled up to its fixed size if any."""
        if self._network.size is None:
            return self._network(lr)
        height, width = lr.shape[1:3]
        below, right = (
            fixed - side for fixed, side in zip(self._network.size, (height, width))
        )
        filled = np.pad(lr, ((0, 0), (0, below), (0, right), (0, 0)), mode="symmetric")
        return self._network(filled)[:, : self.scale * height, : self.scale * width]


def check_levels(image):
    """Refuse arrays that are not uint8, uint16 or float in [0, 1].

    Raises:
        ImageError: wrong dtype, or a float outside [0, 1] or not a number.
    """
    if image.dtype in (np.uint8, np.uint16):
        return
    if not np.issubdtype(image.dtype, np.floating):
        raise ImageError(
            "an image must be uint8, uint16, or float in [0, 1]; "
            f"received dtype {image.dtype}"
        )
    lowest, highest = image.min(), image.max()
    if not (lowest >= 0 and highest <= 1):
        raise ImageError(
            f"a float image must lie in [0, 1]; received {lowest:g} to {highest:g}, "
            "so divide by the white level or clip"
        )
