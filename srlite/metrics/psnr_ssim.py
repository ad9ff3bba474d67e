"""Metrics as the super-resolution literature computes them.

They use 8-bit luma (ITU-R BT.601, 16..235) without a border of `scale` pixels, as in
MATLAB's scripts for Set5 and Set14 and in published tables; or RGB, as in newer papers.
Two measures of colour use the Cb and Cr of JPEG (ITU-R BT.601, full range). Training
validates with the same functions as `evaluation`.

Sharp details may be invented, but what the LR picture shows may not be changed.
`lr_error` and `colour_error` measure that, in levels (1/255), without HR.
"""

import numpy as np

from srlite.data.kernels import shrink
from srlite.pictures.levels import BT601, luma

# Wang et al. 2004, section III C.
_WINDOW = 11  # pixels
_SIGMA = 1.5  # pixels
_C1, _C2 = (0.01 * 255.0) ** 2, (0.03 * 255.0) ** 2
_BAND = 64  # rows
_COLOURLESS = 0.5  # levels of grain in HR; up to it a picture counts as grey
_MOST = 100.0  # dB


def psnr(sr: np.ndarray, hr: np.ndarray, border: int, channel: str = "luma") -> float:
    """Peak signal-to-noise ratio.

    Args:
        sr: uint8 (height, width, 3).
        hr: uint8, same shape.
        border: HR pixels left out on each side; by custom the scale.
        channel: "luma" or "rgb": what the squared error is averaged over.

    Returns dB, infinite for equal pictures; raises ValueError for pictures of another
    kind or of different shapes, nothing left inside the border, or another channel.
    """
    return _ratio(*_inside(sr, hr, border, 1, channel))


def finite_psnr(sr: np.ndarray, hr: np.ndarray, border: int) -> float:
    """PSNR on luma as `psnr`, but at most 100 dB: equal pictures would spoil a mean."""
    return min(psnr(sr, hr, border), _MOST)


def is_one_colour(picture: np.ndarray) -> bool:
    """Whether all pixels (height, width, 3) are equal, so that any answer would do."""
    return bool((picture == picture[:1, :1]).all())


def ssim(sr: np.ndarray, hr: np.ndarray, border: int, channel: str = "luma") -> float:
    """Structural similarity, at most 1; `channel` "rgb" is the mean over the channels.

    Wang et al. 2004 (https://doi.org/10.1109/TIP.2003.819861), equation 13, with a
    Gaussian window of 11 x 11 pixels and sigma 1.5, K1 0.01, K2 0.03 and L 255; the
    mean over the places where the window lies inside the border. Arguments and errors
    are those of `psnr`.
    """
    sr, hr = _inside(sr, hr, border, _WINDOW, channel)
    channels = [(sr[..., c], hr[..., c]) for c in range(sr.shape[-1])]
    return float(np.mean([_mean_similarity(*pair) for pair in channels]))


def chroma_psnr(sr: np.ndarray, hr: np.ndarray, border: int) -> float:
    """Peak signal-to-noise ratio of Cb and Cr together, in dB; as `psnr`.

    It is infinite for equal colours and NaN where HR has none.
    """
    sr, hr = map(_chroma, _inside(sr, hr, border, 3, "rgb"))
    if _roughness(hr) <= _COLOURLESS:
        return float("nan")
    return _ratio(sr, hr)


def grain(sr: np.ndarray, hr: np.ndarray, border: int) -> float:
    """How rough the colours are, relative to those of HR, 0 or more; as `psnr`.

    The root mean square of the Laplacian (4 at the centre, -1 at its four neighbours)
    of Cb and Cr. Below 1 colours are smoothed, above it they are noisy or mottled; NaN
    where HR has none.
    """
    ours, theirs = (_roughness(_chroma(x)) for x in _inside(sr, hr, border, 3, "rgb"))
    return ours / theirs if theirs > _COLOURLESS else float("nan")


def lr_error(sr: np.ndarray, lr: np.ndarray, kernel: str, scale: int) -> float:
    """Mean absolute difference in levels of LR and SR, shrunk again by `kernel`."""
    check_uint8(sr, lr)
    shrunk = shrink(sr, kernel, scale).astype(int)
    if shrunk.shape != lr.shape:
        raise ValueError(f"lr must be {shrunk.shape} for this sr; received {lr.shape}")
    return float(np.abs(shrunk - lr).mean())


def colour_error(sr: np.ndarray, lr: np.ndarray) -> float:
    """Largest difference, of the channels, of the mean levels of SR and LR."""
    check_uint8(sr, lr)
    means = (picture.mean(axis=(0, 1)) for picture in (sr, lr))
    return float(np.abs(np.subtract(*means)).max())


def _ratio(sr: np.ndarray, hr: np.ndarray) -> float:
    """PSNR of two float64 arrays of one shape, in dB."""
    error = np.mean((sr - hr) ** 2)
    return float("inf") if error == 0 else float(10 * np.log10(255.0**2 / error))


def _chroma(rgb: np.ndarray) -> np.ndarray:
    """Cb and Cr, each around 0: float64 (height, width, 2)."""
    y = rgb @ BT601
    return np.stack([(rgb[..., 2] - y) / 1.772, (rgb[..., 0] - y) / 1.402], axis=-1)


def _roughness(x: np.ndarray) -> float:
    """Root mean square of the Laplacian: levels."""
    inside = x[1:-1, 1:-1]
    around = x[:-2, 1:-1] + x[2:, 1:-1] + x[1:-1, :-2] + x[1:-1, 2:]
    return float(np.sqrt(np.mean((4 * inside - around) ** 2)))


def centre_crop(image: np.ndarray, scale: int, size: int | None = None) -> np.ndarray:
    """Cut a picture so that LR has whole pixels, and perhaps to its middle.

    The sides of the view are multiples of `scale`, at most `size` unless that is None.
    Sides no longer than `size` are cut at the end, as the literature does.
    """
    slices = []
    for length in image.shape[:2]:
        kept = min(length, size or length) // scale * scale
        first = (length - kept) // 2 if size and length > size else 0
        slices.append(slice(first, first + kept))
    return image[tuple(slices)]


def smallest_side(scale: int) -> int:
    """Return the shortest side, in HR pixels, of pictures that can be measured.

    They are first cut to multiples of `scale`, which is the border too.
    """
    return scale * (2 + -(-_WINDOW // scale))


def check_uint8(*pictures: np.ndarray) -> None:
    """Raise `ValueError` for a picture that is not uint8 (height, width, 3)."""
    for picture in pictures:
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
            raise ValueError(
                "pictures must be uint8 (height, width, 3); received "
                f"{picture.dtype} {picture.shape}"
            )


def _inside(
    sr: np.ndarray, hr: np.ndarray, border: int, least: int, channel: str
) -> tuple[np.ndarray, np.ndarray]:
    """Check and cut two pictures: float64 (height, width, channels), 0..255."""
    check_uint8(sr, hr)
    if sr.shape != hr.shape:
        raise ValueError(f"sr and hr must have one shape; got {sr.shape}, {hr.shape}")
    if border < 0 or min(hr.shape[:2]) < 2 * border + least:
        raise ValueError(
            f"a picture of {hr.shape} has no {least} x {least} pixels inside {border=}"
        )
    if channel not in ("luma", "rgb"):
        raise ValueError(f"channel must be 'luma' or 'rgb'; received {channel!r}")
    inside = slice(border, -border or None)
    sr, hr = sr[inside, inside], hr[inside, inside]
    if channel == "luma":
        return luma(sr)[..., None], luma(hr)[..., None]
    return sr.astype(np.float64), hr.astype(np.float64)


def _mean_similarity(a: np.ndarray, b: np.ndarray) -> float:
    """SSIM of one channel: float64 (height, width)."""
    total, height = 0.0, len(a) - _WINDOW + 1
    # In bands that fit into the cache: twice as fast for a large photograph.
    for first in range(0, height, _BAND):
        rows = slice(first, first + _BAND + _WINDOW - 1)
        total += np.sum(_similarities(a[rows], b[rows]))
    return total / (height * (a.shape[1] - _WINDOW + 1))


def _similarities(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """SSIM at each place of the window: (height - 10, width - 10)."""

    def windowed(x: np.ndarray) -> np.ndarray:
        return gaussian_means(x, _WINDOW, _SIGMA)

    mean_a, mean_b = windowed(a), windowed(b)
    product = mean_a * mean_b
    squares = mean_a**2 + mean_b**2
    covariance = windowed(a * b) - product
    variances = windowed(a**2 + b**2) - squares
    return ((2 * product + _C1) * (2 * covariance + _C2)) / (
        (squares + _C1) * (variances + _C2)
    )


def gaussian_means(x: np.ndarray, window: int, sigma: float) -> np.ndarray:
    """Gaussian means over a window, first of columns, then of rows, where it fits."""
    places = np.arange(window) - window // 2
    weights = np.exp(-(places**2) / (2 * sigma**2))
    weights /= weights.sum()
    height, width = (side - window + 1 for side in x.shape)
    x = sum(w * x[i : i + height] for i, w in enumerate(weights))
    return sum(w * x[:, i : i + width] for i, w in enumerate(weights))
