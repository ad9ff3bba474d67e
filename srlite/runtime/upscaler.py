"""An exported or trained model as a function from picture to larger picture.

A `.tflite` runs on LiteRT alone, without TensorFlow; a `.keras` runs on Keras.
Importing this module imports neither.

Memory: beside the two pictures, what one tile needs (`memory.default_tile`).
"""

import math
import os
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from srlite.errors import ConfigError, ImageError
from srlite.pictures.picture import resize, to_float, to_levels
from srlite.models.loading import load_generator
from srlite.memory import MAX_TILE_BYTES, default_tile
from srlite.models.model_files import find_model
from srlite.runtime.runners import KerasNetwork, LiteRTNetwork, MixedNetwork
from srlite.runtime.sizes import plan_runs
from srlite.runtime.tiling import count_tiles, tile_shape, upscale_tiled

# LR pixels. The convolutions of the shipped models reach 27 pixels, but what lies
# beyond 20 changes the result by less than a tenth of a level: measured, see the model
# card and `python -m srlite.benchmark.training inference`.
DEFAULT_OVERLAP = 20


class Upscaler:
    """A super-resolution model, ready to run on any number of pictures of any size.

    Pictures of the same size, and all tiles of a picture, use the memory that LiteRT
    has allocated for the first of them.

    Attributes:
        scale: SR pixels per LR pixel along each axis.
        tile: largest part of a picture that is upscaled at once, in LR pixels; None
            where `choose_tile` says it for each picture.
        overlap: context around each tile, in LR pixels.
        network: the function on float32 (1, h, w, 3) behind it, of `srlite.runtime.runners`.
    """

    def __init__(
        self, network: Any, tile: int | None = None, overlap: int | None = None
    ):
        """Wrap a network; `from_file` is the usual way.

        Args:
            network: function float32 [0, 1] (1, h, w, 3) -> (1, scale*h, scale*w, 3),
                with the attributes of `srlite.runtime.runners`; `overlap` may be missing.
            tile: LR pixels; when None, what a fixed input holds, else by the picture
                and the free memory.
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
                f"{overlap} on both sides; use less than {(side + 1) // 2}"  # type: ignore[operator]
            )
        tile = room if tile is None else tile
        if tile is not None and tile < 1:
            raise ConfigError(f"tile must be 1 or more LR pixels; received {tile}")
        if room is not None and tile > room:
            raise ConfigError(
                f"the model's input of {side} pixels holds tiles of at most {room} "
                f"with an overlap of {overlap}; received {tile}"
            )
        self.scale = network.scale
        self.tile = tile
        self.overlap = overlap
        self.network = network

    @classmethod
    def from_file(
        cls,
        path: str | os.PathLike,
        tile: int | None = None,
        overlap: int | None = None,
        num_threads: int | None = None,
        sharp_path: str | os.PathLike | None = None,
        strength: float = 0.0,
    ) -> Self:
        """Load a model, or two whose pictures are mixed.

        Args:
            path: a `.tflite` file, a `.keras` file, a checkpoint or a run directory,
                or the name of a shipped model.
            tile: see `__init__`.
            overlap: see `__init__`.
            num_threads: CPU threads of a `.tflite`; all cores when None.
            sharp_path: a second model, as `path`; needed where `strength` is not 0.
            strength: 0 is the picture of `path` and 1 that of `sharp_path`, and one
                model alone is loaded; in between, both run and are mixed in this
                proportion before rounding.

        Raises:
            ModelError: a file is missing, damaged or no RGB super-resolution model, or
                the two do not go together.
            ConfigError: impossible tile, overlap, strength or number of threads.
        """
        if num_threads is not None and num_threads < 1:
            raise ConfigError(f"threads must be 1 or more; received {num_threads}")
        check_strength(strength)
        if strength and sharp_path is None:
            raise ConfigError(f"a strength of {strength} needs a sharp model too")
        paths = [path] if strength < 1 else []
        paths += [sharp_path] if sharp_path and strength > 0 else []
        networks = [_open_network(find_model(path), num_threads) for path in paths]
        if len(networks) == 2:
            networks = [MixedNetwork(networks[0], networks[1], strength)]
        return cls(networks[0], tile, overlap)

    def choose_tile(
        self, size: tuple[int, int], dtype: npt.DTypeLike = np.uint8
    ) -> int:
        """Say how large the tiles of a picture may be.

        Args:
            size: (height, width) of the result.
            dtype: of the result.

        Returns:
            LR pixels: `tile`, or where that is None, what `default_tile` says now.
        """
        if self.tile is not None:
            return self.tile
        return default_tile(
            self.overlap,
            self.network.bytes_per_pixel,
            math.prod(size),
            np.dtype(dtype).itemsize,
        )

    def upscale(
        self,
        image: np.ndarray,
        progress: Callable[[int, int], object] | None = None,
        size: tuple[int, int] | None = None,
    ) -> np.ndarray:
        """Upscale one picture.

        Args:
            image: array (H, W, 3), RGB: uint8, uint16, or float in [0, 1].
            progress: function (tiles done, tiles in all), called after each tile. To
                cancel, raise an exception in it, for instance
                `srlite.errors.Cancelled`; it comes out of this method, and the
                `Upscaler` can be used again.
            size: (height, width) of the result; scale times the picture's when None.
                The model runs as often as it takes to reach it, and what is too large
                is reduced by a Lanczos filter, once. It does not run at all for a
                result that is no larger than the picture.

        Returns:
            Array (*size, 3): uint16 for uint16, else uint8.

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
        lr_size = image.shape[:2]
        size = size or tuple(self.scale * side for side in lr_size)
        runs = plan_runs(lr_size, size, self.scale)
        if not runs:
            reduced = resize(image, size)
            return reduced if reduced.dtype == dtype else to_levels(reduced, dtype)
        starts = [lr_size, *(reached for reached, _ in runs)]
        dtypes = [*(np.float32 for _ in runs[1:]), dtype]
        tiles = [self.choose_tile(run[0], kind) for run, kind in zip(runs, dtypes)]
        counts = [
            count_tiles(start, self.scale, tile, run)
            for start, tile, run in zip(starts, tiles, runs)
        ]
        for i, (run, tile) in enumerate(zip(runs, tiles)):

            def report(done, _, before=sum(counts[:i])):
                if progress is not None:
                    progress(before + done, sum(counts))

            def finish(sr, last=run is runs[-1]):
                return to_levels(sr, dtype) if last else np.clip(sr, 0, 1)

            image = upscale_tiled(
                image,
                self._predict,
                self.scale,
                tile,
                self.overlap,
                report,
                finish,
                run,
            )
        if any(map(self._takes_much, starts, tiles)):
            self.network.release()
        return image

    def _takes_much(self, lr_size, tile):
        """Whether the tiles need so much that writing the result would suffer."""
        seen = (side + 2 * self.overlap for side in tile_shape(lr_size, tile))
        return self.network.bytes_per_pixel * math.prod(seen) > MAX_TILE_BYTES

    def _predict(self, lr):
        is_float = np.issubdtype(lr.dtype, np.floating)
        return self._run(lr.astype(np.float32) if is_float else to_float(lr))

    def _run(self, lr):
        """Run the network on (1, h, w, 3), filled up to its fixed size if any."""
        if self.network.size is None:
            return self.network(lr)
        height, width = lr.shape[1:3]
        below, right = (
            fixed - side for fixed, side in zip(self.network.size, (height, width))
        )
        filled = np.pad(lr, ((0, 0), (0, below), (0, right), (0, 0)), mode="symmetric")
        return self.network(filled)[:, : self.scale * height, : self.scale * width]


def check_strength(strength: float) -> None:
    """Refuse a strength outside 0 to 1 by a `ConfigError`."""
    if not 0 <= strength <= 1:
        raise ConfigError(f"strength must be from 0 to 1; received {strength}")


def _open_network(path, num_threads):
    if path.suffix == ".tflite":
        return LiteRTNetwork(path, num_threads or os.cpu_count() or 1)
    return KerasNetwork(load_generator(path), path)


def check_levels(image: np.ndarray) -> None:
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
