"""What moves is told one degradation a scene, so that nothing flickers."""

from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image
from small_networks import ToldNetwork

from srlite.data.degradation_vector import Degradation
from srlite.enhance.animations import enhance_animation
from srlite.enhance.scenes import scenes_of
from srlite.enhance.video import enhance_video
from srlite.enhance.video_frames import to_grey
from srlite.errors import Cancelled
from srlite.runtime.seeing import Estimator
from srlite.runtime.upscaler import Upscaler

# 25 frames a second: two scenes, in each of which the light wavers by a few levels.
LEVELS = [60 + i % 7 for i in range(40)] + [180 + i % 5 for i in range(30)]
CUT = 40
SAMPLES = [0, 5, 10, 15, 20]  # one for each fifth of the first second


class _Showing(ToldNetwork):
    """A network whose picture is flat, as light as the noise that it was told."""

    def enlarge(self, lr, degradation):
        height, width = lr.shape[1:3]
        return np.full((1, 4 * height, 4 * width, 3), degradation[7], np.float32)


class _LookingAtLight:
    """An estimator's function to which light is noise; counts the looks."""

    def __init__(self):
        self.looks = 0

    def __call__(self, lr):
        self.looks += 1
        return np.array([[0, 1, 0, 0, 0, 0, 0.25, lr.mean(), 0, 0]], np.float32)


def make_upscaler():
    network, looking = _Showing(), _LookingAtLight()
    return Upscaler(network, estimator=Estimator(looking)), network, looking


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """`LEVELS` as flat grey frames of 24 x 32 pixels, without loss."""
    path = tmp_path_factory.mktemp("clip") / "lr.mkv"
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=25, options={"crf": "0"})
        video.width, video.height, video.pix_fmt = 32, 24, "yuv420p"
        for i, level in enumerate(LEVELS):
            planes = np.full((36, 32), 128, np.uint8)
            planes[:24] = level
            frame = av.VideoFrame.from_ndarray(planes, "yuv420p")
            frame.pts, frame.time_base = i, Fraction(1, 25)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
    return path


def expected_noise():
    """What both scenes are told: means of limited range luma, as in ITU-R BT.601."""
    light = [(level - 16) / 219 for level in LEVELS]
    return [np.mean([light[start + i] for i in SAMPLES]) for start in (0, CUT)]


def test_frames_of_a_scene_are_told_one_vector(clip, tmp_path):
    upscaler, network, looking = make_upscaler()
    lines = []
    enhance_video(clip, tmp_path / "sr.mkv", upscaler, say=lines.append)
    told = np.array(network.told[-len(LEVELS) :])
    assert np.ptp(told[:CUT], axis=0).max() == np.ptp(told[CUT:], axis=0).max() == 0
    assert np.abs(told[[0, CUT], 7] - expected_noise()).max() < 0.5 / 255
    # Two scenes of five frames; what the segments belong to is known by a look too.
    assert looking.looks <= 10 + 2
    assert [line[:11] for line in lines] == ["from 0.0 s:", "from 1.6 s:"]
    assert lines[0].endswith("seen bilinear, JPEG about 75, noise about 3 levels")


def test_what_is_said_holds_in_every_scene(clip, tmp_path):
    upscaler, network, _ = make_upscaler()
    lines = []
    options = {"degradation": "jpeg=50,blur=1", "say": lines.append}
    enhance_video(clip, tmp_path / "sr.mkv", upscaler, **options)
    told = np.array(network.told[-len(LEVELS) :])
    assert (told[:, [6, 8]] == 0.5).all()
    assert np.abs(told[[0, CUT], 7] - expected_noise()).max() < 0.5 / 255
    assert "JPEG about 75" in lines[1] and "; told bilinear, JPEG about 50" in lines[1]


def test_nothing_is_looked_at_where_all_is_said(clip, tmp_path):
    upscaler, network, looking = make_upscaler()
    whole = Degradation(noise=4.0)
    enhance_video(clip, tmp_path / "sr.mkv", upscaler, degradation=whole)
    assert looking.looks <= 1  # at no frame
    assert (np.array(network.told) == whole.vector).all()


@pytest.mark.parametrize("stop_at", [7, CUT + 3])
def test_a_stopped_video_goes_on_with_its_scenes(clip, tmp_path, stop_at):
    whole, sr_path = tmp_path / "whole.mp4", tmp_path / "sr.mp4"
    enhance_video(clip, whole, make_upscaler()[0], segment_frames=6)

    def stop(done, total):
        if done == stop_at:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        enhance_video(clip, sr_path, make_upscaler()[0], stop, 6)
    upscaler, network, looking = make_upscaler()
    seen = []
    enhance_video(clip, sr_path, upscaler, lambda n, _: seen.append(n), 6)
    assert seen[0] == stop_at // 6 * 6 + 1
    assert sr_path.read_bytes() == whole.read_bytes()
    # A scene that is done is not looked at again.
    assert looking.looks <= (10 if stop_at < CUT else 5) + 2


@pytest.mark.parametrize("change", [{"degradation": "noise=9"}, {"ensemble": 2}])
def test_segments_told_otherwise_are_of_no_use(clip, tmp_path, change):
    def stop(done, total):
        if done == 13:
            raise Cancelled("enough")

    sr_path = tmp_path / "sr.mkv"
    with pytest.raises(Cancelled):
        enhance_video(clip, sr_path, make_upscaler()[0], stop, 6)
    said = change.get("degradation", "auto")
    network, looking = _Showing(), _LookingAtLight()
    ensemble = change.get("ensemble", 1)
    upscaler = Upscaler(network, estimator=Estimator(looking), ensemble=ensemble)
    seen = []
    options = {"segment_frames": 6, "degradation": said}
    enhance_video(clip, sr_path, upscaler, lambda n, _: seen.append(n), **options)
    assert seen[0] == 1


@pytest.mark.parametrize("ending", [".gif", ".png"])
def test_animations_have_scenes_too(ending, tmp_path):
    lr_path, sr_path = tmp_path / f"lr{ending}", tmp_path / "sr.png"
    levels = [60, 66, 72, 180, 190]
    frames = [Image.fromarray(np.full((20, 24, 3), n, np.uint8)) for n in levels]
    frames[0].save(lr_path, save_all=True, append_images=frames[1:], duration=200)
    upscaler, network, looking = make_upscaler()
    lines = []
    enhance_animation(lr_path, sr_path, upscaler, say=lines.append)
    expected = [66 / 255] * 3 + [185 / 255] * 2
    assert np.abs(np.array(network.told)[:, 7] - expected).max() < 1e-3
    assert looking.looks == 5
    assert [line[:11] for line in lines] == ["from 0.0 s:", "from 0.6 s:"]


@pytest.mark.parametrize(
    "kind", ["yuv420p", "yuvj420p", "yuv422p10le", "rgb24", "gbrp", "gray"]
)
def test_grey_of_every_kind_of_frame(kind):
    """Halves, dark above and light below, stay so; steps between frames count."""
    # FFmpeg makes wrong yuv422p10le of widths that are no multiple of 8.
    rgb = np.full((90, 48, 3), 40, np.uint8)
    rgb[45:] = 200
    frame = av.VideoFrame.from_ndarray(rgb, "rgb24").reformat(format=kind)
    grey = to_grey(frame)
    assert grey.shape == (90, 48) and grey.dtype == np.uint8
    dark, light = grey[:44].astype(int), grey[46:].astype(int)
    assert np.ptp(dark) <= 2 and np.ptp(light) <= 2
    assert 0.8 * 160 <= light.mean() - dark.mean() <= 1.2 * 160


def scenes(levels, seconds):
    """(number of the scene, frames looked at) of each frame."""
    frames = list(zip(enumerate(levels), seconds))
    found, looked_at = [], {}
    for scene in scenes_of(frames, lambda frame: np.full((8, 9), frame[1], np.uint8)):
        if scene not in looked_at:
            looked_at[scene] = looks = []

            def look(frame, looks=looks):
                looks.append(frame[0])
                return Degradation()

            scene.look(look)
        scene.look(None)  # never again
        found.append(list(looked_at).index(scene))
    return found, list(looked_at.values())


def test_which_frames_are_looked_at():
    assert scenes([], []) == ([], [])
    assert scenes([9], [0]) == ([0], [[0]])
    # Slow, irregular and without time.
    assert scenes([9] * 4, [0, 0.5, 1, 1.5]) == ([0] * 4, [[0, 1]])
    assert scenes([9] * 5, [3, 3.19, 3.2, 3.9, 9]) == ([0] * 5, [[0, 2, 3]])
    assert scenes([9] * 3, [0, 0, 0]) == ([0] * 3, [[0]])
    thirds = [Fraction(i, 30) for i in range(40)]
    assert scenes([9] * 40, thirds) == ([0] * 40, [[0, 6, 12, 18, 24]])
    # A cut after 26 levels, none after 24; short scenes have what they have.
    assert scenes([9, 33, 9], [0, 0.3, 0.6]) == ([0, 0, 0], [[0, 1, 2]])
    assert scenes([9, 35, 35], [0, 0.1, 0.2]) == ([0, 1, 1], [[0], [1]])
    assert scenes([9, 35, 9], [0, 0.1, 0.2]) == ([0, 1, 2], [[0], [1], [2]])


def test_reads_ahead_by_a_second_only():
    read = []

    def frames():
        for i in range(200):
            read.append(i)
            yield i, i / 25

    found = scenes_of(frames(), lambda frame: np.zeros((32, 32)))
    next(found)
    assert len(read) <= 25
    for _ in range(99):
        next(found)
    assert len(read) == 100
