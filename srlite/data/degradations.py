"""Degradations: HR patches to the LR patches that a camera, an app or a site made.

The graph draws nothing: the sampler chooses what happens to each picture, so every
backend computes the same pictures. LR is rounded to 8 bit, as in a file.
"""

import contextlib

import keras
from keras import ops

from srlite.data.augmentations import add_noise, blur, compress_jpeg, cut_out, sharpen
from srlite.data.kernels import shrinking_matrices


def downsample(hr, kernel, scale):
    """Shrink each picture of a batch in its own way; to 8-bit levels.

    Args:
        hr: uint8 or float levels 0..255, (batch, height, width, channels), static
            height and width that are multiples of `scale`.
        kernel: int32 (batch,), indices into `SHRINKINGS`, whose first are `KERNELS`.
        scale: HR pixels per LR pixel.

    Returns:
        float32 (batch, height // scale, width // scale, channels), whole levels 0..255.
    """
    height, width = hr.shape[1:3]

    def matrices(size):  # (B, size / scale, size)
        return ops.take(shrinking_matrices(size, scale), kernel, axis=0)

    hr = ops.cast(hr, "float32")
    with _full_precision():
        lr = ops.einsum("bih,bhwc->biwc", matrices(height), hr)  # (B, H/s, W, C)
        lr = ops.einsum("bjw,biwc->bijc", matrices(width), lr)  # (B, H/s, W/s, C)
    return ops.clip(ops.round(lr), 0.0, 255.0)


def _full_precision():
    """Keep JAX from rounding float32 products on a GPU, which would move levels."""
    if keras.config.backend() != "jax":
        return contextlib.nullcontext()
    import jax

    return jax.default_matmul_precision("highest")


def degrade(batch, scale):
    """Turn a sampled batch into the pair that a step trains on.

    HR is blurred, compressed and shrunk; LR then gets its noise, its sharpening, its
    JPEG artefacts and its hole, unless there is a real LR patch. HR itself stays clean.

    Args:
        batch: dict of arrays whose first axis is the batch:

            - `hr`: uint8 (batch, patch, patch, channels);
            - `kernel`: int32 (batch,), indices into `SHRINKINGS`;
            - `blur_sigma` (optional): float32 (batch,), HR pixels, 0 for none;
            - `noise` and `noise_sigma` (optional): standard normal numbers of LR's
              shape; float32 (batch,), levels, 0 for none; `noise_colour` and
              `noise_shot` (optional): as for `augmentations.add_noise`;
            - `sharpening` (optional): float32 (batch,), 0 for none;
            - `jpeg_quality` (optional): int32 (batch,), 1 to 100, 0 for none;
              `jpeg_phase` and `jpeg_subsampled` (optional): as of
              `augmentations.compress_jpeg`; the same with `hr_` before them, for HR,
              and with `second_`, for a second pass over LR;
            - `cutout` (optional): int32 (batch, 4), top, left, bottom, right in LR
              pixels, an empty box for none;
            - `lr` and `paired` (optional): uint8 of LR's shape; bool (batch,), whether
              `lr` holds a real LR patch.

        scale: HR pixels per LR pixel.

    Returns:
        (lr, hr): float32 in [0, 1], (batch, patch // scale, patch // scale, channels)
        and (batch, patch, patch, channels); LR holds whole levels.
    """
    with _full_precision():
        lr = _made(batch, scale)
    hr = ops.cast(batch["hr"], keras.config.floatx())
    return lr / 255.0, hr / 255.0


def _made(batch, scale):
    """LR of a batch, whole levels."""
    seen = ops.cast(batch["hr"], "float32")
    if "blur_sigma" in batch:
        seen = _some(seen, blur, batch["blur_sigma"])
    if "hr_jpeg_quality" in batch:
        seen = _compressed(ops.clip(ops.round(seen), 0.0, 255.0), batch, "hr_jpeg")
    lr = downsample(seen, batch["kernel"], scale)
    if "noise" in batch:
        more = [batch.get(name) for name in ("noise_colour", "noise_shot")]
        lr = add_noise(lr, batch["noise"], batch["noise_sigma"], *more)
    if "sharpening" in batch:
        lr = sharpen(lr, batch["sharpening"])
    for name in ("jpeg", "second_jpeg"):
        if f"{name}_quality" in batch:
            lr = _compressed(lr, batch, name)
    if "cutout" in batch:
        lr = cut_out(lr, batch["cutout"])
    if "lr" in batch:
        paired = ops.reshape(batch["paired"], (-1, 1, 1, 1))
        lr = ops.where(paired, ops.cast(batch["lr"], "float32"), lr)
    return lr


def _compressed(pictures, batch, name):
    options = [batch.get(f"{name}_{n}") for n in ("quality", "phase", "subsampled")]
    return _some(pictures, compress_jpeg, *options)


def _some(pictures, change, *options):
    """Change the pictures of a strength above 0, one by one, as most have none.

    `change` is a function of a batch of one picture and of its options: the strength,
    (batch,), and others, each (batch, ...) or None.
    """
    options = [None if x is None else ops.convert_to_tensor(x) for x in options]
    chosen = options[0] > 0
    order = ops.argsort(ops.cast(ops.logical_not(chosen), "int32"))

    def one(i, pictures):
        place = ops.take(order, i)
        picture, *own = (
            None if x is None else ops.take(x, place, axis=0)[None]
            for x in (pictures, *options)
        )
        changed = change(picture, *own)
        return i + 1, ops.slice_update(pictures, (place, 0, 0, 0), changed)

    _, pictures = ops.while_loop(
        lambda i, _: i < ops.sum(ops.cast(chosen, "int32")),
        one,
        (0, ops.cast(pictures, "float32")),
    )
    return pictures
