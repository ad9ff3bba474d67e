"""An exported or trained model as a function from picture to larger picture.

A `.tflite` runs on LiteRT alone, without TensorFlow; a `.keras` runs on Keras. Neither
is imported here. Beside the two pictures, a call takes the memory that one tile needs.
"""

import math
from collections.abc import Callable
from typing import Any, Self, overload

import numpy as np
import numpy.typing as npt

from srlite.data.degradation_vector import CLEAN, Degradation
from srlite.files import StrPath
from srlite.memory import MAX_TILE_BYTES, tile_memory
from srlite.models.model_files import DEFAULT_MODEL, shipped_model_path
from srlite.pictures.levels import (
    as_array,
    check_picture,
    resize,
    to_float,
    to_grey,
    to_levels,
)
from srlite.runtime.composed import EnsembleNetwork
from srlite.runtime.opening import check_seen, fit_tile, mirroring_for, open_models
from srlite.runtime.seeing import Estimator
from srlite.runtime.sizes import check_size, plan_runs
from srlite.runtime.telling import Told, is_whole, parts_of
from srlite.runtime.tiling import Window, best_window, filled, tiles, window_of

# What a network in floats returns, and the same scaled to levels: float32 RGB.
_BYTES_PER_SR_PIXEL = 2 * 12


class Upscaler:
    """A super-resolution model, ready to run on any number of pictures of any size.

    Pictures of the same size, and all tiles of a picture, use the memory that LiteRT
    has allocated for the first of them.

    Attributes:
        scale: SR pixels per LR pixel along each axis.
        tile: largest side of what a tile keeps inside a picture, LR pixels, or None.
        overlap: context around each tile, in LR pixels.
        ensemble: of how many flips and turns a picture is the mean.
        network: the function on float32 (1, h, w, 3) behind it, of
            `srlite.runtime.runners`.
        conditional: whether the network is told how a picture was made.
        estimator: `srlite.runtime.seeing.Estimator` that estimates it; None when the
            network is told nothing.
    """

    def __init__(
        self,
        network: Any,
        tile: int | None = None,
        overlap: int | None = None,
        estimator: Estimator | None = None,
        ensemble: int = 1,
    ):
        """Wrap a network; `from_file` is the usual way.

        Args:
            network: function float32 [0, 1] (1, h, w, 3) -> (1, scale*h, scale*w, 3),
                with the attributes of `srlite.runtime.runners`; `overlap` may be
                missing.
            tile: as the attribute; when None, by the picture and the free memory.
            overlap: LR pixels; when None, that of the network, else 20, at most a
                quarter of a fixed input.
            estimator: for a conditional network; without one, the network is told
                that nothing is known about a picture.
            ensemble: 1, or 2, 4 or 8 for the mean over as many views before rounding,
                at as many times the cost: `srlite.runtime.composed.EnsembleNetwork`.

        Raises:
            ConfigError: impossible tile, overlap or ensemble.
        """
        self.tile, self.overlap = fit_tile(network, tile, overlap)
        self.scale = network.scale
        self.ensemble = ensemble
        self.conditional = getattr(network, "conditional", False)
        self._step = getattr(network, "step", 1)
        self._least, self._mirror = mirroring_for(network)
        self.estimator = estimator if self.conditional else None
        self.network = network if ensemble == 1 else EnsembleNetwork(network, ensemble)

    @classmethod
    def from_file(
        cls,
        path: StrPath,
        tile: int | None = None,
        overlap: int | None = None,
        num_threads: int | None = None,
        sharp_path: StrPath | None = None,
        strength: float = 0.0,
        ensemble: int = 1,
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
            ensemble: see `__init__`.

        Raises:
            ModelError: a file is missing, damaged or no super-resolution model, or the
                two do not go together.
            ConfigError: impossible tile, overlap, strength, ensemble or number of
                threads.
        """
        network, estimator = open_models(path, sharp_path, strength, num_threads)
        return cls(network, tile, overlap, estimator, ensemble)

    @classmethod
    def from_preset(cls, name: str = DEFAULT_MODEL, **options: Any) -> Self:
        """Load a shipped model by its name, one of `shipped_models`.

        `options` and errors are those of `from_file`; ModelError for another name.
        """
        return cls.from_file(shipped_model_path(name), **options)

    def __enter__(self) -> Self:
        """Return the upscaler; the block's end gives back the memory of its calls."""
        return self

    def __exit__(self, *_: object) -> None:
        """Free the memory that calls took; the next call takes it anew."""
        self.network.release()

    @overload
    def __call__(
        self, images: list[np.ndarray] | tuple[np.ndarray, ...], **options: Any
    ) -> list[np.ndarray]: ...
    @overload
    def __call__(self, images: npt.ArrayLike, **options: Any) -> np.ndarray: ...
    def __call__(self, images: Any, **options: Any) -> Any:
        """Upscale one picture, a batch or a list, one after the other.

        For an array (H, W, 3) or (N, H, W, 3), this returns an array (*size, 3) or
        (N, *size, 3); for a list or tuple of arrays (H, W, 3) of any sizes, a list.
        Values, `options` and errors are those of `upscale`; ImageError also for an
        empty batch.
        """
        if isinstance(images, list | tuple):
            return [self.upscale(image, **options) for image in images]
        images = as_array(images)
        if images.ndim == 4 and len(images):
            return np.stack(self(list(images), **options))
        return self.upscale(images, **options)

    def estimate(self, image: np.ndarray) -> Degradation:
        """Estimate the `Degradation` of a picture, which is as for `upscale`.

        Without an estimator, the result says nothing. Raises ImageError for a wrong
        shape, dtype or range.
        """
        image = check_picture(image)
        return self.estimator(image) if self.estimator else Degradation()

    def tell(self, image: np.ndarray, degradation: Told = "auto") -> Degradation | None:
        """Return what the network is told about a picture; None if that is nothing.

        `image` and `degradation` are as for `upscale`. Raises ConfigError for an
        impossible degradation.
        """
        parts = parts_of(degradation)
        if not self.conditional:
            return None
        if is_whole(parts):
            return Degradation(**parts)
        return self.estimate(image).replace(parts)

    def choose_window(
        self,
        lr_size: tuple[int, ...],
        size: tuple[int, int],
        dtype: npt.DTypeLike = np.uint8,
    ) -> Window:
        """Choose what the network sees at once of a picture of (height, width).

        `size` and `dtype` are those of the result. Returns (height, width) in LR
        pixels: the network's fixed input, what `tile` asks for, or what computes the
        fewest pixels in the memory that is free now.
        """
        if self.network.size is not None:
            return self.network.size
        if self.tile is not None:
            return window_of(lr_size, self.tile, self.overlap, self._least)
        room = tile_memory(math.prod(size), np.dtype(dtype).itemsize)
        needed = self.network.bytes_per_pixel
        if np.dtype(dtype) != np.uint8 or not getattr(self.network, "takes_levels", 0):
            needed += _BYTES_PER_SR_PIXEL * self.scale**2
        return best_window(lr_size, self.overlap, room // needed)

    def upscale(
        self,
        image: np.ndarray,
        progress: Callable[[int, int], object] | None = None,
        size: tuple[int, int] | None = None,
        degradation: Told = "auto",
        wrap: bool = False,
    ) -> np.ndarray:
        """Upscale one picture.

        Args:
            image: array (H, W, 3), RGB: uint8, uint16, or float in [0, 1].
            progress: function (tiles done, tiles in all), called after each tile. To
                stop, raise an exception in it, such as `srlite.errors.Cancelled`.
            size: (height, width) of the result; scale times the picture's when None.
                The model runs as often as needed, then a Lanczos filter reduces once.
                A result no larger than the picture is only reduced.
            degradation: how the picture was made, as of
                `srlite.runtime.telling.parts_of`; the rest is estimated once, before
                any tile. A network that takes none ignores it.
            wrap: whether the picture is a seamless texture, which goes on at its
                opposite edge.

        Returns:
            Array (*size, 3): uint16 for uint16, else uint8. Of a picture whose
            channels are equal they are equal too.

        Raises:
            ImageError: wrong shape, dtype or range; a result that is too large.
            ConfigError: an impossible degradation or size.
            ModelError: the model does not run, most likely for lack of memory, or must
                see the whole picture at once and cannot.
        """
        image = check_picture(image)
        dtype = np.uint16 if image.dtype == np.uint16 else np.uint8
        colourless = bool((image == image[..., :1]).all())
        usual = [self.scale * side for side in image.shape[:2]]
        size = check_size(usual if size is None else size)
        runs = plan_runs(image.shape[:2], size, self.scale)
        if not runs:
            reduced = resize(image, size, wrap=wrap)
            return reduced if reduced.dtype == dtype else to_levels(reduced, dtype)
        told = self.tell(image, degradation)
        starts = [image.shape[:2], *(reached for reached, _ in runs)]
        dtypes = [*(np.float32 for _ in runs[1:]), dtype]
        seen = [tuple(n + 2 * self.overlap * wrap for n in start) for start in starts]
        windows = list(map(self.choose_window, seen, starts[1:], dtypes))
        for picture, window in zip(seen, windows):
            check_seen(self.network, picture, window)
        plans = [
            list(tiles(start, self.scale, window, self.overlap, run, wrap, self._step))
            for start, window, run in zip(starts, windows, runs)
        ]
        done, count = 0, sum(map(len, plans))
        for (reached, _), plan, kind in zip(runs, plans, dtypes):
            out = np.empty((*reached, 3), kind)
            image = filled(image, 1 if wrap else self._step)
            for tile in plan:
                levels = image.dtype == kind == np.uint8 and not tile.reduced
                sr = tile.keep(self._predict(tile.cut(image), told, levels))
                if sr.dtype != np.uint8:
                    sr = to_levels(sr, dtype) if kind is dtype else np.clip(sr, 0, 1)
                out[tile.target] = sr
                done += 1
                if progress is not None:
                    progress(done, count)
            image = out
            # What comes next is enlarged from a result of ours, which has no damage.
            told = told and told.replace(CLEAN)
        largest = max(math.prod(map(min, *pair)) for pair in zip(seen, windows))
        if self.network.bytes_per_pixel * largest > MAX_TILE_BYTES:
            self.network.release()  # or writing the result would suffer
        if colourless:
            image[...] = to_grey(image)[..., None]
        return image

    def _predict(
        self, lr: np.ndarray, told: Degradation | None, levels: bool
    ) -> np.ndarray:
        """Run the network on (1, h, w, 3), mirrored to its fixed size or the least.

        Where `levels` are wanted, an int8 network makes them without floats between.
        """
        if not levels or not getattr(self.network, "takes_levels", False):
            lr = to_float(lr)
        vector = () if told is None else (told.vector,)
        sides = lr.shape[1:3]
        wanted = self.network.size or [max(side, self._least) for side in sides]
        lacking = [n - m for n, m in zip(wanted, sides)]
        before = [n // 2 // self._step * self._step for n in lacking]
        around = [(b, n - b) for b, n in zip(before, lacking)]
        sr = self.network(np.pad(lr, [(0, 0), *around, (0, 0)], self._mirror), *vector)
        top, left = (self.scale * b for b in before)
        height, width = (self.scale * side for side in sides)
        return sr[:, top : top + height, left : left + width]
