"""The pictures that an evaluation keeps, each marked with what it was made from."""

from pathlib import Path

from PIL import Image, PngImagePlugin

from srlite.errors import ImageError
from srlite.files import replacing

_MARK = "srlite:key"  # of a PNG's text


class PictureFolder:
    """Pictures as `<data set>/<kernel>/<model>/<image>.png`.

    Each carries the key under which it was written, so that one of other settings,
    which has the same name, is not taken for it.
    """

    def __init__(self, folder):
        """Keep pictures below a folder, which need not be there."""
        self._folder = Path(folder)

    def path(self, record):
        """Return the path of the picture that a record is about."""
        kinds = record["data_set"], record["kernel"], record["model"]
        return self._folder.joinpath(*kinds, f"{record['image']}.png")

    def holds(self, record, key):
        """Whether the picture of a record is there, and was written under `key`."""
        try:
            with Image.open(self.path(record), formats=["PNG"]) as image:
                # Not `text`, which decodes all of the picture.
                return image.info.get(_MARK) == key
        except (OSError, ValueError, SyntaxError):
            return False

    def write(self, record, key, picture):
        """Write the picture of a record, uint8 (height, width, 3), whole or not at all.

        Raises:
            ImageError: it cannot be written.
        """
        path = self.path(record)
        text = PngImagePlugin.PngInfo()
        text.add_text(_MARK, key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as temporary:
                Image.fromarray(picture).save(temporary, pnginfo=text)
        except OSError as error:
            raise ImageError(f"cannot write {path}: {error.strerror}") from error
