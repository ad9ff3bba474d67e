"""Photos -> train -> export -> an enlarged picture, by the three commands."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from srlite.errors import SrliteError
from srlite.training.command import main

ROOT = Path(__file__).parents[1]
TINY = [
    "--set",
    "generator.filters=8",
    "generator.growth_channels=4",
    "augmentation.hr_jpeg=0",
    "augmentation.second_jpeg=0",
    "estimator.steps=2",
    "pretrain.steps=2",
    "gan.steps=2",
    "log.log_every=1",
    "gan.content_loss.layers=block2_conv2",
    "gan.content_loss.layer_weights=1",
    "gan.content_loss.layer_scales=175",
]


def command(script, *arguments):
    script = script if script == "-m" else str(ROOT / script)
    return [sys.executable, script, *map(str, arguments)]


def run(script, *arguments, status=0, **options):
    done = subprocess.run(
        command(script, *arguments), capture_output=True, text=True, cwd=ROOT, **options
    )
    assert done.returncode == status, done.stderr
    return done


@pytest.fixture(scope="module")
def trained(tmp_path_factory, photos, vgg19_file):
    """A run directory after two steps of each of the three stages."""
    run_dir = tmp_path_factory.mktemp("trained") / "run"
    arguments = ("--preset", "tiny", "--data-dir", photos, "--run-dir", run_dir)
    done = run("train.py", *arguments, "--vgg19-weights", vgg19_file, *TINY)
    assert "pretrain" in done.stderr and "step/s" in done.stderr
    # What TensorFlow says when it is imported is left out.
    noise = ("Traceback", "oneDNN custom operations")
    assert not any(text in done.stderr for text in noise), done.stderr
    return run_dir


def test_three_stages(trained):
    rows = [json.loads(line) for line in (trained / "metrics.jsonl").open()]
    assert [(r["stage"], r["step"]) for r in rows] == [
        ("estimator", 1),
        ("estimator", 2),
        ("pretrain", 1),
        ("pretrain", 2),
        ("gan", 1),
        ("gan", 2),
    ]
    results = {"estimator.keras", "pretrain.keras", "generator.keras"}
    assert {path.name for path in trained.glob("*.keras")} == results


def test_train_export_enhance(trained, tmp_path):
    model = tmp_path / "x.tflite"
    report = run("export_tflite.py", "--model", trained, "--output", model).stdout
    assert "CONV_2D" in report and f"{model.stat().st_size:,} bytes" in report
    lr = data.chelsea()[100:147, 150:183]
    Image.fromarray(lr).save(tmp_path / "lr.png")
    arguments = ("--lr-path", tmp_path / "lr.png", "--sr-path")
    results = []
    for name in (model, trained / "generator.keras"):
        sr_path = tmp_path / f"{name.suffix[1:]}.png"
        run("inference.py", *arguments, sr_path, "--model", name)
        results.append(np.asarray(Image.open(sr_path)).astype(int))
    assert results[0].shape == (188, 132, 3)
    assert np.abs(results[0] - results[1]).max() <= 1


@pytest.mark.slow
def test_twice_as_large(photos, tmp_path):
    """The scale 2, from training to an enlarged picture and its measure."""
    run_dir, model = tmp_path / "run", tmp_path / "x2.tflite"
    options = [*TINY[:5], "scale=2", "generator.conditional=false", "pretrain.steps=2"]
    options.append("augmentation.damaged=0")
    first = ("--preset", "tiny", "--data-dir", photos, "--val-dir", photos)
    run("train.py", *first, "--run-dir", run_dir, "--stages", "pretrain", *options)
    run("export_tflite.py", "--model", run_dir, "--output", model)
    lr = data.chelsea()[100:147, 150:183]
    Image.fromarray(lr).save(tmp_path / "lr.png")
    results = []
    for tile in ((), ("--tile", 16)):
        sr_path = tmp_path / f"{len(tile)}.png"
        files = ("--lr-path", tmp_path / "lr.png", "--sr-path", sr_path)
        run("inference.py", *files, "--model", model, *tile)
        results.append(np.asarray(Image.open(sr_path)).astype(int))
    assert results[0].shape == (94, 66, 3)
    assert np.abs(results[0] - results[1]).max() <= 1
    measured = run(
        *("-m", "srlite", "evaluate", "--model", model, "bicubic", "--scale", 2),
        *("--hr-dir", photos, "--kernels", "bicubic"),
    )
    assert "x2" in measured.stdout and "bicubic" in measured.stdout


@pytest.mark.slow
def test_ctrl_c_and_going_on(photos, tmp_path):
    run_dir = tmp_path / "run"
    arguments = [
        *("--preset", "tiny", "--data-dir", photos, "--run-dir", run_dir),
        *("--stages", "pretrain", *TINY, "pretrain.steps=100000"),
        *("generator.conditional=false", "augmentation.damaged=0"),
    ]
    with subprocess.Popen(
        command("train.py", *arguments), stderr=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        deadline = time.monotonic() + 120
        while not (run_dir / "metrics.jsonl").exists():
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "the same command goes on from here" in errors
    (saved,) = (run_dir / "checkpoints").iterdir()
    done = run("train.py", *arguments, "--max-minutes", "0")
    step = int(saved.stem.split("-")[1])
    assert f"going on from step {step} of stage pretrain" in done.stderr
    assert f"stopped (time is up) at step {step + 1}" in done.stderr
    steps = [json.loads(line)["step"] for line in (run_dir / "metrics.jsonl").open()]
    assert steps == list(range(1, step + 2))


@pytest.mark.slow
def test_wandb_offline(photos, tmp_path):
    """Two lives of a run, of which each leaves a folder for `wandb sync`."""
    pytest.importorskip("wandb")
    run_dir = tmp_path / "run"
    arguments = ("--preset", "tiny", "--data-dir", photos, "--run-dir", run_dir)
    more = ("--wandb", "project", *TINY, "gan.content=none", "gan.pixel=1")
    more += ("generator.conditional=false", "augmentation.damaged=0")
    environment = os.environ | {"WANDB_MODE": "offline"}
    run("train.py", *arguments, "--max-minutes", 0, *more, env=environment)
    run("train.py", *arguments, *more, env=environment)
    first, second = sorted((run_dir / "wandb").glob("offline-run-*"))
    assert first.name.split("-")[-1] == second.name.split("-")[-1]  # the same run
    for folder, kept, lacking in (
        (first, ["pretrain/step", "pretrain/pixel"], ["gan/pixel"]),
        (second, ["pretrain/pixel", "gan/step", "gan/d_accuracy"], []),
    ):
        (written,) = folder.glob("*.wandb")
        content = written.read_bytes()
        assert all(name.encode() in content for name in kept)
        assert not any(name.encode() in content for name in lacking)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            [],
            "stage estimator has no photographs: give --data-dir or estimator.sources",
        ),
        (["--data-dir", "{gone}"], "no such folder or archive"),
        (["--data-dir", "{empty}"], "no usable pictures in"),
        (
            ["--data-dir", "{photos}", "--set", "gan.stepz=3"],
            "unknown option gan.stepz",
        ),
        (["--data-dir", "{photos}", "--preset", "heavy"], "unknown preset heavy"),
        (
            ["--data-dir", "{photos}", "--config", "{gone}"],
            "cannot read the options in",
        ),
        (["--data-dir", "{photos}", "--vgg19-weights", "{gone}"], "gone"),
        (["--data-dir", "{photos}", "--run-dir", "{file}/run"], "cannot write "),
        (["--data-dir", "{long}"], "no such folder or archive"),
        (["--data-dir", "pairs:{long}:{photos}"], "no such folder of pictures"),
        (["--data-dir", "{photos}", "--run-dir", "{long}"], "cannot write "),
        (
            ["--data-dir", "{photos}", "--stages=estimator", "--init-from", "{long}"],
            "there is no model file",
        ),
        (["--data-dir", "{photos}", "--vgg19-weights", "{long}"], "there is no file"),
        (
            ["--data-dir", "{photos}", "--max-minutes", "nan"],
            "max_minutes must be at least 0; received nan",
        ),
        (
            ["--data-dir", "2@{empty}.pack", "{photos}", "--pack", "{empty}.pack"],
            "empty.pack is a source, and pictures that do not fit in memory",
        ),
        (
            ["--data-dir", "{photos}", "--set", "preset=esrgan"],
            "name one preset; received tiny and esrgan",
        ),
    ],
)
def test_bad_input_is_one_sentence(photos, tmp_path, arguments, says):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "empty.pack").write_text("")
    places = {n: tmp_path / n for n in ("gone", "empty", "file")} | {"photos": photos}
    places["long"] = tmp_path / ("n" * 300)  # more than file systems take
    arguments = [argument.format(**places) for argument in arguments]
    first = ["--preset", "tiny", "--run-dir", str(tmp_path / "run")]
    with pytest.raises(SrliteError, match=re.escape(says)) as caught:
        main([*first, *arguments])
    assert "\n" not in str(caught.value)


def test_an_error_is_a_line_and_a_status(tmp_path):
    done = run("train.py", "--preset", "heavy", "--run-dir", tmp_path, status=2)
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: unknown preset heavy")


@pytest.mark.slow
def test_training_learns(tmp_path):
    """A few hundred small steps do better than the nearest-neighbour start."""
    from srlite.models.model_files import load_generator
    from srlite.training.validation import validate

    for name in ("astronaut", "coffee", "rocket"):
        Image.fromarray(getattr(data, name)()).save(tmp_path / f"{name}.png")
    run_dir = tmp_path / "run"
    arguments = ("--data-dir", tmp_path, "--run-dir", run_dir, "--stages", "pretrain")
    options = ("--set", "pretrain.steps=300", "generator.conditional=false")
    run("train.py", "--preset", "tiny", *arguments, *options)
    generator = load_generator(run_dir)
    hr = [data.chelsea()[20:276, 100:356]]
    trained, _ = validate(generator, hr, 4)
    tail = generator.get_layer("tail")
    tail.set_weights([np.zeros_like(w) for w in tail.get_weights()])
    nearest, _ = validate(generator, hr, 4)
    for name, value in trained.items():
        least = 0.5 if name.startswith("psnr") else 0.0  # dB; of SSIM any
        assert value > nearest[name] + least, (trained, nearest)
