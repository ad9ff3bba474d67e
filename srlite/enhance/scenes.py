"""Scenes of a video or an animation, each with one degradation.

If every frame had an estimate of its own, the result would flicker. So the whole scene
gets the mean estimate of up to 5 frames, the first of each fifth of its first second.

A scene begins with the first frame, and with each frame that differs by more than 25
levels on average from the one before it, both reduced to 32 x 32 grey pixels, so that
motion hardly counts. A fade, or a cut between two dark pictures, begins no scene. Only
the frames matter, so resumed work finds the same scenes.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from PIL import Image

from srlite.data.degradation_vector import Degradation
from srlite.pictures.levels import resize
from srlite.runtime.telling import Told, in_words, is_whole, parts_of, untold

_CUT = 25.0  # levels
_THUMBNAIL = (32, 32)  # pixels
_SECONDS, _SAMPLES = 1, 5


class Scene:
    """Frames between two cuts."""

    def __init__(self, start: float):
        """Begin a scene at a time in seconds."""
        self.start = start
        self._samples: list[Any] = []
        self._taken = 0
        self._seen: Degradation | None = None

    def take(self, frame: Any, seconds: float) -> bool:
        """Keep a frame if it will be estimated; return whether no more are needed."""
        elapsed = seconds - self.start
        if elapsed < _SECONDS and elapsed * _SAMPLES >= self._taken * _SECONDS:
            self._samples.append(frame)
            self._taken += 1
        return self._taken == _SAMPLES or elapsed >= _SECONDS

    def look(self, estimate: Callable[[Any], Degradation]) -> Degradation:
        """Estimate how the scene was made, once, and forget the frames."""
        if self._seen is None:
            vectors = [estimate(frame).vector for frame in self._samples]
            self._seen = Degradation.from_vector(np.mean(vectors, axis=0))
            self._samples.clear()
        return self._seen


def scenes_of(
    frames: Iterable[tuple[Any, float]], grey: Callable[[Any], np.ndarray]
) -> Iterator[Scene]:
    """Yield the `Scene` of each frame, complete with the frames to estimate.

    `frames` are pairs (frame, seconds). This reads ahead by up to a second, and holds a
    few frames. `grey` is a function from a frame to grey levels, uint8 (height, width).
    """
    scene: Scene | None = None
    waiting, before = 0, np.zeros((), np.float32)
    for frame, seconds in frames:
        small = resize(grey(frame), _THUMBNAIL, resample=Image.Resampling.BOX)
        thumbnail = small.astype(np.float32)
        if scene is None or np.abs(thumbnail - before).mean() > _CUT:
            yield from itertools.repeat(scene, waiting)
            scene, waiting = Scene(seconds), 0
        before = thumbnail
        waiting += 1
        if scene.take(frame, seconds):
            yield from itertools.repeat(scene, waiting)
            waiting = 0
    yield from itertools.repeat(scene, waiting)


def told_by_scene(
    frames: Iterable[tuple[Any, float]],
    upscaler: Any,
    degradation: Told,
    pixels: Callable[[Any], np.ndarray],
    grey: Callable[[Any], np.ndarray],
    begin: int = 0,
    say: Callable[[str], object] | None = None,
) -> Iterator[Any]:
    """Yield the degradation for `Upscaler.upscale` of each frame from `begin` on.

    `frames`, which are not read if nothing is estimated, and `grey` are as in
    `scenes_of`, `degradation` as in `runtime.telling.parts_of`. `pixels` is a function
    from a frame to the picture that is estimated, `say` one of a line, for what was
    seen in each scene, and told.
    """
    parts = parts_of(degradation)
    if not upscaler.conditional or (is_whole(parts) and say is None):
        if say is not None:
            say(untold(upscaler))
        yield from itertools.repeat(upscaler.tell(None, parts) or parts)
    last: Scene | None = None
    told: Degradation | None = None
    for scene in itertools.islice(scenes_of(frames, grey), begin, None):
        if scene is not last:
            last = scene
            seen = scene.look(lambda frame: upscaler.estimate(pixels(frame)))
            told = seen.replace(parts)
            if say is not None:
                say(f"from {float(scene.start):.1f} s: {in_words(seen, told)}")
        yield told
