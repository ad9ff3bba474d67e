"""JAX does what TensorFlow does, goes on where it stopped, and does without it.

These tests run on TensorFlow; JAX runs in processes of its own.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import jax_worker
import keras
import numpy as np
import pytest
import tensorflow as tf
from jax_worker import CONFIG, STAGES
from skimage import data

from srlite.config.options import flatten
from srlite.data.patches import PatchSampler, StageSampler
from srlite.models import checkpoints
from srlite.training.preparation import build_sampler
from srlite.training.recipe import train
from srlite.training.stages import build_generator

ROOT = Path(__file__).parents[2]
# Run as `python -c`: the script in argv[2] where no module named in argv[1] exists.
WITHOUT = """
import runpy, sys

missing = sys.argv[1].split(",")

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in missing:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
assert not set(missing) & set(sys.modules)
"""


# The relativistic loss is blind to what shifts real and fake logits alike.
SHIFT = {
    "discriminator/logit_sn/logit/bias",
    "discriminator_optimizer/adam/logit_sn_logit_bias_momentum",
    "discriminator_optimizer/adam/logit_sn_logit_bias_velocity",
}


def run_on_jax(*command, without="tensorflow,tensorflow_datasets", devices=1):
    flags = f"--xla_force_host_platform_device_count={devices}"
    jax = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags}
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, without, *map(str, command)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | jax,
    )
    assert done.returncode == 0, done.stderr
    return done


def tensors(directory, stage):
    return checkpoints.read(checkpoints.find(directory, stage)[-1][1])[1]


@pytest.fixture(scope="module")
def both(tmp_path_factory, vgg19_file):
    """A folder with what `jax_worker` leaves on either backend."""
    folder = tmp_path_factory.mktemp("both")
    (folder / "vgg19.weights.h5").symlink_to(vgg19_file)
    tf.config.experimental.enable_op_determinism()  # as `recipe.train` does
    patches = PatchSampler([data.astronaut()], 64, 4, (1,) * 6, seed=0)
    sampler = StageSampler([patches], (0, 1), told_truth=0.5)
    made, random = [sampler.batch(step) for step in range(6)], np.random.default_rng(0)
    for batch in made:
        # Clean LR, as JPEG turns a rounding into a coefficient; any degradation.
        odds, strengths = random.dirichlet(np.ones(6), 4), random.random((4, 4))
        batch["degradation"] = np.float32(np.hstack([odds, strengths]))
        batch["told_truth"] = np.array([True, False, False, True])
    batches = {name: np.stack([batch[name] for batch in made]) for name in made[0]}
    np.savez(folder / "batches.npz", **{k: v[3:] for k, v in batches.items()})
    worn = {f"augmentation.{n}": 0.5 for n in ("blur", "noise", "jpeg", "hr_jpeg")}
    worn |= {"augmentation.damaged": 1.0, "pretrain.batch_size": 24}
    damaged = build_sampler(CONFIG.updated(worn), "pretrain", (0,), [data.astronaut()])
    np.savez(folder / "damaged.npz", **damaged.batch(0))
    judge = build_generator(CONFIG)  # of an estimator: it listens to what it is told
    judge.set_weights(
        [w + random.uniform(0.01, 0.1, w.shape) for w in judge.get_weights()]
    )
    judge.save(folder / "judge.keras")
    # Starts after three updates: Adam's first one follows the sign of the gradient
    # alone, which is rounding where the gradient is next to nothing.
    for stage in STAGES:
        parts, step = jax_worker.build(folder, stage)
        for batch in made[:3]:
            step(batch, True)
        checkpoints.save(folder / f"start-{stage}", stage, 3, parts, {})
        if stage != "gan":
            learnt = "ema_estimator" if stage == "estimator" else "ema_generator"
            parts[learnt].save(folder / f"{stage}.keras")
        jax_worker.work(folder, stage)
    jax_worker.damage(folder)
    run_on_jax(ROOT / "tests" / "jax_worker.py", folder)
    return folder


@pytest.mark.slow
def test_damage_agrees_with_tensorflow(both):
    """A rounding may turn a coefficient of JPEG."""
    ours, theirs = (np.load(both / f"{name}-lr.npy") for name in ("jax", "tensorflow"))
    assert ours.shape == (24, 16, 16, 3)
    difference = np.abs(ours - theirs)
    assert (difference < 0.5).mean() > 0.98 and difference.mean() < 0.05


def assert_same_update(ours, theirs, start):
    """Each part moved alike: the difference is below 1 % of how far it went.

    Measured by the norm over a part, because Adam takes a full step along gradients
    that are nothing but rounding, such as those of `SHIFT`, and spectral normalisation
    passes what that changes on to other weights.
    """
    assert ours.keys() == theirs.keys() == start.keys()
    for part in {name.split("/")[0] for name in start}:
        names = [n for n in start if n.startswith(f"{part}/") and n not in SHIFT]
        wrong, way = (
            np.sqrt(sum(np.sum((a[n] - np.float64(theirs[n])) ** 2) for n in names))
            for a in (ours, start)
        )
        assert 0 <= wrong < 1e-2 * way, f"{part}: {wrong} after {way}"


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("stage", STAGES)
def test_updates_agree_with_tensorflow(both, stage, count):
    names = (f"jax-{stage}-{count}", f"tensorflow-{stage}-{count}", f"start-{stage}")
    assert_same_update(*(tensors(both / name, stage) for name in names))


@pytest.mark.parametrize("stage", STAGES)
def test_losses_agree_with_tensorflow(both, stage):
    ours, theirs = (
        json.loads((both / f"{backend}-{stage}.json").read_text())
        for backend in ("jax", "tensorflow")
    )
    for a, b in zip(ours, theirs, strict=True):
        assert a.keys() == b.keys()
        for name in a:
            np.testing.assert_allclose(a[name], b[name], rtol=1e-4, err_msg=name)


@pytest.mark.parametrize("stage", STAGES)
def test_updates_in_one_call_equal_single_ones(both, stage):
    """To the bit on TensorFlow; XLA fuses a loop's body in its own way."""
    for backend in ("tensorflow", "jax"):
        together, singly, start = (
            tensors(both / name, stage)
            for name in (
                f"{backend}-{stage}-3",
                f"{backend}-{stage}-3s",
                f"start-{stage}",
            )
        )
        assert_same_update(together, singly, start)
        if backend == "tensorflow":
            for name in singly:
                np.testing.assert_array_equal(together[name], singly[name], name)


RUN = CONFIG.updated(
    {
        "augmentation.damaged": 0.0,  # `both` has damages
        "estimator": {"steps": 3, "batch_size": 2, "patch_sizes": [64]},
        "pretrain": {"steps": 7, "batch_size": 2, "patch_size": 64},
        "pretrain.freeze_batch_norm_after": 3,
        "gan": {"steps": 6, "patch_size": 64},
        "log": {"log_every": 4, "checkpoint_every": 2, "keep_checkpoints": 9},
        "steps_per_execution": 2,
    }
)


def train_on_jax(run_dir, photos, vgg19_file, **options):
    options_file = run_dir.parent / "run.toml"
    values = {k: "none" if v is None else v for k, v in flatten(RUN.to_dict()).items()}
    lines = [f"{name} = {json.dumps(value)}" for name, value in values.items()]
    options_file.write_text("\n".join(lines))
    arguments = ("--preset", "tiny", "--config", options_file, "--run-dir", run_dir)
    more = ("--data-dir", photos, "--val-dir", photos, "--vgg19-weights", vgg19_file)
    return run_on_jax(ROOT / "train.py", *arguments, *more, **options)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, photos, vgg19_file):
    """A run of all stages on JAX where there is no TensorFlow."""
    run_dir = tmp_path_factory.mktemp("jax") / "run"
    train_on_jax(run_dir, photos, vgg19_file)
    return run_dir


def cut(run_dir, copy, stage, step):
    """Copy a run as a kill after `step` of `stage` would have left it."""
    shutil.copytree(run_dir, copy)
    (copy / "generator.keras").unlink()
    if stage == "pretrain":
        (copy / "pretrain.keras").unlink()
        for _, path in checkpoints.find(copy / "checkpoints", "gan"):
            path.unlink()
    for saved, path in checkpoints.find(copy / "checkpoints", stage):
        if saved > step:
            path.unlink()
    return copy


@pytest.mark.slow
def test_whole_run_without_tensorflow(finished):
    rows = [json.loads(line) for line in (finished / "metrics.jsonl").open()]
    steps = [(row["stage"], row["step"]) for row in rows if "g_total" in row]
    assert {("pretrain", 4), ("pretrain", 7), ("gan", 6)} <= set(steps)
    told = [(row["stage"], row["step"]) for row in rows if "e_total" in row]
    assert told[-1] == ("estimator", 3)
    assert 0 <= rows[-2]["stage_data_wait"] <= 1 and rows[-2]["stage_steps_per_second"]
    model = keras.saving.load_model(finished / "generator.keras", compile=False)
    saved = tensors(finished / "checkpoints", "gan")
    for variable in model.variables:
        name = f"ema_generator/{variable.path}"
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable), saved[name])


@pytest.mark.slow
def test_resumed_run_has_the_same_bits(finished, photos, vgg19_file, tmp_path):
    run_dir = cut(finished, tmp_path / "run", "pretrain", 2)
    done = train_on_jax(run_dir, photos, vgg19_file, without="tensorflow,tensorboardX")
    assert "no TensorBoard logs (No module named 'tensorboardX')" in done.stderr
    for stage in ("pretrain", "gan"):
        straight, resumed = (
            tensors(folder / "checkpoints", stage) for folder in (finished, run_dir)
        )
        for name in straight:
            np.testing.assert_array_equal(straight[name], resumed[name], err_msg=name)


@pytest.mark.slow
def test_two_devices_do_what_one_does(finished, photos, vgg19_file, tmp_path):
    run_dir = cut(finished, tmp_path / "run", "pretrain", 2)
    done = train_on_jax(run_dir, photos, vgg19_file, devices=2)
    assert "training on 2 devices" in done.stderr
    for stage in ("pretrain", "gan"):
        start, ours, theirs = (
            checkpoints.read(checkpoints.find(folder / "checkpoints", stage)[place][1])
            for folder, place in ((finished, 0), (run_dir, -1), (finished, -1))
        )
        assert_same_update(ours[1], theirs[1], start[1])


def test_a_single_device_stays_the_one_of_its_process(tmp_path):
    """`JaxStep` trains on the default device, so nothing may count on the others."""
    script = tmp_path / "devices.py"
    script.write_text(
        "from srlite.training.distribution import distribute\n"
        "for single in (False, True, False):\n"
        "    found = distribute('jax', single)\n"
        "    print(found.num_replicas, found.note)\n"
    )
    lines = run_on_jax(script, devices=2).stdout.splitlines()
    assert lines == ["2 training on 2 devices", "1 None", "1 None"]


@pytest.mark.slow
def test_backends_take_over_from_each_other(finished, photos, vgg19_file, tmp_path):
    """JAX, TensorFlow, JAX: they end where JAX alone did."""
    run_dir = cut(finished, tmp_path / "tensorflow", "gan", 2)
    assert train(RUN, [photos], run_dir, val_dir=photos, vgg19_weights=vgg19_file)
    run_dir = cut(run_dir, tmp_path / "jax", "gan", 4)
    assert "going on from step 4" in train_on_jax(run_dir, photos, vgg19_file).stderr
    ours, theirs = (tensors(d / "checkpoints", "gan") for d in (run_dir, finished))
    start = checkpoints.find(finished / "checkpoints", "gan")[0][1]
    assert_same_update(ours, theirs, checkpoints.read(start)[1])
