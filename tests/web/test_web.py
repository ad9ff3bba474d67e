"""The web page in Node: its tiles, metadata, preparation and ZIP."""

import io
import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from node_scripts import WEB, image_data, load_server, need, run_node

from srlite.models.model_files import shipped_model_path
from srlite.models.tflite import add_metadata, read_metadata
from srlite.runtime.upscaler import Upscaler

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "srlite" / "samples" / "astronaut_lr.png"
DIAL = {"jpeg": 37, "noise": 12}


class _Repeating:
    """A network of fixed size that repeats pixels and notes what it saw."""

    scale = 4
    overlap = 3
    bytes_per_pixel = 1000

    def __init__(self, side, step):
        self.size = (side, side)
        self.step = step
        self.seen = []

    def __call__(self, lr):
        self.seen.append(lr[0])
        return lr.repeat(4, axis=1).repeat(4, axis=2)


SIZES = [(1, 1), (5, 11), (10, 10), (11, 24), (31, 7), (64, 2)]


@pytest.mark.parametrize("step", [1, 2])
def test_tiles_are_those_of_python(node, step):
    rng = np.random.default_rng(0)
    cases, wanted = [], []
    for height, width in SIZES:
        lr = rng.integers(0, 256, (height, width, 3), np.uint8)
        network = _Repeating(16, step)
        sr = Upscaler(network).upscale(lr)
        wanted.append((network.seen, sr))
        cases.append(image_data(lr) | {"side": 16, "overlap": 3, "scale": 4})
        cases[-1]["step"] = step

    received = json.loads(
        run_node([node, WEB / "tests/run_tiling.mjs"], json.dumps(cases))
    )

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

    received = json.loads(run_node([node, WEB / "tests/run_metadata.mjs", path]))

    assert received == fields == read_metadata(path.read_bytes())


def test_file_of_any_size_becomes_one_of_one_size(node, models, tmp_path):
    from ai_edge_litert.interpreter import Interpreter

    path, copy = models / "told_estimator.tflite", tmp_path / "copy.tflite"
    run_node([node, WEB / "tests/run_metadata.mjs", path, "47x31", copy])

    answers = []
    lr = np.random.default_rng(0).random((1, 47, 31, 3), np.float32)
    for file in (path, copy):
        interpreter = Interpreter(str(file))
        (taken,) = interpreter.get_input_details()
        if file == path:
            assert taken["shape_signature"].tolist() == [1, -1, -1, 3]
            interpreter.resize_tensor_input(taken["index"], lr.shape)
        else:
            assert taken["shape_signature"].tolist() == [1, 47, 31, 3]
        interpreter.allocate_tensors()
        interpreter.set_tensor(taken["index"], lr)
        interpreter.invoke()
        (given,) = interpreter.get_output_details()
        answers.append(interpreter.get_tensor(given["index"]))
    np.testing.assert_array_equal(*answers)


def test_preparation_asks_for_the_estimator(node, models, tmp_path):
    alone = shutil.copy(models / "told.tflite", tmp_path)
    estimator = tmp_path / "told_estimator.tflite"
    site = tmp_path / "site"

    def error(model):
        command = [node, WEB / "prepare.mjs", "--site", site, model]
        run = subprocess.run(command, capture_output=True, text=True)
        assert run.returncode == 2
        assert not site.exists()
        return run.stderr

    shutil.copy(models / "plain.tflite", estimator)
    assert error(alone) == (
        f"error: {estimator} is not an estimator of srlite; export {alone} again\n"
    )
    content = (models / "told.tflite").read_bytes()
    whole = tmp_path / "whole.tflite"
    whole.write_bytes(add_metadata(content, {"scale": 4, "degradation": "auto"}))
    assert error(whole) == (
        f"error: {whole} looks at whole pictures, but the page shows it tiles; export "
        "it without --degradation auto\n"
    )
    whole.write_bytes(add_metadata(content, {}))
    assert "does not say that it is a model of srlite" in error(whole)
    for damaged in (b"", b"no model at all", content[:999]):
        whole.write_bytes(damaged)
        assert f"error: {whole} is no .tflite that the page can use: " in error(whole)
    assert "error: " in error("--unknown") and error("none").endswith("file none\n")


def test_preparation_that_fails_leaves_the_page_as_it_was(node, models, tmp_path):
    plain, site = models / "plain.tflite", tmp_path / "site"
    (site / "vendor").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    twin = shutil.copy(plain, tmp_path / "other")
    for given, says in (
        ([plain, twin], f"{plain} and {twin} have one name; rename one of them"),
        ([plain], f"{site} is no copy of web/site"),
    ):
        command = [node, WEB / "prepare.mjs", "--site", site, *given]
        run = subprocess.run(command, capture_output=True, text=True)
        assert (run.returncode, run.stderr) == (2, f"error: {says}\n")
    assert [path.name for path in site.iterdir()] == ["vendor"]


@pytest.mark.parametrize("beside", ["told_estimator", "estimator", None])
def test_where_the_estimator_is_found(node, models, tmp_path, beside):
    files = (WEB / "node_modules" / "@litertjs").exists()
    need((files, "the page is not prepared: run `make web-files`"))
    alone = shutil.copy(models / "told.tflite", tmp_path)
    wanted = shipped_model_path("light").with_name("light_estimator.tflite")
    if beside:
        wanted = models / "told_estimator.tflite"
        shutil.copy(wanted, tmp_path / f"{beside}.tflite")
    site = tmp_path / "site"
    shutil.copytree(WEB / "site", site, ignore=shutil.ignore_patterns("vendor"))
    run_node([node, WEB / "prepare.mjs", "--site", site, alone])
    copy = site / "vendor" / "told_estimator.tflite"
    assert copy.read_bytes() == wanted.read_bytes()


def test_several_models_share_an_estimator(node, models, tmp_path):
    files = (WEB / "node_modules" / "@litertjs").exists()
    need((files, "the page is not prepared: run `make web-files`"))
    other = shutil.copy(models / "told.tflite", tmp_path / "told_int8.tflite")
    site = tmp_path / "site"
    shutil.copytree(WEB / "site", site, ignore=shutil.ignore_patterns("vendor"))
    given = [models / "told.tflite", other, models / "plain.tflite"]
    run_node([node, WEB / "prepare.mjs", "--site", site, *given])
    vendor = site / "vendor"
    offered = json.loads(
        (vendor / "models.js").read_text().partition("=")[2].strip().rstrip(";")
    )
    told = "told_estimator.tflite"
    assert [(one["name"], one.get("estimator")) for one in offered] == [
        ("told", told),
        ("told_int8", told),
        ("plain", None),
    ]
    assert all((vendor / one["file"]).is_file() for one in offered)
    assert (vendor / told).is_file()
    # A first visit keeps the first model; the others are kept when they are used.
    release = (vendor / "version.js").read_text()
    assert re.findall(r"vendor/(\w+)\.tflite", release) == ["told", "told_estimator"]


def test_zip_is_read_by_others(node):
    pairs = [("a.png", "one"), ("Ä b.png", "2"), ("A.png", ""), ("c", "3")]
    pairs[1] += ("two" * 999,)  # what it holds in the end
    run = subprocess.run(
        [node, WEB / "tests/run_zip.mjs"],
        input=json.dumps(pairs).encode(),
        capture_output=True,
    )
    with zipfile.ZipFile(io.BytesIO(run.stdout)) as file:
        assert file.testzip() is None
        assert {name: file.read(name).decode() for name in file.namelist()} == {
            "a.png": "one",
            "Ä b.png": "two" * 999,
            "A-2.png": "",
            "c": "3",
        }


def test_service_worker_leaves_the_rest_of_its_host(node):
    asked = [["/a/", "navigate"], ["/a/docs", "navigate"], ["/a/b.jpg", "cors"]]
    asked.append(["/a/vendor/light.tflite", "cors"])
    done = json.loads(run_node([node, WEB / "tests/run_sw.mjs"], json.dumps(asked)))
    assert done == {
        "removed": ["srlite /a/sw.js 1"],
        "same": ["/a/docs"],
        "read": ["/a/b.jpg", "/a/vendor/light.tflite"],
    }


def test_page_has_the_policy_of_the_headers():
    headers = dict(load_server().read_headers(WEB / "site" / "_headers"))
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
