"""The command: what it prints and writes, and what it refuses."""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from evaluation_runs import read_scores, run
from PIL import Image
from skimage import data

from srlite.data.kernels import KERNELS
from srlite.errors import ConfigError, DataError, ModelError
from srlite.evaluation.protocol import KERNEL_ORDER
from srlite.evaluation.records import FIELDS, METRICS
from srlite.metrics.psnr_ssim import psnr, ssim
from srlite.training.losses import ContentLoss
from srlite.training.validation import distance_model, validate

SPEED = "seconds_per_megapixel"


def test_a_program_by_hand(hr_folder, program, tmp_path, capsys):
    """Repeating pixels, after `nearest`, which keeps one of each block."""
    out = tmp_path / "out"
    models = [f"repeat={program()}", "bicubic"]
    words = ["--hr-dir", hr_folder, "--kernels", "nearest", "--out-dir", out]
    assert run("--model", *models, *words) == 0
    scores = read_scores(out)
    assert [(r["image"], r["model"]) for r in scores["records"]] == [
        (image, model) for image in "ab" for model in ("repeat", "bicubic")
    ]
    weights = np.array([65.481, 128.553, 24.966]) / 255
    for image, size in (("a", (64, 84)), ("b", (44, 48))):
        hr = np.asarray(Image.open(hr_folder / f"{image}.png"))[: size[0], : size[1]]
        lr = hr[2::4, 2::4]
        sr = lr.repeat(4, axis=0).repeat(4, axis=1)
        pictures = out / "pictures" / "photos" / "nearest"
        for name, expected in (("lr", lr), ("hr", hr), ("repeat", sr)):
            kept = np.asarray(Image.open(pictures / name / f"{image}.png"))
            np.testing.assert_array_equal(kept, expected)
        difference = (sr.astype(float) - hr)[4:-4, 4:-4]
        [record] = [
            r
            for r in scores["records"]
            if r["image"] == image and r["model"] == "repeat"
        ]
        for name, error in (("psnr", difference @ weights), ("psnr_rgb", difference)):
            expected = 10 * np.log10(255**2 / np.mean(error**2))
            assert record[name] == pytest.approx(expected)
        assert record["ssim"] == pytest.approx(ssim(sr, hr, 4))
        assert record["ssim_rgb"] == pytest.approx(ssim(sr, hr, 4, "rgb"))
        assert record["lr_error"] == record["colour_error"] == 0.0
        assert record["seconds_per_megapixel"] > 0
        assert "content" not in record and "niqe" not in record
    printed = capsys.readouterr().out
    assert "photos (2 pictures), means" in printed
    assert "content (--vgg19-weights), style (--efficientnet-weights)" in printed
    [entry] = [
        a
        for a in scores["aggregates"]
        if a["model"] == "bicubic" and a["metric"] == "psnr"
    ]
    assert f"{entry['difference']:+.2f}" in printed
    assert f"{entry['mean']:.2f}" in (out / "scores.md").read_text()
    with open(out / "scores.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["psnr"]) for row in rows] == [
        r["psnr"] for r in scores["records"]
    ]


def test_as_while_training(hr_folder, tiny_model, tmp_path):
    """The number beside the progress bar is the number in the table."""
    path = tmp_path / "tiny.keras"
    tiny_model.save(path)
    out = tmp_path / "out"
    words = ["--model", path, "--hr-dir", hr_folder, "--out-dir", out]
    assert run(*words, "--metrics", "psnr", "ssim") == 0
    records = read_scores(out)["records"]
    images = [np.asarray(Image.open(hr_folder / name)) for name in ("a.png", "b.png")]
    scores, _ = validate(tiny_model, images, 4, crop=0)
    for kernel in KERNELS:
        of_kernel = [r for r in records if r["kernel"] == kernel]
        for name, tolerance in (("psnr", 0.01), ("ssim", 0.0005)):
            mean = np.mean([r[name] for r in of_kernel])
            assert mean == pytest.approx(scores[f"{name}_{kernel}"], abs=tolerance)


@pytest.mark.slow
def test_content_is_the_loss_of_training(hr_folder, vgg19_file, tmp_path):
    out = tmp_path / "out"
    words = ["--hr-dir", hr_folder, "--model", "bicubic", "--kernels", "area"]
    words += ["--vgg19-weights", vgg19_file, "--metrics", "content", "--out-dir", out]
    assert run(*words) == 0
    from srlite.config.presets import PRESETS
    from srlite.models.features import vgg_features

    of = PRESETS["light"].gan.content_loss
    features = vgg_features("vgg19", of.layers, vgg19_file)
    loss = ContentLoss(features, of.layer_weights, of.layer_scales, of.criterion)
    kept = [
        np.asarray(Image.open(out / f"pictures/photos/area/{name}/a.png"))[None] / 255
        for name in ("hr", "bicubic")
    ]
    expected = distance_model({"content": loss}).predict_on_batch(kept)["content"]
    record = read_scores(out)["records"][0]
    assert set(record) == {*FIELDS, "content"}
    assert record["content"] == pytest.approx(float(expected[0]), rel=1e-4)


def test_table(hr_folder, tiny_tflite):
    """Light work in a process of its own, without TensorFlow."""
    code = (
        "import sys; from srlite.evaluation.command import main; main(); "
        "sys.exit('keras' in sys.modules or 'tensorflow' in sys.modules)"
    )
    done = subprocess.run(
        [
            *(sys.executable, "-c", code, "--hr-dir", hr_folder),
            *("--model", tiny_tflite, "bicubic", "--metrics", "psnr", "ssim"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    [title] = [line for line in lines if "photos (2 pictures), means" in line]
    first = lines.index(title)
    assert lines[first + 1].split() == ["kernel", "model", "PSNR", "SSIM"]
    rows = [line.split() for line in lines[first + 2 :][: 2 * 7]]
    assert [row[0] for row in rows[::2]] == [*KERNEL_ORDER, "mean"]
    assert {row[0] for row in rows[1::2]} == {"bicubic"}
    figures = np.array([row[-2:] for row in rows[1::2]], float)
    differences = figures[:-1].mean(axis=0) - figures[-1]
    assert (np.abs(differences) < (0.01, 0.0001)).all()


def test_a_bad_picture_is_left_out_and_named(hr_folder, capsys):
    (hr_folder / "c.png").write_bytes(b"no picture")
    Image.new("RGB", (100, 9)).save(hr_folder / "d.png")
    words = ["--hr-dir", hr_folder, "--model", "bicubic", "--kernels", "area"]
    assert run(*words) == 1
    printed = capsys.readouterr()
    assert "photos (2 pictures)" in printed.out
    assert "c.png" in printed.err and "d.png is smaller than 20 pixels" in printed.err
    for name in ("a.png", "b.png"):
        (hr_folder / name).unlink()
    with pytest.raises(DataError, match="no picture of photos can be measured"):
        run(*words)


def test_refusals(hr_folder, program, tiny_tflite, tmp_path):
    words = ["--hr-dir", hr_folder, "--kernels", "area", "--model"]
    with pytest.raises(ConfigError, match="unknown kernel lanczos; there are bicubic"):
        run(*words[:3], "lanczos", "--model", "bicubic")
    with pytest.raises(ModelError, match="unknown model 'heavy'"):
        run(*words, "heavy")
    with pytest.raises(DataError, match="no such folder of pictures: .*gone"):
        run("--hr-dir", tmp_path / "gone", "--model", "bicubic")
    with pytest.raises(ModelError, match="tiny.tflite enlarges 4 times, but 2 times"):
        run(*words, tiny_tflite, "--scale", 2)
    with pytest.raises(ModelError, match=r"a.png: .* made 63 x 48 .* expected 84 x 64"):
        run(*words, program(3))
    with pytest.raises(ConfigError, match="content needs a file; .* --vgg19-weights"):
        run(*words, "bicubic", "--metrics", "psnr", "content")
    with pytest.raises(ConfigError, match="unknown metric lpips; there are psnr, ssim"):
        run(*words, "bicubic", "--metrics", "lpips")
    with pytest.raises(DataError, match="gone.npz does not hold the parameters"):
        run(*words, "bicubic", "--niqe-parameters", tmp_path / "gone.npz")
    with pytest.raises(ModelError, match="there is no file .*gone.h5"):
        run(*words, "bicubic", "--vgg19-weights", tmp_path / "gone.h5")
    with pytest.raises(ConfigError, match="give --out-dir"):
        run(*words, "bicubic", "--inception-weights", "random")
    with pytest.raises(DataError, match="photos: FID needs 50 pictures .* received 2"):
        more = "--out-dir", tmp_path / "out", "--inception-weights", "random"
        run(*words, "bicubic", *more)
    with pytest.raises(ModelError, match="there is no file .*gone.h5; FID needs"):
        for number in range(48):
            shutil.copy(hr_folder / "a.png", hr_folder / f"a{number}.png")
        more = (
            "--out-dir",
            tmp_path / "out",
            "--inception-weights",
            tmp_path / "gone.h5",
        )
        run(*words, "bicubic", *more)
    assert not (tmp_path / "out").exists()  # before anything is measured
    with pytest.raises(ConfigError, match="results would lie in .*HR, whose pic"):
        run(*words, "bicubic", "--out-dir", hr_folder / "out")
    with pytest.raises(ConfigError, match="results would lie in .*pictures, wh"):
        pictures = hr_folder.rename(hr_folder.with_name("pictures"))
        run("--hr-dir", pictures, "--model", "bicubic", "--out-dir", pictures.parent)
    pictures.rename(hr_folder)
    with pytest.raises(ConfigError, match="--out-dir is empty; give a value"):
        run(*words, "bicubic", "--out-dir", "")
    with pytest.raises(ConfigError, match="--sets-dir is empty; give"):
        run(*words, "bicubic", "--sets-dir=")
    with pytest.raises(DataError, match="unknown damage 'jpg75'; there are none, jpeg"):
        run(*words, "bicubic", "--damage", "jpg75")
    with pytest.raises(ConfigError, match="takes a degradation; leave out --degrad"):
        run(*words, "bicubic", "--degradation", "clean")
    with pytest.raises(ConfigError, match="give pictures, with --hr-dir"):
        run("--model", "bicubic")
    with pytest.raises(ConfigError, match="scale must be a whole number, 2 or m"):
        run(*words, "bicubic", "--scale", 1)


def test_a_metric_that_no_picture_has(hr_folder, tmp_path, capsys):
    """Grey pictures have no grain, so there is nothing to report."""
    coloured = tmp_path / "coloured"
    shutil.copytree(hr_folder, coloured)
    for path in hr_folder.iterdir():
        Image.open(path).convert("L").save(path)
    words = ["--hr-dir", hr_folder, "--model", "bicubic", "--metrics", "grain"]
    for more in ([], ["--out-dir", tmp_path / "out"]):
        with pytest.raises(DataError, match="no picture has a value for grain"):
            run(*words, *more)
    assert run(*words[:2], coloured, *words[2:], "--kernels", "area") == 1
    assert (
        "left out: photos: no picture has a value for grain" in capsys.readouterr().err
    )


def test_a_bicubic_of_another_name_is_what_gains_are_over(hr_folder, tmp_path):
    out = tmp_path / "out"
    words = ["--hr-dir", hr_folder, "--kernels", "area", "--damage", "none", "jpeg50"]
    models = ["plain=bicubic", "other=lanczos"]
    assert run(*words, "--model", *models, "--out-dir", out) == 0
    assert "Gain over plain by damage" in (out / "report.html").read_text("utf-8")
    assert {g["model"] for g in read_scores(out)["gains"]} == {"other"}


def test_pairs(tmp_path, capsys):
    """LR from files, after a kernel that nobody knows."""
    hr = data.astronaut()[:66, 100:189]
    lr = hr[1:64:4, 1:88:4]
    for name, picture in (("HR", hr), ("LR", lr)):
        (tmp_path / name).mkdir()
        ending = "x4" if name == "LR" else ""
        Image.fromarray(picture).save(tmp_path / name / f"0001{ending}.png")
    words = ["--pairs", tmp_path / "LR", tmp_path / "HR", "--model", "lanczos"]
    out = tmp_path / "out"
    assert run(*words, "--out-dir", out) == 0
    [record] = read_scores(out)["records"]
    assert (record["image"], record["kernel"]) == ("0001", "given")
    sr = np.asarray(
        Image.open(out / f"pictures/{tmp_path.name}/given/lanczos/0001.png")
    )
    assert record["psnr"] == pytest.approx(psnr(sr, hr[:64, :88], 4))
    assert "come from files" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="pairs are measured as they are"):
        run(*words, "--damage", "none", "jpeg50")
    (tmp_path / "LR" / "0001x4.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"can be measured: .*LR/0001x4.png"):
        run(*words)
    Image.fromarray(lr[:15]).save(tmp_path / "LR" / "0001x4.png")
    with pytest.raises(DataError, match="0001.png is 89 x 66 pixels, but 4 times "):
        run(*words)


@pytest.mark.slow
def test_fid(tmp_path, capsys):
    random = np.random.default_rng(0)
    photos = tmp_path / "photos"
    photos.mkdir()
    for i in range(50):
        picture = np.kron(random.integers(0, 256, (8, 8, 3)), np.ones((4, 4, 1)))
        Image.fromarray(picture.astype(np.uint8)).save(photos / f"{i}.png")
    out = tmp_path / "out"
    words = ["--hr-dir", photos, "--kernels", "area", "--model", "bicubic"]
    words += ["--out-dir", out, "--inception-weights", "random"]
    assert run(*words) == 0
    assert "FID of random weights" in capsys.readouterr().out
    [entry] = json.loads((out / "scores.json").read_text())["fid"]
    assert entry["fid"] > 0 and entry["count"] == 50 and entry["weights"] == "random"
    assert "FID of random weights" in (out / "scores.md").read_text()
    assert run(*words) == 0  # from the records
    [again] = json.loads((out / "scores.json").read_text())["fid"]
    assert again == entry
    # Of too few there is none, but the scores stay.
    (photos / "0.png").write_bytes(b"no picture")
    assert run(*words) == 1
    assert "photos: FID needs 50 pictures" in capsys.readouterr().err
    assert read_scores(out)["fid"] == [] and len(read_scores(out)["records"]) == 49


def test_every_metric_has_a_name_in_the_documentation():
    text = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text()
    for metric in METRICS:
        assert f"`{metric.name}`" in text
