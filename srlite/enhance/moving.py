"""Pictures that move: which files they are, and who enlarges them."""

from collections.abc import Callable
from pathlib import Path

from srlite.enhance.animations import enhance_animation, is_animation
from srlite.pictures.decoding import VIDEO_ENDINGS
from srlite.errors import ConfigError
from srlite.enhance.video import enhance_video


def is_moving(path):
    """Whether a file is an animation, or by its ending a video."""
    return _is_video(path) or is_animation(path)


def enhance_moving(
    lr_path,
    sr_path,
    upscaler,
    progress: Callable[[int, int], object] | None = None,
    quality: int | None = None,
    warn: Callable[[str], object] | None = None,
    **size_options,
):
    """Enlarge an animated GIF, WebP or PNG, or a video file.

    Args:
        lr_path: a file for which `is_moving` holds.
        sr_path: where to write the result: .gif, .webp or .png of an animation; .mp4,
            .mkv, .mov or .webm of a video.
        upscaler: `srlite.runtime.upscaler.Upscaler`.
        progress: function (frames done, frames in all), called after each frame. To
            cancel, raise an exception in it; it comes out of this function.
        quality: 1 to 100, of an animated WebP.
        warn: function (sentence) for what is left out of a video.
        **size_options: as `srlite.runtime.sizes.target_size`.

    Returns:
        (height, width) of the result.

    Raises:
        ImageError: the file cannot be read, or the result not be written.
        ConfigError: PyAV is missing, or an impossible size or quality.
    """
    if not _is_video(lr_path):
        return enhance_animation(
            lr_path, sr_path, upscaler, progress, quality, **size_options
        )
    if quality is not None:
        raise ConfigError(f"quality is for pictures; received {quality} for {sr_path}")
    return enhance_video(
        lr_path, sr_path, upscaler, progress, warn=warn, **size_options
    )


def _is_video(path):
    return Path(path).suffix.lower() in VIDEO_ENDINGS
