"""What an evaluation measures of SR pictures: built once, before the first picture."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from srlite.errors import ConfigError, ModelError
from srlite.evaluation.protocol import GIVEN
from srlite.evaluation.records import METRICS
from srlite.metrics.feature_distances import content_distance, style_distance
from srlite.metrics.niqe import niqe, read_niqe_parameters
from srlite.metrics.psnr_ssim import (
    chroma_psnr,
    colour_error,
    grain,
    lr_error,
    psnr,
    ssim,
)

# The option that names the file of a metric.
NEEDS = {
    "content": "--vgg19-weights",
    "style": "--efficientnet-weights",
    "niqe": "--niqe-parameters",
}


@dataclass(frozen=True)
class Measures:
    """What is measured of a picture."""

    names: tuple[str, ...]  # of `records.METRICS`
    extra: dict[str, Callable]  # functions (sr, hr) -> float that need a file, by name
    identities: dict[str, str]  # text that stands for that file, by name

    def of(self, sr, hr, lr, kernel, scale, seconds):
        """Measure uint8 SR (height, width, 3) against HR of the same shape and its LR.

        `kernel` shrank LR; for `GIVEN`, bicubic is assumed. `seconds` is the time that
        enlarging took. Returns dict of name to float, without those that the picture
        lacks.
        """
        assumed = "bicubic" if kernel == GIVEN else kernel
        known = {
            "psnr": partial(psnr, sr, hr, scale),
            "ssim": partial(ssim, sr, hr, scale),
            "psnr_rgb": partial(psnr, sr, hr, scale, "rgb"),
            "ssim_rgb": partial(ssim, sr, hr, scale, "rgb"),
            "chroma_db": partial(chroma_psnr, sr, hr, scale),
            "grain": partial(grain, sr, hr, scale),
            "lr_error": partial(lr_error, sr, lr, assumed, scale),
            "colour_error": partial(colour_error, sr, lr),
            "seconds_per_megapixel": lambda: seconds / (hr[..., 0].size / 1e6),
        } | {name: partial(f, sr, hr) for name, f in self.extra.items()}
        values = {name: float(known[name]()) for name in self.names}
        return {name: value for name, value in values.items() if not np.isnan(value)}


def build_measures(metrics, files, border):
    """Build the measures that are asked for.

    `metrics` are names of `records.METRICS`, None for all that can be measured; `files`
    is a dict of those that need a file to its path, or "imagenet"; NIQE leaves out
    `border` HR pixels on each side. Returns (`Measures`, list of sentences about what
    cannot be measured); raises ConfigError for an unknown metric, or one whose file is
    not given.
    """
    known = [metric.name for metric in METRICS]
    possible = [name for name in known if name in files or name not in NEEDS]
    wanted = possible if metrics is None else metrics
    if not wanted or set(wanted) - set(known):
        unknown = ", ".join(sorted(set(wanted) - set(known))) or "none"
        raise ConfigError(f"unknown metric {unknown}; there are {', '.join(known)}")
    for name in wanted:
        if name not in possible:
            raise ConfigError(f"{name} needs a file; give it with {NEEDS[name]}")
    builders = {
        "content": content_distance,
        "style": style_distance,
        "niqe": partial(_niqe, border=border),
    }
    extra, identities, warnings = {}, {}, []
    for name in [name for name in known if name in wanted and name in files]:
        try:
            extra[name] = builders[name](files[name])
        except ModelError as error:
            if files[name] != "imagenet":
                raise
            # The rest of the sentence is about training.
            reason = str(error).split(";")[0]
            warnings.append(f"{name} is left out: {reason}; {NEEDS[name]} takes files")
            continue
        identities[name] = file_identity(files[name])
    kept = [n for n in known if n in wanted and (n in extra or n not in NEEDS)]
    return Measures(tuple(kept), extra, identities), warnings


def _niqe(path, border):
    parameters = read_niqe_parameters(path)
    return lambda sr, hr: niqe(sr, parameters, border)


def file_identity(file):
    """Return what stands for a weights file in the keys of records."""
    if not os.path.isfile(file):
        return file
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()
