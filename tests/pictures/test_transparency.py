"""Colours under transparent pixels, and what a viewer sees of them afterwards."""

import numpy as np
import pytest

from srlite.enhance.inference import enhance_image
from srlite.errors import ConfigError
from srlite.pictures.levels import join_channels
from srlite.pictures.picture import picture_from_array
from srlite.pictures.transparency import extend_colours
from srlite.runtime.layers import upscale_picture
from srlite.runtime.upscaler import Upscaler

RED = np.array([220, 30, 40])


def disc(side, radius):
    """Coverage in [0, 1] of a disc, area-sampled at 16 x 16 points a pixel."""
    fine = np.arange(side * 16) / 16 + 1 / 32 - side / 2
    inside = (fine[:, None] ** 2 + fine**2 < radius**2).astype(np.float64)
    return inside.reshape(side, 16, side, 16).mean(axis=(1, 3))


def over(rgba, background):
    opacity = rgba[..., 3:] / 255.0
    return rgba[..., :3] * opacity + background * (1 - opacity)


@pytest.mark.parametrize("hidden", [(0, 0, 0), (0, 255, 0)])
def test_no_fringe_around_a_disc(hidden):
    coverage = disc(48, 15)
    lr = np.empty((48, 48, 4), np.uint8)
    lr[..., 3] = np.rint(255 * coverage)
    lr[..., :3] = np.where(lr[..., 3:] > 0, RED, hidden)
    sr = enhance_image(lr, model="light_psnr", overlap=8)
    # What would be seen had the hidden colour been left where it is.
    opaque = enhance_image(lr[..., :3], model="light_psnr", overlap=8)
    disc_of_red = np.dstack([np.broadcast_to(RED, (192, 192, 3)), sr[..., 3]])
    for background in (0, 255):
        seen, ideal = over(sr, background), over(disc_of_red, background)
        # Each colour is a mixture of red and background: no other hue, darker or
        # brighter than both, to 3 levels, which is what the model does to a flat red.
        assert np.abs(seen - ideal).max() <= 3
        # And the shape is the disc's, four times as large: bicubic's edge is soft.
        truth = disc(192, 60)
        truth = RED * truth[..., None] + background * (1 - truth[..., None])
        error = np.abs(seen - truth)
        assert error.mean() < 2
        far = np.abs(disc(192, 68) + disc(192, 52) - 1) > 0.5  # 8 SR pixels off
        assert error[far].max() <= 3
        fringed = over(np.dstack([opaque, sr[..., 3]]), background)
        assert np.abs(fringed - ideal).max() > 30


def test_visible_colours_stay_to_the_bit():
    rng = np.random.default_rng(0)
    for dtype, highest in ((np.uint8, 255), (np.uint16, 65535)):
        pixels = rng.integers(0, highest, (33, 50, 3), dtype=dtype)
        alpha = rng.integers(0, highest, (33, 50), dtype=dtype)
        alpha[:10] = 0
        extended = extend_colours(pixels, alpha)
        visible = alpha >= highest / 16
        np.testing.assert_array_equal(extended[visible], pixels[visible])
        assert extended.dtype == dtype
        assert (extended[:10] != pixels[:10]).any()


def test_nothing_to_extend():
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    assert extend_colours(pixels, None) is pixels
    for level in (0, 255):
        assert extend_colours(pixels, np.full((5, 7), level, np.uint8)) is pixels


@pytest.mark.parametrize("size", [(1, 1), (1, 2), (2, 1), (5, 7), (64, 3), (33, 100)])
def test_one_visible_pixel_colours_all(size):
    pixels = np.zeros((*size, 3), np.uint8)
    alpha = np.zeros(size, np.uint8)
    pixels[-1, -1], alpha[-1, -1] = RED, 255
    extended = extend_colours(pixels, alpha)
    np.testing.assert_array_equal(extended, np.broadcast_to(RED, pixels.shape))


def test_the_nearest_colour_is_extended():
    """Left half red, right half blue, with a hidden gap of green between."""
    pixels = np.zeros((40, 60, 3), np.uint8)
    alpha = np.zeros((40, 60), np.uint8)
    pixels[...] = (0, 255, 0)
    pixels[:, :20], pixels[:, 40:] = (255, 0, 0), (0, 0, 255)
    alpha[:, :20] = alpha[:, 40:] = 255
    extended = extend_colours(pixels, alpha).astype(int)
    assert extended[..., 1].max() == 0
    assert (extended[:, 20, 0] > 200).all() and (extended[:, 39, 2] > 200).all()
    assert (np.diff(extended[20, 20:40, 0]) <= 0).all()
    float_pixels = extend_colours((pixels / 255).astype(np.float32), alpha)
    assert np.abs(255 * float_pixels - extended).max() <= 0.51


def test_alpha_by_the_model_is_sharper_and_settled():
    coverage = disc(48, 15)
    lr = np.full((48, 48, 4), 90, np.uint8)
    lr[..., 3] = np.rint(255 * coverage)
    truth = 255 * disc(192, 60)
    options = {"model": "light_psnr", "overlap": 8}
    errors = {
        way: np.abs(enhance_image(lr, alpha=way, **options)[..., 3] - truth)
        for way in ("model", "bicubic")
    }
    assert errors["model"].mean() < 0.8 * errors["bicubic"].mean()
    for error in errors.values():  # opaque and empty to the bit, off the edge
        assert error[disc(192, 44) == 1].max() == 0
        assert error[disc(192, 76) == 0].max() == 0
    with pytest.raises(ConfigError, match="alpha must be model or bicubic"):
        enhance_image(lr, alpha="cubic", **options)


def test_hidden_colours_are_kept_when_asked(tiny_tflite):
    texture = np.random.default_rng(0).integers(0, 256, (20, 24, 4), np.uint8)
    texture[:, :12, 3] = 0
    kept = enhance_image(texture, model=tiny_tflite, keep_hidden_colours=True)
    opaque = enhance_image(texture[..., :3], model=tiny_tflite)
    np.testing.assert_array_equal(kept[..., :3], opaque)
    usual = enhance_image(texture, model=tiny_tflite)
    assert (usual[:, :40, :3] != opaque[:, :40]).any()


def test_a_wrapped_texture_has_no_seam(tiny_tflite):
    texture = np.random.default_rng(0).integers(0, 256, (20, 24, 4), np.uint8)
    options = {"model": tiny_tflite, "wrap": True, "keep_hidden_colours": True}
    for tile in (None, 9):
        whole = enhance_image(texture, tile=tile, **options)
        moved = enhance_image(np.roll(texture, (7, 5), (0, 1)), tile=tile, **options)
        difference = np.roll(whole, (28, 20), (0, 1)).astype(int) - moved
        assert np.abs(difference).max() <= 1


@pytest.mark.parametrize("alpha", ["model", "bicubic"])
@pytest.mark.parametrize("size", [(192, 192), (32, 32)])
def test_a_transparent_texture_has_no_seam(alpha, size):
    """Moved over its edge, it becomes what it was, moved; a red and a blue stripe."""
    lr = np.zeros((48, 48, 4), np.uint8)
    lr[:, 36:] = (*RED, 255)
    lr[:, 8:20] = (30, 40, 220, 255)
    upscaler = Upscaler.from_preset("light_rt")
    seen = []
    for moved in (0, 24):
        picture = picture_from_array(np.roll(lr, moved, axis=1))
        sr = upscale_picture(
            upscaler, picture, None, size, "clean", alpha=alpha, wrap=True
        )
        rgba = np.roll(join_channels(sr.pixels, sr.alpha), -moved * size[1] // 48, 1)
        seen.append(over(rgba, 255))
    assert np.abs(seen[0] - seen[1]).max() <= 10


@pytest.mark.parametrize("options", [{"keep_hidden_colours": True}, {"wrap": True}])
def test_what_is_said_does_not_change_the_picture(options):
    rng = np.random.default_rng(0)
    lr = rng.integers(0, 256, (40, 40, 4), dtype=np.uint8)
    lr[:, :20] = 0  # flat and hidden, so that the estimate depends on what is seen
    quiet, said = (
        enhance_image(lr, model="light_rt", say=say, **options)
        for say in (None, lambda line: None)
    )
    np.testing.assert_array_equal(quiet, said)
