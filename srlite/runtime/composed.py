"""Networks made of networks, which are called as those of `srlite.runtime.runners`."""

import math
from typing import Any

import numpy as np

from srlite.errors import ConfigError, ModelError
from srlite.pictures.levels import BT601, enlarge_bicubic

# The axes of (1, height, width, 3) that the upright views of an ensemble flip.
_FLIPS: tuple[tuple[int, ...], ...] = ((), (2,), (1,), (1, 2))


def in_colour(network: Any) -> Any:
    """Return a network of RGB: the same, or of one channel a `LumaNetwork`."""
    return LumaNetwork(network) if network.channels == 1 else network


class _Wrapped:
    """A network around another one, whose attributes it shares."""

    def __init__(self, network: Any):
        self.scale, self.size = network.scale, network.size
        self.overlap = getattr(network, "overlap", None)
        self.step = getattr(network, "step", 1)
        self.conditional = getattr(network, "conditional", False)
        self.seeing = getattr(network, "seeing", False)
        self.eight_bit = network.eight_bit
        # Two pictures more than the network: float32 of three channels.
        self.bytes_per_pixel = network.bytes_per_pixel + 2 * 12 * self.scale**2
        self._network = network

    def release(self) -> None:
        """Free the memory that the last call took; the next takes it anew."""
        self._network.release()


class LumaNetwork(_Wrapped):
    """A network of one channel for RGB: luma by the network, colours by bicubic.

    Luma is that of `srlite.pictures.levels.to_grey`, so a grey picture is enlarged by
    the network alone.
    """

    channels = 3

    def __call__(self, lr: np.ndarray, *degradation: np.ndarray) -> np.ndarray:
        """Upscale float32 (1, h, w, 3) in [0, 1] to (1, scale * h, scale * w, 3)."""
        sr = self._network(_luma(lr), *degradation)
        plain = enlarge_bicubic(lr[0], self.scale)[None]
        return np.clip(plain + (sr - _luma(plain)), 0, 1)


def _luma(rgb: np.ndarray) -> np.ndarray:
    """Weigh float32 (1, h, w, 3) to (1, h, w, 1)."""
    return (rgb @ np.asarray(BT601, np.float32))[..., None]


class MixedNetwork:
    """Two networks as one, whose picture lies between theirs."""

    def __init__(self, faithful: Any, sharp: Any, strength: float):
        """Mix two networks; `strength` 0 is the first one's picture, 1 the second's.

        Raises ModelError if they enlarge differently, or take no picture of one size.
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
        self.step = math.lcm(faithful.step, sharp.step)
        overlaps = [n.overlap for n in (faithful, sharp) if n.overlap is not None]
        self.overlap = max(overlaps, default=None)
        self.bytes_per_pixel = faithful.bytes_per_pixel + sharp.bytes_per_pixel
        self.eight_bit = faithful.eight_bit or sharp.eight_bit
        self.conditional = faithful.conditional or sharp.conditional
        self.seeing = faithful.seeing or sharp.seeing
        self._faithful, self._sharp = faithful, sharp
        self._strength = np.float32(strength)

    def __call__(self, lr: np.ndarray, degradation: Any = None) -> np.ndarray:
        """Upscale float32 (1, h, w, 3) in [0, 1] to (1, scale * h, scale * w, 3)."""
        faithful, sharp = self._faithful(lr, degradation), self._sharp(lr, degradation)
        return faithful + self._strength * (sharp - faithful)

    def release(self) -> None:
        """Free the memory that the last call took; the next takes it anew."""
        self._faithful.release()
        self._sharp.release()


class EnsembleNetwork(_Wrapped):
    """A network that averages its results for several views of the picture.

    A view is the picture flipped or turned, and its result is put upright again. Two
    views are the picture and its mirror image; four, also these two upside down; eight,
    also all four turned by 90 degrees: the "enhanced prediction" of Timofte et al. 2016
    (https://arxiv.org/abs/1511.02228).
    """

    def __init__(self, network: Any, count: int):
        """Wrap a network of RGB, for 2, 4 or 8 views.

        Raises ConfigError for another count, and for 8 if the network's input is fixed
        and not square.
        """
        if count not in (2, 4, 8):
            raise ConfigError(f"ensemble must be 1, 2, 4 or 8; received {count}")
        if count == 8 and network.size and network.size[0] != network.size[1]:
            raise ConfigError(
                f"the model's input of {network.size[0]} x {network.size[1]} pixels "
                "cannot be turned by 90 degrees, as an ensemble of 8 does; use 4"
            )
        super().__init__(network)
        self._count = int(count)  # 2.0 is 2

    def __call__(self, lr: np.ndarray, *degradation: np.ndarray) -> np.ndarray:
        """Upscale float32 (1, h, w, 3) in [0, 1] to (1, scale * h, scale * w, 3)."""
        total: Any = np.float32(0)
        for turned in (False, True) if self._count == 8 else (False,):
            for flipped in _FLIPS[: self._count]:
                view = np.flip(lr, flipped)
                if turned:
                    view = view.swapaxes(1, 2)
                sr = self._network(np.ascontiguousarray(view), *degradation)
                if turned:
                    sr = sr.swapaxes(1, 2)
                total = total + np.flip(sr, flipped)
        return total / np.float32(self._count)
