"""The file behind a model's name, its run or its checkpoint; the one door for models.

Everywhere, `model` is one of these:

- the name of a shipped model, which no file or folder of that name can hide;
- the path of a `.tflite` file, a `.keras` file or a checkpoint;
- a run directory, which stands for the last stage it began: for that stage's result,
  or else for the EMA generator of its newest checkpoint.

A name with a separator or an ending is a path (`./light`, `light.keras`); a folder
needs neither unless a shipped model has its name.

Loading runs no code from a file (Keras' safe mode). Keras is imported inside the
functions that load.
"""

import functools
import os
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from srlite.backend import import_keras
from srlite.data.degradation_vector import SIZE
from srlite.errors import ModelError, error_reason, one_line
from srlite.files import PACKAGE, StrPath
from srlite.models import checkpoint_parts, checkpoints

if TYPE_CHECKING:
    import keras

DEFAULT_MODEL = "light"
# The two ends of `strength`.
FAITHFUL_MODEL = "light_psnr"
SHARP_MODEL = "light"
WEIGHTS_DIR = PACKAGE / "weights"
_INT8 = "_int8"  # ends the name of a file that computes in 8 bits
# The result of each stage of a run, in their order.
RESULTS = {
    "estimator": "estimator.keras",
    "pretrain": "pretrain.keras",
    "gan": "generator.keras",
}
CHECKPOINTS = "checkpoints"  # the folder of a run's checkpoints
_ESTIMATOR = "_estimator"  # ends the name of a model's estimator
_KINDS = (".tflite", ".keras", ".safetensors")


def shipped_models() -> list[str]:
    """List the names of the models that come with srlite."""
    stems = [path.stem for path in WEIGHTS_DIR.glob("*.tflite")]
    return sorted(stem for stem in stems if not stem.endswith(_ESTIMATOR))


def shipped_model_path(name: str) -> Path:
    """Find the `.tflite` file of a shipped model, or raise ModelError."""
    if name not in shipped_models():
        known = ", ".join(shipped_models()) or "none"
        raise ModelError(
            f"unknown model {name!r}; give a .tflite or .keras file, a run directory "
            f"or the name of a shipped model: {known}"
        )
    return WEIGHTS_DIR / f"{name}.tflite"


def find_model(model: StrPath, trained: bool = False) -> Path:
    """Find the file that a model is read from.

    If the choice may surprise, a line on standard error states it.

    Args:
        model: see the module.
        trained: whether to find the `.keras` of a shipped model, not its `.tflite`.

    Returns:
        Path of a `.tflite` or `.keras` file, or of a checkpoint: its `.safetensors`
        file, or the index in its folder.

    Raises:
        ModelError: there is no such model.
    """
    path, name = Path(model), os.fspath(model)
    if not name:
        raise ModelError("the name of a model is empty; give a name or a path")
    if name in shipped_models():
        if os.path.isdir(path):
            _say(f"note: {name} is the shipped model; for the folder say ./{name}")
        shipped = WEIGHTS_DIR / f"{name}{'.keras' if trained else '.tflite'}"
        if not shipped.is_file():
            raise ModelError(
                f"{name} is installed as a .tflite alone, and this needs its .keras; "
                "shipped models have theirs in srlite/weights of srlite's repository"
            )
        return shipped
    if os.path.isdir(path):
        index = path / checkpoint_parts.INDEX
        return index if os.path.isfile(index) else _of_run(path)
    if not os.path.isfile(path):
        if path.name == name and not path.suffix:
            return shipped_model_path(name)  # which says what there is
        raise ModelError(f"there is no model file {path}; check its path")
    if path.suffix not in _KINDS and path.name != checkpoint_parts.INDEX:
        raise ModelError(
            f"{path} is not a model: it must end in {', '.join(_KINDS)}, or be "
            "a run directory"
        )
    return path


def fast_model(model: StrPath) -> Path:
    """Find the int8 file beside a model, named like it with `_int8` at the end.

    Raises ModelError if there is none.
    """
    path = find_model(model)
    if path.stem.endswith(_INT8):
        return path
    stem = path.stem.removesuffix("_float32").removesuffix("_float16")
    fast = path.with_name(f"{stem}{_INT8}.tflite")
    if not os.path.isfile(fast):
        raise ModelError(
            f"{model} has no int8 file, {fast.name}, beside it; export one, or leave "
            "--fast out"
        )
    return fast


def _of_run(run: Path) -> Path:
    """Return the file that a run directory stands for."""
    for stage in ("gan", "pretrain"):
        result = run / RESULTS[stage]
        found = checkpoints.find(run / CHECKPOINTS, stage)
        if os.path.isfile(result):
            if stage == "pretrain":
                _say(f"note: {run} stands for its stage pretrain")
            return result
        if found:
            step, path = found[-1]
            _say(f"note: {run} stands for step {step} of its stage {stage}")
            return path / checkpoint_parts.INDEX if path.is_dir() else path
    raise ModelError(
        f"there is no model in {run} yet: neither {RESULTS['gan']} nor "
        f"{RESULTS['pretrain']}, nor a checkpoint of these stages"
    )


@functools.cache
def _say(text: str) -> None:
    """Print a sentence, the first time."""
    print(one_line(text), file=sys.stderr)


def estimator_beside(path: Path) -> Path:
    """Return the path of the estimator beside a model file."""
    return path.with_name(f"{path.stem}{_ESTIMATOR}{path.suffix}")


def find_estimator(model: StrPath) -> Path:
    """Find the estimator that goes with a model, or raise ModelError.

    It lies beside the model's file, and its name is `estimator` or that of the model
    with `_estimator` at the end; the model's own kind, `.keras` or `.tflite`, comes
    first. A checkpoint has that of its run. The shipped one is the last choice.
    """
    path = find_model(model)
    path = path.parent if path.name == checkpoint_parts.INDEX else path
    own = path.with_name(path.stem.removesuffix(_INT8) + path.suffix)
    beside = dict.fromkeys(map(estimator_beside, (path, own)))
    kinds = sorted((".keras", ".tflite"), key=lambda kind: kind != path.suffix)
    places = [one.with_suffix(kind) for one in beside for kind in kinds]
    # Of a run's result, and of a set of exported files.
    places += [path.with_name(f"estimator{kind}") for kind in (".keras", ".tflite")]
    if path.parent.name == CHECKPOINTS:
        places = [path.parent.parent / RESULTS["estimator"]]
    shipped = WEIGHTS_DIR / f"{DEFAULT_MODEL}{_ESTIMATOR}.tflite"
    for place in (*places, shipped):
        if os.path.isfile(place):
            return place
    raise ModelError(
        f"{path} is conditional, and there is no estimator for it; put one beside it "
        f"as {places[0].name}"
    )


def load_generator(model: StrPath) -> "keras.Model":
    """Load a generator, not compiled; a shipped name stands for its ``.keras`` file.

    Raises:
        BackendError: Keras is not installed.
        ModelError: the file is missing, damaged, not a Keras model, holds code of its
            own, or is not a model from pictures to pictures.
        CheckpointError: the checkpoint is damaged or foreign.
    """
    path = find_model(model, trained=True)
    if path.name == checkpoint_parts.INDEX:
        return _generator_of_checkpoint(path.parent)
    if path.suffix == ".safetensors":
        return _generator_of_checkpoint(path)
    generator = _load(path)
    check_generator(generator)
    return generator


def load_estimator(path: StrPath) -> "keras.Model":
    """Load an estimator from its ``.keras`` file, frozen and not compiled.

    Raises BackendError without Keras, and ModelError if the file is missing, damaged or
    no estimator.
    """
    path = Path(path)
    if not os.path.isfile(path):
        raise ModelError(f"there is no estimator {path}")
    estimator = _load(path)
    if not is_estimator(estimator):
        taken, given = _shapes(estimator)
        raise ModelError(
            f"{path} must make {SIZE} numbers of a picture, as an estimator does; "
            f"received input {taken} and output {given}"
        )
    estimator.trainable = False
    return estimator


def is_estimator(model: Any) -> bool:
    """Whether a `keras.Model` maps a picture to a degradation."""
    return _shapes(model) == [(None, None, None, 3), (None, SIZE)]


def _shapes(model: Any) -> list:
    """Return the shapes of input and output, None if the model was never built."""
    return [getattr(model, f"{end}_shape", None) for end in ("input", "output")]


def check_generator(generator: Any) -> None:
    """Raise `ModelError` unless a model takes and returns pictures of any size."""
    taken, given = _shapes(generator)  # several inputs have a list of shapes
    picture = taken[0] if isinstance(taken, list) and taken else taken
    pictures = [(None, None, None, channels) for channels in (1, 3)]
    told = [picture, (None, SIZE)]
    if picture not in pictures or given != picture or taken not in (picture, told):
        raise ModelError(
            "the model must take and give pictures of any size, (None, None, None, 3); "
            f"received input {taken} and output {given}"
        )


def scale_of(generator: "keras.Model") -> int:
    """Return a generator's number of SR pixels per LR pixel along each axis."""
    return _side_of(generator, 16) // 16


def step_of(generator: "keras.Model") -> int:
    """Return the number of LR pixels whose multiples a generator enlarges exactly.

    Other sides come out as if they were rounded up to a multiple.
    """
    if generator.inputs[0].shape[1] is not None:
        return 1
    # Not of a side of 1: a built-in estimator sees 15 pixels or more.
    return _side_of(generator, 17) // scale_of(generator) - 16


def _side_of(generator: Any, side: int) -> int:
    """Return the SR side that a generator makes of an LR side, in pixels."""
    shapes = [
        (1, *(side if x is None else x for x in i.shape[1:])) for i in generator.inputs
    ]
    return generator.compute_output_shape(shapes if shapes[1:] else shapes[0])[1]


def _load(path: Path) -> Any:
    if path.suffix != ".keras" or not zipfile.is_zipfile(path):
        raise ModelError(f"{path} is not a .keras file, or is damaged")
    keras = import_keras("reading a .keras file")
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # a damaged file fails anywhere inside Keras
        raise ModelError(f"cannot load {path}: {error_reason(error)}") from error


def _generator_of_checkpoint(path: Path) -> Any:
    info, tensors = checkpoints.read(path)
    import_keras("reading a checkpoint")
    from srlite.models.generators import build_generator

    config = info["config"]
    generator = build_generator(
        config["generator"], config["scale"], config["channels"]
    )
    part = {k: v for k, v in tensors.items() if k.startswith("ema_generator/")}
    checkpoints.assign(part, {"ema_generator": generator}, path)
    return generator
