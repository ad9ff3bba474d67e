"""Two devices, or two hosts, train as one device does with the same batches."""

import json
import os
import re
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image
from skimage import data
from small_runs import JPEG

from srlite.config.options import flatten
from srlite.config.presets import preset
from srlite.errors import BackendError, ConfigError
from srlite.models import checkpoints
from srlite.training.distribution import distribute
from srlite.training.recipe import train

ROOT = Path(__file__).parents[2]
# Adam's steps follow the sign of a gradient, however small, unless epsilon is large:
# then rounding stays rounding.
OPTIMIZER = {"warmup_steps": 0, "learning_rate": 1e-2, "epsilon": 1e-3}
CONFIG = preset("tiny").updated(
    {
        "generator": {"filters": 8, "growth_channels": 4, "num_dense_blocks": 1},
        "generator.conditional": False,
        "augmentation": dict.fromkeys(JPEG, 0.0),
        "discriminator.filters": [4, 8],
        "pretrain": {"steps": 3, "batch_size": 4, "patch_size": 32},
        "pretrain.generator_optimizer": OPTIMIZER,
        "pretrain.freeze_batch_norm_after": 2,
        "gan": {"steps": 4, "batch_size": 4, "patch_size": 32, "pixel": 0.1},
        "gan.freeze_batch_norm_after": None,
        "steps_per_execution": 2,
        "gan.generator_optimizer": OPTIMIZER | {"clip_norm": 0.01},
        "gan.discriminator_optimizer": OPTIMIZER | {"clip_norm": 0.01},
        "gan.adversarial": 1.0,
        "gan.content_loss.layers": ["block1_conv2"],
        "gan.content_loss.layer_weights": [1.0],
        "gan.content_loss.layer_scales": [100.0],
        "log": {"log_every": 2, "checkpoint_every": 4, "keep_checkpoints": 9},
    }
)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for name, picture in (("a", data.astronaut()), ("b", data.coffee())):
        Image.fromarray(picture[100:200, 200:320]).save(folder / f"{name}.png")
    return folder


@pytest.fixture(scope="module")
def one(tmp_path_factory, photos, vgg19_file):
    """The run of one device."""
    run_dir = tmp_path_factory.mktemp("one") / "run"
    assert train(CONFIG, [photos], run_dir, val_dir=photos, vgg19_weights=vgg19_file)
    return run_dir


def command(run_dir, photos, vgg19_file, config=CONFIG):
    """The arguments of train.py."""
    options = run_dir.with_suffix(".toml")
    values = {
        k: "none" if v is None else v for k, v in flatten(config.to_dict()).items()
    }
    lines = [f"{name} = {json.dumps(value)}" for name, value in values.items()]
    options.write_text("\n".join(lines))
    names = ("preset", "config", "run-dir", "data-dir", "val-dir", "vgg19-weights")
    values = ("tiny", options, run_dir, photos, photos, vgg19_file)
    return [x for n, v in zip(names, values, strict=True) for x in (f"--{n}", str(v))]


def run_on(devices, *arguments):
    worker = ROOT / "tests" / "replicas_worker.py"
    return subprocess.run(
        [sys.executable, worker, str(devices), *arguments],
        capture_output=True,
        text=True,
    )


def tensors(run_dir, stage):
    return checkpoints.read(checkpoints.find(run_dir / "checkpoints", stage)[-1][1])[1]


def rows(run_dir):
    """Map stage, step and name to the values logged, speeds left out."""
    lines = map(json.loads, (run_dir / "metrics.jsonl").open())
    return {
        (line["stage"], line["step"], name): value
        for line in lines
        for name, value in line.items()
        if name not in ("stage", "step") and "second" not in name and "wait" not in name
    }


def assert_same_run(ours, theirs):
    """What is logged and all variables after each stage differ by rounding."""
    ours_logged, theirs_logged = rows(ours), rows(theirs)
    assert ours_logged.keys() == theirs_logged.keys()
    assert ("gan", 4, "d_accuracy") in ours_logged
    assert ("gan", 4, "val/psnr") in ours_logged
    for name, value in ours_logged.items():
        assert value == pytest.approx(theirs_logged[name], rel=1e-5), name
    for stage in ("pretrain", "gan"):
        a, b = tensors(ours, stage), tensors(theirs, stage)
        assert a.keys() == b.keys()
        for name in a:
            np.testing.assert_allclose(a[name], b[name], 1e-5, 1e-6, err_msg=name)


def assert_plain(path):
    """A saved generator is that of one device."""
    with zipfile.ZipFile(path) as file:
        settings = file.read("config.json").decode()
    assert '"synchronized": false' in settings
    assert '"synchronized": true' not in settings
    model = keras.saving.load_model(path, compile=False)
    lr = np.zeros((1, 7, 5, 3), np.float32)
    assert model.predict_on_batch(lr).shape == (1, 28, 20, 3)


@pytest.mark.slow
def test_two_devices_train_as_one(one, photos, vgg19_file, tmp_path):
    """Both stages; BatchNorm's statistics learning and frozen; clipped gradients."""
    run_dir = tmp_path / "run"
    done = run_on(2, *command(run_dir, photos, vgg19_file))
    assert done.returncode == 0, done.stderr
    assert "training on 2 devices" in done.stderr
    assert_same_run(run_dir, one)
    for name in ("pretrain.keras", "generator.keras"):
        assert_plain(run_dir / name)


@pytest.mark.slow
def test_devices_share_a_batch_evenly_unless_there_is_to_be_one(photos, tmp_path):
    config = CONFIG.updated({"pretrain.batch_size": 3})
    arguments = command(tmp_path / "run", photos, "none", config)
    arguments += ["--stages", "pretrain", "--max-minutes", "0"]
    refused = run_on(2, *arguments)
    assert refused.returncode == 2 and not (tmp_path / "run").exists()
    says = "pretrain.batch_size must be a multiple of the 2 devices .* received 3"
    assert re.search(says, refused.stderr)
    alone = run_on(2, *arguments, "--single-device")
    assert alone.returncode == 0, alone.stderr
    assert "devices" not in alone.stderr
    assert tensors(tmp_path / "run", "pretrain")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run_on_two_hosts(run_dir, elsewhere, photos, vgg19_file):
    """Return what the first of two workers says; the time of the second is up."""
    addresses = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    workers = []
    for index, folder in enumerate((run_dir, elsewhere)):
        task = {"type": "worker", "index": index}
        cluster = {"cluster": {"worker": addresses}, "task": task}
        arguments = command(folder, photos, vgg19_file)
        if index == 1:
            arguments += ["--max-minutes", "0"]
        worker = subprocess.Popen(
            [sys.executable, ROOT / "train.py", *arguments],
            env={**os.environ, "TF_CONFIG": json.dumps(cluster)},
            stderr=subprocess.PIPE,
            text=True,
        )
        workers.append(worker)
    said = [worker.communicate(timeout=600)[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], said
    return said[0]


@pytest.mark.slow
def test_two_hosts_go_on_from_one_and_one_from_two(one, photos, vgg19_file, tmp_path):
    """A worker whose time is up stops both; what all did is what one does."""
    run_dir, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    options = {"val_dir": photos, "vgg19_weights": vgg19_file}
    assert not train(CONFIG, [photos], run_dir, max_minutes=0.0, **options)
    assert checkpoints.find(run_dir / "checkpoints", "pretrain")[-1][0] == 2

    for went_on, stopped in (
        ("going on from step 2 of stage pretrain", "before stage gan"),
        ("stage pretrain is complete", "at step 2 of stage gan"),
    ):
        said = run_on_two_hosts(run_dir, elsewhere, photos, vgg19_file)
        assert went_on in said
        assert f"stopped (another worker) {stopped}" in said
    assert not elsewhere.exists()
    assert_plain(run_dir / "pretrain.keras")

    assert train(CONFIG, [photos], run_dir, **options)
    assert_same_run(run_dir, one)


def test_unusable_clusters_are_refused(monkeypatch):
    cluster = {"worker": ["a:1", "b:1"]}
    several = {"cluster": cluster, "task": {"type": "worker", "index": 1}}
    for wrong in (
        "no JSON",
        "[]",
        json.dumps({"cluster": cluster}),
        json.dumps(several | {"task": {"type": "worker", "index": 2}}),
        json.dumps(several | {"cluster": cluster | {"ps": ["c:1"]}}),
    ):
        monkeypatch.setenv("TF_CONFIG", wrong)
        with pytest.raises(ConfigError, match="TF_CONFIG must be like"):
            distribute("tensorflow")
    monkeypatch.setenv("TF_CONFIG", json.dumps(several))
    with pytest.raises(ConfigError, match="2 workers, which does not go with a single"):
        distribute("tensorflow", single_device=True)
    with pytest.raises(BackendError, match="TensorFlow alone: unset it"):
        distribute("jax")
    keras.ops.zeros(())  # now TensorFlow has its devices
    with pytest.raises(BackendError, match="cannot train together: Collective ops"):
        distribute("tensorflow")


def test_cluster_of_one_is_none(monkeypatch):
    task = {"type": "worker", "index": 0}
    for text in ("{}", json.dumps({"cluster": {"worker": ["a:1"]}, "task": task})):
        monkeypatch.setenv("TF_CONFIG", text)
        devices = distribute("tensorflow")
        assert devices.chief and devices.num_replicas == devices.num_workers == 1


def test_devices_of_jax():
    code = (
        "from srlite.training.distribution import distribute as d;"
        "print([(x.note, x.num_replicas) for x in (d('jax'), d('jax', True))])"
    )
    for count, says in (
        (1, "[(None, 1), (None, 1)]"),
        (2, "[('training on 2 devices', 2), (None, 1)]"),
    ):
        flags = f"--xla_force_host_platform_device_count={count}"
        env = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=env,
        )
        assert done.stdout.strip() == says, done.stderr
