"""Videos with frames out of order, clocks that jump, and damaged parts."""

import av
import numpy as np
import pytest
from clips import make_clip

from srlite.enhance import video_segments
from srlite.enhance.video import enhance_video


def enlarge(lr_path, sr_path, upscaler, warn):
    enhance_video(lr_path, sr_path, upscaler, outscale=1, warn=warn)


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
@pytest.mark.parametrize("name", ["lr.avi", "lr.mkv", "lr.ts"])
def test_frames_that_are_stored_in_another_order(
    name, codec, tmp_path, repeating_upscaler
):
    """AVI has no time of showing, and FFmpeg's guess at it may go back and forth."""
    make_clip(tmp_path / name, codec=codec, b_frames=2)
    for deinterlace in (False, True):
        sr_path = tmp_path / f"{deinterlace}.mp4"
        enhance_video(
            tmp_path / name,
            sr_path,
            repeating_upscaler,
            outscale=1,
            deinterlace=deinterlace,
        )
        with av.open(str(sr_path)) as file:
            assert file.duration == 1_000_000
            frames = list(file.decode(video=0))
        times = [frame.time for frame in frames]
        assert times == pytest.approx(np.arange(10) / 10, abs=0.001)
        levels = [frame.to_ndarray(format="gray").mean() for frame in frames]
        assert min(levels[:5]) > 1.5 * max(levels[5:])


def test_places_without_a_frame_are_not_lost_frames(tmp_path, repeating_upscaler):
    make_clip(tmp_path / "lr.avi", [0, 1, 4, 5, 8, 9], codec="mpeg4")
    content = (tmp_path / "lr.avi").read_bytes()
    (tmp_path / "cut.avi").write_bytes(content[: content.rindex(b"00dc", 0, -200)])
    for name, lost in (("lr.avi", 0), ("cut.avi", 1)):
        said = []
        enlarge(tmp_path / name, tmp_path / "sr.mkv", repeating_upscaler, said.append)
        assert [("only" in note) for note in said] == [True] * lost, said


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".webm"])
def test_no_frame_is_lost_of_segments_of_any_length(
    ending, tmp_path, repeating_upscaler
):
    for count in range(1, 11):
        lr_path, sr_path = tmp_path / "lr.mp4", tmp_path / f"{count}{ending}"
        make_clip(lr_path, range(count))
        enhance_video(lr_path, sr_path, repeating_upscaler, outscale=1)
        with av.open(str(sr_path)) as file:
            times = [frame.time for frame in file.decode(video=0)]
        assert times == pytest.approx(np.arange(count) / 10, abs=0.001)


@pytest.mark.parametrize("name", ["lr.mkv", "lr.webm"])
def test_a_file_that_was_cut_is_said(name, tmp_path, repeating_upscaler):
    lr_path, said = tmp_path / name, []
    codec = "libx264" if name == "lr.mkv" else "libvpx-vp9"
    make_clip(lr_path, range(30), codec=codec)
    whole = lr_path.read_bytes()
    for content in (whole, whole[: len(whole) - 150]):
        lr_path.write_bytes(content)
        sr_path = tmp_path / "sr.mkv"
        enhance_video(
            lr_path, sr_path, repeating_upscaler, outscale=1, warn=said.append
        )
    assert said == [f"{lr_path} ends too early, and so does its video"]


@pytest.mark.parametrize("ending", [".mp4", ".mov"])
def test_what_a_trimmed_film_does_not_show_is_not_lost(
    ending, tmp_path, repeating_upscaler
):
    lr_path, sr_path, said = tmp_path / f"lr{ending}", tmp_path / "sr.mp4", []
    make_clip(lr_path, range(-3, 7))  # what comes before 0 is cut by an edit list
    enhance_video(lr_path, sr_path, repeating_upscaler, outscale=1, warn=said.append)
    with av.open(str(sr_path)) as file:
        assert file.streams.video[0].frames == 7
    assert said == []


@pytest.mark.parametrize("parts", [("now", "now"), ("now", "late"), ("late", "now")])
@pytest.mark.parametrize("ending", [".ts", ".mpg"])
def test_recordings_one_after_the_other(parts, ending, tmp_path, repeating_upscaler):
    tracks = [("deu", "Deutsch", 0)] if ending == ".ts" else []
    for name, start in (("now", 0), ("late", 3600)):
        make_clip(tmp_path / f"{name}{ending}", start=start, tracks=tracks)
    content = b"".join((tmp_path / f"{part}{ending}").read_bytes() for part in parts)
    (tmp_path / f"lr{ending}").write_bytes(content)
    sr_path = tmp_path / "sr.mp4"
    enhance_video(tmp_path / f"lr{ending}", sr_path, repeating_upscaler, outscale=1)
    with av.open(str(sr_path)) as file:
        assert abs(file.duration / 1e6 - 2) <= 0.1
        times = [frame.time for frame in file.decode(video=0)]
    assert np.diff(times) == pytest.approx(np.full(19, 0.1), abs=0.03)


def test_a_damaged_sound_track_is_left_out(tmp_path, repeating_upscaler):
    tracks = [("deu", "Deutsch", 0), ("eng", "English", 1)]
    make_clip(tmp_path / "lr.mkv", tracks=tracks)
    with av.open(str(tmp_path / "lr.mkv")) as file:
        header = file.streams.audio[0].codec_context.extradata
    content = (tmp_path / "lr.mkv").read_bytes()
    at = content.index(b"\x63\xa2" + bytes([0x80 | len(header)]) + header)
    broken = content[: at + 3] + b"\xff" * len(header) + content[at + 3 + len(header) :]
    (tmp_path / "lr.mkv").write_bytes(broken)
    said = []
    for ending in (".mkv", ".mp4"):
        sr_path = tmp_path / f"sr{ending}"
        enlarge(tmp_path / "lr.mkv", sr_path, repeating_upscaler, said.append)
        assert said.pop().endswith("1 of its sound tracks damaged, and left out")
        with av.open(str(sr_path)) as file:
            languages = [s.metadata["language"] for s in file.streams.audio]
        assert languages == ["eng"]


@pytest.mark.parametrize("name", ["lr.mkv", "lr.avi", "lr.mp4"])
def test_a_damaged_part_costs_no_other(name, tmp_path, repeating_upscaler):
    make_clip(tmp_path / name, codec="mpeg4")
    with av.open(str(tmp_path / name)) as file:
        packets = [packet for packet in file.demux(video=0) if packet.size]
    content = bytearray((tmp_path / name).read_bytes())
    for packet in packets[4:6]:
        at = content.index(bytes(packet))
        content[at : at + packet.size] = bytes(packet.size)
    (tmp_path / name).write_bytes(content)
    said, sr_path = [], tmp_path / "sr.mkv"
    enhance_video(
        tmp_path / name, sr_path, repeating_upscaler, outscale=1, warn=said.append
    )
    assert len(said) == 1 and ("only" in said[0] or "is damaged" in said[0])
    with av.open(str(sr_path)) as file:
        times = [frame.time for frame in file.decode(video=0)]
    expected = [n / 10 for n in range(10) if n not in (4, 5)]
    assert times == pytest.approx(expected, abs=0.001)


def test_sound_packets_closer_than_a_sample(tmp_path, repeating_upscaler):
    """A clock of 90 kHz tells times apart that one of 48 kHz does not."""
    make_clip(tmp_path / "whole.ts", tracks=[("deu", "Deutsch", 0)])
    path = str(tmp_path / "lr.ts")
    with av.open(str(tmp_path / "whole.ts")) as source, av.open(path, "w") as out:
        copies = {s: out.add_stream_from_template(s) for s in source.streams}
        before = 0
        for packet in source.demux():
            if packet.dts is not None:
                if packet.stream.type == "audio":
                    packet.pts = packet.dts = before + 1 if before else packet.dts
                    before = packet.dts
                packet.stream = copies[packet.stream]
                out.mux(packet)
    for ending in (".mp4", ".mkv"):
        sr_path = tmp_path / f"sr{ending}"
        enlarge(tmp_path / "lr.ts", sr_path, repeating_upscaler, pytest.fail)
        with av.open(str(sr_path)) as file:
            times = [p.dts for p in file.demux(audio=0) if p.dts is not None]
        assert len(times) > 30 and (np.diff(times) >= 0).all()


def test_sound_that_no_container_takes_is_left_out(
    tmp_path, repeating_upscaler, monkeypatch
):
    def refuse(source, copies):
        yield from ()
        raise av.error.ArgumentError(22, "Invalid argument")

    make_clip(tmp_path / "lr.mkv", tracks=[("deu", "Deutsch", 0)])
    monkeypatch.setattr(video_segments, "_packets_of_audio", refuse)
    said = []
    enlarge(tmp_path / "lr.mkv", tmp_path / "sr.mp4", repeating_upscaler, said.append)
    assert said[0].endswith("its sound is damaged, and left out")
    with av.open(str(tmp_path / "sr.mp4")) as file:
        assert not file.streams.audio
        assert sum(1 for _ in file.decode(video=0)) == 10
    assert {path.name for path in tmp_path.iterdir()} == {"lr.mkv", "sr.mp4"}
