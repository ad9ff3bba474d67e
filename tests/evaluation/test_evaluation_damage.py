"""The command on damaged pictures, and on models that are told of damage."""

import csv
import io

import numpy as np
import pytest
from evaluation_runs import read_scores, run
from PIL import Image
from told_files import write_told

from srlite.data.kernels import KERNELS
from srlite.errors import ConfigError
from srlite.metrics.psnr_ssim import psnr
from srlite.runtime.runners import LiteRTNetwork


def test_damages(hr_folder, tmp_path, capsys):
    """Each kernel with each damage, plain enlarging beside, gains over it."""
    out = tmp_path / "out"
    words = ["--hr-dir", hr_folder, "--model", "lanczos", "--metrics", "psnr"]
    words += ["chroma_db", "grain", "--kernels", "area", "nearest"]
    assert run(*words, "--damage", "none", "jpeg30", "--out-dir", out) == 0
    scores = read_scores(out)
    names = ["area", "nearest", "area+jpeg30", "nearest+jpeg30"]
    psnrs = {}
    for record in scores["records"]:
        of = record["kernel"], record["model"]
        psnrs.setdefault(of, []).append(record["psnr"])
    assert list(psnrs) == [(n, m) for n in names for m in ("lanczos", "bicubic")]
    hr = np.asarray(Image.open(hr_folder / "a.png"))[:64, :84]
    file = io.BytesIO()
    Image.fromarray(hr[2::4, 2::4]).save(file, "JPEG", quality=30)
    kept = out / "pictures/photos/nearest+jpeg30"
    lr = np.asarray(Image.open(kept / "lr/a.png"))
    np.testing.assert_array_equal(lr, Image.open(file))
    sr = np.asarray(Image.open(kept / "bicubic/a.png"))
    assert psnrs["nearest+jpeg30", "bicubic"][0] == pytest.approx(psnr(sr, hr, 4))
    gains = {
        name: np.subtract(psnrs[name, "lanczos"], psnrs[name, "bicubic"]).mean()
        for name in names
    }
    with open(out / "gains.csv", newline="") as file:
        rows = {row["damage"]: row for row in csv.DictReader(file)}
    for damage, own in (("none", names[:2]), ("jpeg30", names[2:]), ("all", names)):
        least = min(own, key=gains.get)
        assert float(rows[damage]["gain"]) == pytest.approx(
            np.mean([gains[name] for name in own])
        )
        assert float(rows[damage]["least"]) == pytest.approx(gains[least])
        assert rows[damage]["least_with"] == least
    assert [g["damage"] for g in scores["gains"]] == list(rows)
    printed = capsys.readouterr().out
    assert "photos, PSNR in dB by damage, means of the kernels" in printed
    page = (out / "report.html").read_text("utf-8")
    assert "Gain over bicubic by damage" in page
    # Without damage nothing is added.
    assert run(*words, "--out-dir", tmp_path / "clean") == 0
    clean = read_scores(tmp_path / "clean")
    assert {r["model"] for r in clean["records"]} == {"lanczos"}
    assert "gains" not in clean and not (tmp_path / "clean" / "gains.csv").exists()
    assert [r["psnr"] for r in clean["records"] if r["kernel"] == "area"] == psnrs[
        "area", "lanczos"
    ]


def test_what_models_are_told(hr_folder, tmp_path, capsys):
    """The same model, told different things, side by side; its records apart."""
    path = write_told(tmp_path)
    out = tmp_path / "out"
    words = ["--hr-dir", hr_folder, "--model", path, "--kernels", "area"]
    words += ["--metrics", "psnr", "--out-dir", out]
    assert run(*words, "--damage", "noise10", "--degradation", "auto", "true") == 0
    records = read_scores(out)["records"]
    models = ["told.tflite-auto", "told.tflite-true", "bicubic"]
    assert [r["model"] for r in records] == 2 * models
    by_model = {m: [r["psnr"] for r in records if r["model"] == m] for m in models}
    assert by_model[models[0]] != by_model[models[1]]
    printed = capsys.readouterr().out
    assert "told.tflite-auto is told what its estimator sees." in printed
    lr = np.asarray(Image.open(out / "pictures/photos/area+noise10/lr/b.png"))
    vector = np.zeros((1, 10), np.float32)
    vector[0, KERNELS.index("area")], vector[0, 7] = 1.0, 10 / 16
    sr = LiteRTNetwork(path, 1)(lr[None] / np.float32(255), vector[0])[0]
    hr = np.asarray(Image.open(hr_folder / "b.png"))[:44, :48]
    levels = np.rint(255 * sr).astype(np.uint8)
    assert by_model[models[1]][1] == pytest.approx(psnr(levels, hr, 4))
    # What a model is told belongs to the key, its name does not.
    assert run(*words, "--damage", "noise10", "--degradation", "clean") == 0
    assert "; 2 scores were there" in capsys.readouterr().err  # bicubic's
    with pytest.raises(ConfigError, match="a degradation is auto, clean, or parts"):
        run(*words, "--degradation", "truth")
