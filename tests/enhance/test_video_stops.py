"""Videos in the making: stopped, gone on with, and several at a time."""

import threading

import av
import pytest
from clips import make_clip

from srlite.enhance.video import enhance_video
from srlite.errors import Cancelled, ConfigError, ImageError

STEPS = [0, 1, 2, 3, 4, 6, 8, 10, 11, 12, 14, 20]  # variable: of 1/10 s


def make_film(path):
    """Twelve frames with sound."""
    make_clip(path, steps=STEPS, tracks=[("deu", "Deutsch", 0)])


def count_frames(path):
    with av.open(str(path)) as file:
        return sum(1 for _ in file.decode(video=0))


def test_work_goes_on_after_a_stop(repeating_upscaler, tmp_path):
    lr_path, sr_path = tmp_path / "lr.mp4", tmp_path / "sr.mp4"
    make_film(lr_path)
    seen = []

    def stop(done, total):
        seen.append(done)
        if done == 6:
            raise Cancelled("enough")

    threads = threading.active_count()
    with pytest.raises(Cancelled):
        enhance_video(lr_path, sr_path, repeating_upscaler, stop, 4)
    assert threading.active_count() == threads and not sr_path.exists()
    segments = tmp_path / ".sr.mp4.segments"
    assert [p.name for p in sorted(segments.glob("*.nut"))] == ["000000.nut"]
    enhance_video(lr_path, sr_path, repeating_upscaler, lambda n, _: seen.append(n), 4)
    assert seen == [1, 2, 3, 4, 5, 6, *range(5, 13)]
    assert not segments.exists()
    whole = tmp_path / "whole.mp4"
    enhance_video(lr_path, whole, repeating_upscaler, segment_frames=4)
    assert whole.read_bytes() == sr_path.read_bytes()


def test_stop_before_the_first_segment_leaves_nothing(repeating_upscaler, tmp_path):
    make_film(tmp_path / "lr.mp4")

    def stop(done, total):
        raise ValueError("as it is")

    with pytest.raises(ValueError, match="as it is"):
        enhance_video(
            tmp_path / "lr.mp4", tmp_path / "sr.mp4", repeating_upscaler, stop
        )
    assert [path.name for path in tmp_path.iterdir()] == ["lr.mp4"]


@pytest.mark.parametrize("room", [0, 100])
def test_a_disk_without_room_leaves_nothing(room, repeating_upscaler, tmp_path):
    """The limit holds for each file: 100 bytes take the lock, and not the note."""
    resource = pytest.importorskip("resource")
    make_film(tmp_path / "lr.mp4")
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, former[1]))
        with pytest.raises(ImageError, match=r"cannot write .*sr\.mp4: File too large"):
            enhance_video(tmp_path / "lr.mp4", tmp_path / "sr.mp4", repeating_upscaler)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)
    assert [path.name for path in tmp_path.iterdir()] == ["lr.mp4"]


def test_other_work_starts_anew(repeating_upscaler, tmp_path):
    lr_path, sr_path = tmp_path / "lr.mp4", tmp_path / "sr.mp4"
    make_film(lr_path)

    def stop(done, total):
        if done == 5:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        enhance_video(lr_path, sr_path, repeating_upscaler, stop, 4)
    seen = []
    size = enhance_video(
        lr_path,
        sr_path,
        repeating_upscaler,
        lambda n, _: seen.append(n),
        4,
        outscale=2.1,
    )
    assert seen == list(range(1, 13))
    assert size == (66, 100)  # of 67.2 x 100.8


def test_files_of_like_names_are_made_at_the_same_time(repeating_upscaler, tmp_path):
    make_film(tmp_path / "lr.mp4")
    names = [f"{'a name as long as sites give them ' * 3}{n}.mp4" for n in "12"]

    def make_the_other(done, total):
        if done == 6:
            other = tmp_path / names[1]
            enhance_video(tmp_path / "lr.mp4", other, repeating_upscaler, None, 4)

    one = tmp_path / names[0]
    enhance_video(tmp_path / "lr.mp4", one, repeating_upscaler, make_the_other, 4)
    assert sorted(p.name for p in tmp_path.iterdir()) == [*names, "lr.mp4"]
    assert [count_frames(tmp_path / name) for name in names] == [12, 12]


def test_a_second_process_on_the_same_result_is_refused(repeating_upscaler, tmp_path):
    make_film(tmp_path / "lr.mp4")
    asked = (tmp_path / "lr.mp4", tmp_path / "sr.mp4", repeating_upscaler)

    def start_again(done, total):
        if done == 6:
            with pytest.raises(ConfigError, match="sr.mp4 is in the making"):
                enhance_video(*asked, None, 4)

    enhance_video(*asked, start_again, 4)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["lr.mp4", "sr.mp4"]
    assert count_frames(asked[1]) == 12
