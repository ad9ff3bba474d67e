"""Enlarging files: pictures, animations and videos, one or many.

- `animations`: animated GIF, WebP, PNG and AVIF, enlarged frame by frame
- `batch`: enlarge many files, in this process or in several; a bad one stops no other
- `bulk`: the command `srlite bulk`, which runs on an engine of Apache Beam
- `command`: the command behind `inference.py`: enlarge files, folders and patterns
- `compare`: one picture by several models, next to LR, bicubic and HR: `--compare`
- `file_plan`: which files are enlarged, and where each result goes
- `inference`: enhance a picture: `enhance_image`, for programs and notebooks
- `options`: the options of the command behind `inference.py`
- `scenes`: scenes of a video or an animation, each with one degradation
- `video`: video files, enlarged frame by frame with PyAV, which is FFmpeg
- `video_frames`: frames of a video to RGB levels, and back
- `video_segments`: segments of an enlarged video, joined at the end
"""
