"""What an `Upscaler` is made of: networks behind names, and the tiles that fit them."""

from typing import Any

from srlite.errors import ConfigError, ModelError
from srlite.files import StrPath
from srlite.memory import cores
from srlite.models.model_files import find_estimator, find_model
from srlite.runtime.composed import MixedNetwork, in_colour
from srlite.runtime.runners import LEAST_SEEN, open_network
from srlite.runtime.seeing import Estimator
from srlite.runtime.sizes import whole_number

# LR pixels. The convolutions of the shipped models reach 27 pixels, but what lies
# beyond 20 changed no result by a hundredth of a level where it was measured.
DEFAULT_OVERLAP = 20
# LR pixels along a side. In a smaller picture the network would see mostly the zeros
# beyond its edges, and make a white pixel 23 levels too dark. A window of a larger
# picture has as many, because mirrored pixels would stand beyond the picture's edge.
_LEAST = 8
# More than a machine has cores; of very many, LiteRT takes the process down.
_MOST_THREADS = 1024


def open_models(
    path: StrPath, sharp_path: StrPath | None, strength: float, num_threads: int | None
) -> tuple[Any, Estimator | None]:
    """Open the models that a strength needs, and the estimator that goes with them.

    Arguments and errors are those of `Upscaler.from_file`. Returns (network as of
    `srlite.runtime.runners`, estimator or None).
    """
    num_threads = check_threads(num_threads)
    check_strength(strength)
    if strength and sharp_path is None:
        raise ConfigError(f"a strength of {strength} needs a sharp model too")
    paths = [path] if strength < 1 else []
    paths += [sharp_path] if sharp_path and strength > 0 else []
    networks = [in_colour(open_network(find_model(p), num_threads)) for p in paths]
    estimator = None
    told = [p for p, network in zip(paths, networks) if network.conditional]
    if told:
        threads = num_threads or cores()
        estimator = Estimator.from_file(find_estimator(told[0]), threads)
    if len(networks) == 2:
        networks = [MixedNetwork(networks[0], networks[1], strength)]
    return networks[0], estimator


def fit_tile(
    network: Any, tile: int | None, overlap: int | None
) -> tuple[int | None, int]:
    """Return the tile and overlap to use with a network, LR pixels.

    A tile of None is what a fixed input holds, and stays None for an input of any size;
    an overlap of None is that of the network, else `DEFAULT_OVERLAP`, at most a quarter
    of a fixed input. Raises ConfigError for an impossible tile or overlap.
    """
    side = min(network.size) if network.size else None
    if overlap is None:
        overlap = getattr(network, "overlap", None)
        overlap = DEFAULT_OVERLAP if overlap is None else overlap
        overlap = min(overlap, side // 4) if side else overlap
    overlap = whole_number(overlap, "overlap must be 0 or more whole LR pixels", 0)
    room = side - 2 * overlap if side else None
    if room is not None and room < 1:
        raise ConfigError(
            f"the model's input of {side} pixels has no room for an overlap of "
            f"{overlap} on both sides; use less than {(side + 1) // 2}"  # type: ignore[operator]
        )
    rule = "tile must be 1 or more whole LR pixels"
    tile = room if tile is None else whole_number(tile, rule)
    if room is not None and tile > room:
        raise ConfigError(
            f"the model's input of {side} pixels holds tiles of at most {room} "
            f"with an overlap of {overlap}; received {tile}"
        )
    return tile, overlap


def mirroring_for(network: Any) -> tuple[int, Any]:
    """Return the fewest LR pixels that a network should see along each side, and how.

    How is the mode by which `np.pad` mirrors a smaller picture. "symmetric" repeats the
    pixel at the edge, and to an estimator that is built in this looks like JPEG.
    """
    if getattr(network, "seeing", False):
        return LEAST_SEEN, "reflect"
    return _LEAST, "symmetric"


def check_seen(network: Any, lr_size: tuple[int, ...], window: tuple[int, int]) -> None:
    """Raise ModelError if a network that must see all of a picture would see a window.

    Each window would be judged by itself, and show in the result.
    """
    (height, width), (high, wide) = lr_size[:2], window
    if getattr(network, "seeing", False) and (high < height or wide < width):
        raise ModelError(
            "the model itself estimates how a picture was made, so it must see all "
            f"{width} x {height} pixels at once, not {wide} x {high}; leave out a "
            "tile size, or export the model without --degradation auto"
        )


def check_threads(num_threads: int | None) -> int | None:
    """Return a number of threads as an int, or raise `ConfigError`."""
    if num_threads is None:
        return None
    threads = whole_number(num_threads, "threads must be 1 or more, and whole")
    if threads > _MOST_THREADS:
        raise ConfigError(
            f"threads must be at most {_MOST_THREADS}; received {threads}"
        )
    return threads


def check_strength(strength: float) -> None:
    """Raise `ConfigError` for a strength outside 0 to 1."""
    if isinstance(strength, str) or not 0 <= strength <= 1:
        raise ConfigError(f"strength must be from 0 to 1; received {strength}")
