"""Measure models: `python -m srlite.evaluation --model light_psnr --hr-dir DIR`.

Each HR picture is cut to a multiple of the scale, shrunk with each kernel of
`degradations.KERNELS`, rounded to 8 bit, enlarged by each model, rounded, and compared
as the literature does (`metrics`). The table holds means over the pictures of a folder:
PSNR in dB and SSIM. "bicubic" is plain bicubic enlargement.
"""

import argparse
from pathlib import Path

import numpy as np

from srlite.backend import import_keras
from srlite.errors import ConfigError, ModelError
from srlite.images import enlarge_bicubic
from srlite.metrics import psnr, smallest_side, ssim
from srlite.photographs import load_images
from srlite.upscaler import Upscaler

SCALE = 4


def measure(upscale, images, kernels, scale=SCALE):
    """Measure an enlarging function.

    Args:
        upscale: function from uint8 LR (h, w, 3) to uint8 SR (scale * h, scale * w, 3).
        images: uint8 HR pictures (H, W, 3), sides of at least
            `metrics.smallest_side(scale)`.
        kernels: names from `degradations.KERNELS`.
        scale: HR pixels per LR pixel.

    Returns:
        float64 array (pictures, kernels, 2): PSNR in dB, SSIM.
    """
    from srlite.degradations import shrink

    values = []
    for image in images:
        height, width = (side // scale * scale for side in image.shape[:2])
        hr = image[:height, :width]
        enlarged = [upscale(shrink(hr, kernel, scale)) for kernel in kernels]
        values.append([[f(sr, hr, scale) for f in (psnr, ssim)] for sr in enlarged])
    return np.array(values)


def _load(model):
    if model == "bicubic":
        return lambda lr: enlarge_bicubic(lr, SCALE)
    upscaler = Upscaler.from_file(model)
    if upscaler.scale != SCALE:
        raise ModelError(f"{model} enlarges {upscaler.scale} times; expected {SCALE}")
    return upscaler.upscale


def main(argv=None, prog="python -m srlite.evaluation"):
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Measure PSNR (dB) and SSIM on luma per down-sampling kernel.",
    )
    parser.add_argument(
        "--model",
        nargs="+",
        default=["light_psnr", "bicubic"],
        help="shipped names, .tflite or .keras files, checkpoints, run directories, or "
        "bicubic (default: %(default)s)",
    )
    parser.add_argument("--hr-dir", nargs="+", required=True, metavar="DIR")
    parser.add_argument("--kernels", nargs="+", metavar="KERNEL", help="default: all")
    args = parser.parse_args(argv)
    import_keras("evaluation")
    from srlite.degradations import KERNELS

    kernels = args.kernels or KERNELS
    if unknown := set(kernels) - set(KERNELS):
        raise ConfigError(
            f"unknown kernel {', '.join(sorted(unknown))}; there are "
            f"{', '.join(KERNELS)}"
        )
    models = {name: _load(name) for name in args.model}
    folders = {f: load_images(f, min_size=smallest_side(SCALE)) for f in args.hr_dir}
    width = max(len(Path(name).name) for name in models) + 2
    for folder, images in folders.items():
        print(f"{folder} ({len(images)} pictures), PSNR in dB and SSIM")
        print(" " * width + "".join(f"{k:>18}" for k in (*kernels, "mean")))
        for name, upscale in models.items():
            means = measure(upscale, images, kernels).mean(axis=0)
            cells = (*means, means.mean(axis=0))
            figures = "".join(f"{p:11.2f} {s:.4f}" for p, s in cells)
            print(f"{Path(name).name:{width}}{figures}")
    return 0


if __name__ == "__main__":
    from srlite.errors import run_command

    run_command(main)
