"""Sources: where photographs come from, each named by one string.

    photos/                           a folder, with all folders and tar files in it
    photos.tar, photos.tar.gz         a tar file
    photos.pack                       a file of `python -m srlite.data.patches pack`
    tfds:div2k/bicubic_x4             a data set of tensorflow-datasets, split `train`
    tfds:div2k/bicubic_x4:validation  another split of it
    pairs:LR_DIR:HR_DIR               folders of real LR and HR pictures of equal names

A number and an @ in front is the weight of a source: of `2@photos/ old/`, two patches
in three come from photos/. A path that begins like one of these is written with its
folder in front: `./2@photos`.
"""

import collections
import io
import re
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from srlite.errors import DataError, ImageError
from srlite.pictures.picture import read_rgb
from srlite.data.packs import Photograph, read_pack

IMAGE_SUFFIXES = frozenset(
    (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".avif")
)
_WEIGHT = re.compile(r"(\d+\.?\d*|\.\d+)@(.+)", re.DOTALL)
_TFDS = re.compile(r"tfds:([^:]+(?::\d[\d.*]*)?)(?::(.+))?")  # version, split
_DECODED_AHEAD = 64  # pictures; what waits for a slow consumer stays small


def split_weight(source):
    """Split the weight off a source.

    Args:
        source: string or path.

    Returns:
        (weight, source without it); the weight is None when there was none.

    Raises:
        DataError: the weight is 0.
    """
    match = _WEIGHT.fullmatch(str(source))
    if not match:
        return None, str(source)
    if not float(match[1]) > 0:
        raise DataError(f"the weight of a source must be above 0; received {source}")
    return float(match[1]), match[2]


def read_source(source, scale=4):
    """Decode the pictures of a source, in an order that is always the same.

    Args:
        source: string or path, without a weight.
        scale: HR pixels per LR pixel of pairs.

    Yields:
        `Photograph`, or for a file that cannot be decoded a sentence that names it.

    Raises:
        DataError: the source is missing or damaged, or pairs do not match.
    """
    source = str(source)
    if source.startswith("tfds:"):
        yield from _tfds(source)
    elif source.startswith("pairs:"):
        yield from _decoded(_pairs(source, scale), scale)
    elif source.endswith(".pack"):
        for photograph in read_pack(source):
            _check_pair(photograph, scale)
            yield photograph
    else:
        yield from _decoded(_files(Path(source)), scale)


def _decoded(items, scale):
    """Decode (name, HR file, LR file or None) in threads, in order, not far ahead."""
    waiting = collections.deque()
    with ThreadPoolExecutor() as pool:
        for item in items:
            waiting.append(pool.submit(_decode, *item, scale))
            if len(waiting) > _DECODED_AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _decode(name, hr, lr, scale):
    try:
        photograph = Photograph(
            name, read_rgb(hr, name=name), None if lr is None else read_rgb(lr)
        )
    except ImageError as error:
        return str(error)
    _check_pair(photograph, scale)
    return photograph


def _check_pair(photograph, scale):
    name, hr, lr = photograph
    if lr is not None and hr.shape[:2] != (scale * lr.shape[0], scale * lr.shape[1]):
        raise DataError(
            f"{name} is {hr.shape[1]} x {hr.shape[0]} pixels, but {scale} times its LR "
            f"picture is {scale * lr.shape[1]} x {scale * lr.shape[0]}"
        )


def _is_picture(name):
    path = Path(name)
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def _files(source):
    """Yield (name, path or file object, None) for each picture in a folder or tar."""
    if source.is_dir():
        for path in sorted(source.rglob("*")):
            if path.suffix == ".tar" and path.is_file():
                yield from _files(path)
            elif _is_picture(path) and path.is_file():
                yield str(path), path, None
        return
    try:
        with tarfile.open(source) as archive:
            for member in archive:
                if member.isfile() and _is_picture(member.name):
                    data = archive.extractfile(member).read()
                    yield f"{source}:{member.name}", io.BytesIO(data), None
    except FileNotFoundError:
        raise DataError(f"no such folder or tar file: {source}") from None
    except (tarfile.TarError, OSError, EOFError) as error:
        raise DataError(
            f"{source} is neither a folder nor a readable tar file: {error}"
        ) from None


def _pairs(source, scale):
    """Yield (name, HR path, LR path) for each pair of `pairs:LR_DIR:HR_DIR`."""
    parts = source.split(":")[1:]
    if len(parts) != 2 or not all(parts):
        raise DataError(
            f"pairs are written pairs:LR_DIR:HR_DIR, without other colons; "
            f"received {source}"
        )
    # DIV2K and others call the LR picture of 0001.png 0001x4.png.
    lr, hr = (_by_stem(Path(part), ending=f"x{scale}") for part in parts)
    alone = [str(hr[k]) for k in sorted(hr.keys() - lr.keys())]
    alone += [str(lr[k]) for k in sorted(lr.keys() - hr.keys())]
    if alone:
        raise DataError(
            f"{alone[0]} has no partner of the same name in the other folder "
            f"({len(alone)} such pictures in {source})"
        )
    for stem in sorted(hr):
        yield str(hr[stem]), hr[stem], lr[stem]


def _by_stem(folder, ending):
    if not folder.is_dir():
        raise DataError(f"no such folder of pairs: {folder}")
    found = {}
    for path in sorted(folder.rglob("*")):
        if _is_picture(path) and path.is_file():
            stem = path.relative_to(folder).with_suffix("").as_posix()
            stem = stem.removesuffix(ending)
            if stem in found:
                raise DataError(f"{path} and {found[stem]} have the same name")
            found[stem] = path
    return found


def _tfds(source):
    """Yield the `Photograph`s of `tfds:NAME[:VERSION][:SPLIT]`."""
    match = _TFDS.fullmatch(source)
    if not match:
        raise DataError(f"a data set is written tfds:NAME:SPLIT; received {source}")
    try:
        import keras
        import tensorflow as tf
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise DataError(
            f"{source} needs tensorflow and tensorflow-datasets ({error}): "
            "pip install tensorflow tensorflow-datasets"
        ) from None
    if keras.config.backend() != "tensorflow":
        # TensorFlow would take all of the GPU's memory to read files.
        tf.config.set_visible_devices([], "GPU")
    try:
        builder = tfds.builder(match[1])
        feature = _image_feature(source, builder.info.features, tfds.features.Image)
        builder.download_and_prepare()
        examples = builder.as_dataset(
            split=match[2] or "train",
            decoders=tfds.decode.PartialDecoding({feature: True}),
        )
        for number, example in enumerate(tfds.as_numpy(examples)):
            yield _photograph(f"{source}[{number}]", example[feature])
    except DataError:
        raise
    except Exception as error:  # names, downloads and disks fail in many ways
        reason = f"{error}".strip().split("\n")[0]
        raise DataError(f"cannot read {source}: {reason}") from error


def _image_feature(source, features, image_type):
    """Name the feature that holds HR pictures."""
    images = [name for name in features if isinstance(features[name], image_type)]
    if "hr" in images:
        return "hr"
    if len(images) != 1:
        raise DataError(
            f"{source} must have an image feature hr, or a single one; "
            f"its features are {', '.join(features)}"
        )
    return images[0]


def _photograph(name, image):
    if image.dtype != "uint8" or image.shape[2] not in (1, 3, 4):
        return f"{name} is {image.dtype} of shape {image.shape}, not 8-bit RGB"
    return Photograph(name, image[..., [0, 0, 0] if image.shape[2] == 1 else slice(3)])
