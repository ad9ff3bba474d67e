"""The whole page in Chromium, as `make web-files` has prepared it.

What it lacks is the reason of a skip, or of a failure where `SRLITE_REQUIRE_WEB` is
set.
"""

import io
import json
import os
import shutil
import subprocess
import threading
import zipfile
from contextlib import ExitStack, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from node_scripts import WEB, load_server, need, run_node
from PIL import Image

from srlite.models.model_files import shipped_model_path, shipped_models
from srlite.runtime.upscaler import Upscaler

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "srlite" / "samples" / "astronaut_lr.png"
DIAL = {"jpeg": 37, "noise": 12}


@pytest.fixture(scope="module")
def chromium(node):
    path = shutil.which("chromium") or shutil.which("google-chrome")
    prepared = (WEB / "node_modules" / "playwright-core").exists()
    need(
        (path, "Chromium is not installed"),
        (prepared, "the page is not prepared: run `make web-files`"),
    )
    return path


# A model is told how a picture was made, or not; both must work. Of those that ship the
# second is the fastest, or one of 8 bits.
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["shipped", "plain", "told"])
def test_page_in_chromium(node, chromium, models, tmp_path, kind):
    given = [models / f"{kind}.tflite"]
    if kind == "shipped":
        other = "light_rt" if "light_rt" in shipped_models() else "light_int8"
        given = [shipped_model_path(name) for name in ("light", other)]
    model = given[0]
    site = tmp_path / "site"
    shutil.copytree(WEB / "site", site, ignore=shutil.ignore_patterns("vendor"))
    run_node([node, WEB / "prepare.mjs", "--site", site, *given])
    (tmp_path / "notes.png").write_text("no picture")
    Image.new("L", (2049, 2048)).save(tmp_path / "large.png")
    Image.new("L", (20000, 8)).save(tmp_path / "long.png")
    # The files of one size that the page runs: a picture that is smaller than their
    # tiles is mirrored around, which files of any size need not do.
    upscaler, *others = (
        Upscaler.from_file(site / "vendor" / path.name) for path in given
    )
    pictures = _make_pictures(tmp_path, upscaler)

    broken = tmp_path / "broken"
    shutil.copytree(site, broken, ignore=shutil.ignore_patterns("*.tflite", "*.wasm"))

    with ExitStack() as servers:
        addresses = {
            "url": servers.enter_context(_served(load_server().make_server(0, site))),
            "plainUrl": servers.enter_context(_served(_plain_server(site))),
            "brokenUrl": servers.enter_context(_served(_plain_server(broken))),
        }
        setup = {
            "chromium": chromium,
            "folder": str(tmp_path),
            "site": str(site),
            "pictures": pictures,
            "model": model.stem,
            "other": _by_another(tmp_path, given[1].stem, *others) if others else None,
            "isTold": upscaler.conditional,
            "dial": DIAL,
        }
        environment = os.environ | {"SRLITE_WEB_TEST": json.dumps(setup | addresses)}
        command = [node, "--test", WEB / "tests" / "page.test.mjs"]
        with open(tmp_path / "log.txt", "w+") as log:
            status = subprocess.call(command, env=environment, stdout=log, stderr=log)
            log.seek(0)
            assert status == 0, log.read()

    saved = np.asarray(Image.open(tmp_path / "saved.png").convert("RGB"), np.int16)
    raw = np.fromfile(tmp_path / pictures["sample"]["raw"], np.uint8)
    assert np.abs(saved - raw.reshape(512, 512, 4)[..., :3]).max() <= 2
    with zipfile.ZipFile(tmp_path / "enlarged.zip") as file:
        assert file.namelist() == ["wide_x4.png", "clear_x4.png"]
        packed = Image.open(io.BytesIO(file.read("wide_x4.png"))).convert("RGB")
    width, height = pictures["wide"]["size"]
    raw = np.fromfile(tmp_path / pictures["wide"]["raw"], np.uint8)
    difference = np.int16(packed) - raw.reshape(height, width, 4)[..., :3]
    assert np.abs(difference).max() <= 2


def _by_another(folder, name, upscaler):
    """Write a JPEG, and what Python makes of it by another model."""
    Image.open(SAMPLE).convert("RGB").save(folder / "photo.jpg", quality=40)
    sr = upscaler.upscale(np.asarray(Image.open(folder / "photo.jpg")))
    np.dstack([sr, np.full(sr.shape[:2], 255, np.uint8)]).tofile(folder / "other.raw")
    size = [sr.shape[1], sr.shape[0]]
    return {"name": name, "file": "photo.jpg", "raw": "other.raw", "size": size}


@contextmanager
def _served(server):
    """Run a server in a thread; its address."""
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


class _Plain(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def _plain_server(site):
    """A server that sends no headers of its own."""
    return ThreadingHTTPServer(("127.0.0.1", 0), partial(_Plain, directory=site))


def _make_pictures(folder, upscaler):
    """Write pictures, and what Python makes of them as bytes of RGBA.

    The sample is there a second time, as it is when the dial is turned to `DIAL`.
    """
    photo = Image.open(SAMPLE).convert("RGB")
    wide = Image.fromarray(np.concatenate([photo, photo], axis=1)[40:64, :200])
    turned = photo.crop((30, 10, 70, 34))
    turned_file = turned.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # turned a quarter to the right for display
    clear = np.asarray(photo.crop((20, 20, 52, 60)).convert("RGBA")).copy()
    clear[:20, :, 3] = 0
    opacity = clear[..., 3:] / 255
    on_white = np.rint(clear[..., :3] * opacity + 255 * (1 - opacity)).astype(np.uint8)

    wide.save(folder / "wide.png")
    turned_file.save(folder / "turned.jpg", exif=exif, quality=95, subsampling=0)
    Image.fromarray(clear).save(folder / "clear.png")
    decoded = Image.open(folder / "turned.jpg").transpose(Image.Transpose.ROTATE_270)
    sources = {
        "sample": (SAMPLE.name, photo),
        "dialled": (SAMPLE.name, photo),
        "wide": ("wide.png", wide),
        "turned": ("turned.jpg", decoded),
        "clear": ("clear.png", on_white),
    }
    pictures = {}
    for name, (file, lr) in sources.items():
        lr = np.asarray(lr)
        said = DIAL if name == "dialled" else {}
        sr = upscaler.upscale(lr, degradation=said)
        rgba = np.concatenate([sr, np.full_like(sr[..., :1], 255)], axis=2)
        rgba.tofile(folder / f"{name}.raw")
        size = [sr.shape[1], sr.shape[0]]
        pictures[name] = {"file": file, "raw": f"{name}.raw", "size": size}
        pictures[name]["seen"] = str(upscaler.estimate(lr))
        pictures[name]["told"] = str(upscaler.tell(lr, said))
    return pictures
