"""The web page: its tiles and its reading of metadata in Node, the whole in Chromium.

The browser test runs the page that `make web-files` has prepared. What it lacks is the
reason of a skip, or of a failure where `SRLITE_REQUIRE_WEB` is set.
"""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from contextlib import ExitStack, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from srlite.models.model_files import shipped_model_path
from srlite.models.tflite import add_metadata, read_metadata
from srlite.runtime.upscaler import Upscaler

ROOT = Path(__file__).parents[1]
WEB = ROOT / "web"
MODEL = ROOT / "build" / "web" / "model.tflite"
SAMPLE = ROOT / "srlite" / "samples" / "astronaut_lr.png"


def _need(*missing):
    """Skip, or fail where the web tests are required, for the first thing missing."""
    reason = next((reason for is_there, reason in missing if not is_there), None)
    if reason and os.environ.get("SRLITE_REQUIRE_WEB"):
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)


@pytest.fixture(scope="module")
def node():
    path = shutil.which("node")
    _need((path, "Node is not installed"))
    return path


class _Repeating:
    """A network of fixed size that repeats pixels and notes what it saw."""

    scale = 4
    overlap = 3
    bytes_per_pixel = 1000

    def __init__(self, side):
        self.size = (side, side)
        self.seen = []

    def __call__(self, lr):
        self.seen.append(lr[0])
        return lr.repeat(4, axis=1).repeat(4, axis=2)


SIZES = [(1, 1), (5, 11), (10, 10), (11, 24), (31, 7), (64, 2)]


def test_tiles_are_those_of_python(node):
    rng = np.random.default_rng(0)
    cases, wanted = [], []
    for height, width in SIZES:
        lr = rng.integers(0, 256, (height, width, 3), np.uint8)
        network = _Repeating(16)
        sr = Upscaler(network).upscale(lr)
        wanted.append((network.seen, sr))
        opaque = np.full((height, width, 1), 255, np.uint8)
        pixels = np.concatenate([lr, opaque], axis=2).ravel().tolist()
        size = {"width": width, "height": height}
        model = {"side": 16, "overlap": 3, "scale": 4}
        cases.append({"pixels": pixels, **size, **model})

    received = json.loads(_run([node, WEB / "tests/run_tiling.mjs"], json.dumps(cases)))

    for (seen, sr), result in zip(wanted, received, strict=True):
        assert len(result["seen"]) == len(seen)
        for ours, theirs in zip(result["seen"], seen):
            np.testing.assert_allclose(ours, theirs.ravel(), atol=1e-7)
        np.testing.assert_array_equal(
            np.reshape(result["sr"], sr.shape[:2]), sr[..., 0]
        )


def test_metadata_is_read_as_python_does(node, tmp_path):
    content = shipped_model_path("light_psnr").read_bytes()
    fields = {"scale": 4, "overlap": 7, "name": "Überlänge"}
    path = tmp_path / "model.tflite"
    path.write_bytes(add_metadata(content, fields))

    received = json.loads(_run([node, WEB / "tests/run_metadata.mjs", path]))

    assert received == fields == read_metadata(path.read_bytes())


def test_page_has_the_policy_of_the_headers():
    headers = dict(_load_server().read_headers(WEB / "site" / "_headers"))
    policy = headers["Content-Security-Policy"]
    page = (WEB / "site" / "index.html").read_text()
    (own,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    # Pages cannot forbid frames by themselves.
    assert policy == f"{own}; frame-ancestors 'none'"
    assert own.startswith("default-src 'self';")


def test_packages_are_locked_and_name_no_other_host():
    lock = json.loads((WEB / "package-lock.json").read_text())
    wanted = json.loads((WEB / "package.json").read_text())
    root = lock["packages"].pop("")
    assert root["dependencies"] == wanted["dependencies"]
    assert lock["packages"]
    for package in lock["packages"].values():
        assert package["integrity"].startswith("sha512-")
        at = package.get("resolved", "https://registry.npmjs.org/")
        assert at.startswith("https://registry.npmjs.org/")


def test_unusable_port_is_one_sentence(tmp_path):
    (tmp_path / "site" / "vendor").mkdir(parents=True)
    (tmp_path / "site" / "vendor" / "version.js").touch()
    script = shutil.copy(WEB / "serve.py", tmp_path)
    command = [sys.executable, script, "--port", "123456"]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 2
    assert re.fullmatch(r"error: cannot use port 123456: .*\n", run.stderr)


@pytest.fixture(scope="module")
def chromium(node):
    path = shutil.which("chromium") or shutil.which("google-chrome")
    prepared = MODEL.exists() and (WEB / "node_modules" / "playwright-core").exists()
    _need(
        (path, "Chromium is not installed"),
        (prepared, "the page is not prepared: run `make web-files`"),
    )
    return path


@pytest.mark.slow
def test_page_in_chromium(node, chromium, tmp_path):
    site = tmp_path / "site"
    shutil.copytree(WEB / "site", site, ignore=shutil.ignore_patterns("vendor"))
    _run([node, WEB / "prepare.mjs", MODEL, site])
    (tmp_path / "notes.png").write_text("no picture")
    Image.new("L", (2049, 2048)).save(tmp_path / "large.png")
    pictures = _make_pictures(tmp_path)

    broken = tmp_path / "broken"
    shutil.copytree(site, broken, ignore=shutil.ignore_patterns("*.tflite", "*.wasm"))

    with ExitStack() as servers:
        addresses = {
            "url": servers.enter_context(_served(_load_server().make_server(0, site))),
            "plainUrl": servers.enter_context(_served(_plain_server(site))),
            "brokenUrl": servers.enter_context(_served(_plain_server(broken))),
        }
        setup = {
            "chromium": chromium,
            "folder": str(tmp_path),
            "site": str(site),
            "pictures": pictures,
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


def _make_pictures(folder):
    """Write pictures, and what Python makes of them as bytes of RGBA."""
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
    upscaler = Upscaler.from_file(MODEL)
    sources = {
        "sample": (SAMPLE.name, photo),
        "wide": ("wide.png", wide),
        "turned": ("turned.jpg", decoded),
        "clear": ("clear.png", on_white),
    }
    pictures = {}
    for name, (file, lr) in sources.items():
        sr = upscaler.upscale(np.asarray(lr))
        rgba = np.concatenate([sr, np.full_like(sr[..., :1], 255)], axis=2)
        rgba.tofile(folder / f"{name}.raw")
        size = [sr.shape[1], sr.shape[0]]
        pictures[name] = {"file": file, "raw": f"{name}.raw", "size": size}
    return pictures


def _load_server():
    spec = importlib.util.spec_from_file_location("serve", WEB / "serve.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _run(command, text=None):
    run = subprocess.run(command, input=text, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout
