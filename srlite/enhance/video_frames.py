"""Frames of a video as RGB levels, and back in the colours that they came in.

The matrix and the range of YCbCr stay. Where a file does not name its matrix, players
choose by the size, and would choose another one for the enlarged video: so it is named
then. PyAV is imported by those who call.
"""

from dataclasses import dataclass

import numpy as np

# Numbers of ITU-T H.273, which PyAV uses too.
_BT709, _BT601 = 1, 6
_UNKNOWN = 2
_FULL, _LIMITED = 2, 1
# Matrix by its number: that of the converter, where 5 stands for both forms of BT.601.
_MATRICES = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9}
# Pixels: what is larger than the standards of television before HD.
_HD_WIDTH, _HD_HEIGHT = 1280, 577


@dataclass(frozen=True)
class Colours:
    """How the levels of a video stand for colours.

    Attributes:
        matrix: between RGB and YCbCr, by its number in ITU-T H.273.
        range: 2 for full, 1 for limited.
        primaries: by their number in ITU-T H.273.
        transfer: the curve, likewise.
        deep: whether there are more than 8 bits.
    """

    matrix: int
    range: int
    primaries: int
    transfer: int
    deep: bool

    @property
    def pixel_format(self):
        """What an enlarged frame is encoded as."""
        if self.deep:
            return "yuv420p10le"
        return "yuv420p"


def colours_of(frame):
    """Read the colours of an `av.VideoFrame`; what it leaves open, from its size."""
    matrix = frame.colorspace
    if matrix not in _MATRICES:
        large = frame.width >= _HD_WIDTH or frame.height >= _HD_HEIGHT
        matrix = _BT709 if large else _BT601
    full = frame.color_range == _FULL or frame.format.name.startswith("yuvj")
    return Colours(
        matrix,
        # RGB is full, but as YCbCr most players expect it limited.
        _FULL if full and not frame.format.is_rgb else _LIMITED,
        frame.color_primaries,
        frame.color_trc,
        max(part.bits for part in frame.format.components) > 8,
    )


def to_rgb(frame, colours):
    """Convert an `av.VideoFrame` to upright RGB.

    Returns:
        uint8 array (height, width, 3), or uint16 if it has more than 8 bits.
    """
    rgb = frame.reformat(
        format="rgb48le" if colours.deep else "rgb24",
        src_colorspace=_MATRICES[colours.matrix],
        dst_colorspace=_MATRICES[colours.matrix],
        src_color_range=_FULL if frame.format.is_rgb else colours.range,
        dst_color_range=_FULL,
        interpolation=_interpolation(),
    ).to_ndarray()
    return np.ascontiguousarray(np.rot90(rgb, quarter_turns(frame)))


def quarter_turns(frame):
    """How often a frame is to be turned by 90 degrees counterclockwise."""
    return round(frame.rotation / 90) % 4


def from_rgb(rgb, colours):
    """Convert RGB levels, uint8 or uint16 (height, width, 3), to an `av.VideoFrame`."""
    import av

    frame = av.VideoFrame.from_ndarray(rgb, "rgb48le" if colours.deep else "rgb24")
    return frame.reformat(
        format=colours.pixel_format,
        src_colorspace=_MATRICES[colours.matrix],
        dst_colorspace=_MATRICES[colours.matrix],
        src_color_range=_FULL,
        dst_color_range=colours.range,
        interpolation=_interpolation(),
    )


def _interpolation():
    from av.video.reformatter import Interpolation

    return (
        Interpolation.BICUBIC
        | Interpolation.ACCURATE_RND
        | Interpolation.FULL_CHR_H_INT
        | Interpolation.FULL_CHR_H_INP
    )
