"""The service of `examples`, on a stand-in for FastAPI, which tests do not install."""

import io
import runpy
import sys
import types
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from srlite.pictures.encoders import PNG_SIGNATURE, png_chunk

EXAMPLES = Path(__file__).parents[1] / "examples"


class _Refused(Exception):
    def __init__(self, status, sentence):
        self.status, self.sentence = status, sentence


@pytest.fixture
def enlarge(monkeypatch):
    """The function behind the address `/enlarge`: of the bytes of a file."""
    fastapi = types.ModuleType("fastapi")
    fastapi.FastAPI = lambda **_: types.SimpleNamespace(post=lambda _: lambda f: f)
    fastapi.HTTPException, fastapi.UploadFile = _Refused, object
    fastapi.Response = lambda content, media_type: content
    monkeypatch.setitem(sys.modules, "fastapi", fastapi)
    function = runpy.run_path(str(EXAMPLES / "fastapi_app.py"))["enlarge"]
    return lambda content, **options: function(
        types.SimpleNamespace(file=io.BytesIO(content)), **options
    )


def png(mode="RGB"):
    file = io.BytesIO()
    Image.new(mode, (8, 6)).save(file, "png")
    return file.getvalue()


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "I;16"])
def test_the_service_answers_with_a_png(enlarge, mode):
    with Image.open(io.BytesIO(enlarge(png(mode), strength=0.0))) as image:
        assert (image.format, image.size) == ("PNG", (32, 24))
        # Of 16 bits, some low ones differ from black.
        assert np.asarray(image).max() < 100


@pytest.mark.parametrize("kind", ["no picture", "cut", "long text", "strength"])
def test_the_service_refuses_in_one_sentence(enlarge, kind):
    content, options = png(), {}
    if kind == "no picture":
        content = b"hello"
    elif kind == "cut":
        content = content[:-30]
    elif kind == "strength":
        options["strength"] = 2.0
    else:
        # More than Pillow reads, and than srlite lets it read.
        text = b"Comment\0\0" + zlib.compress(bytes(20_000_000))
        place = len(PNG_SIGNATURE) + 25
        content = content[:place] + png_chunk(b"zTXt", text) + content[place:]
    with pytest.raises(_Refused) as refusal:
        enlarge(content, **options)
    assert refusal.value.status == 422 and "\n" not in refusal.value.sentence
