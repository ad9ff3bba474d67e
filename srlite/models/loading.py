"""Trained generators from disk: a ``.keras`` file, a checkpoint, a run directory.

The name of a shipped model stands for its ``.keras`` file.

Loading runs no code that a file brings along (Keras' safe mode), on whichever backend
Keras has. A file that is missing, damaged or foreign raises `ModelError`. Keras is
imported inside the function that loads.
"""

import os
import zipfile
from pathlib import Path
from typing import Any

from srlite.models import checkpoint_parts
from srlite.models import checkpoints
from srlite.backend import import_keras
from srlite.errors import ModelError
from srlite.models.model_files import WEIGHTS_DIR


def check_generator(generator):
    """Raise `ModelError` unless a model takes and gives pictures of any size."""
    # A model that was never built has no shapes, one of several inputs a list of them.
    taken = getattr(generator, "input_shape", None)
    given = getattr(generator, "output_shape", None)
    pictures = [(None, None, None, channels) for channels in (1, 3)]
    if taken not in pictures or given != taken:
        raise ModelError(
            "the model must take and give pictures of any size, (None, None, None, 3); "
            f"received input {taken} and output {given}"
        )


def scale_of(generator):
    """Return how many SR pixels a generator makes of an LR pixel along each axis."""
    shape = (1, 8, 8, generator.input_shape[-1])
    return generator.compute_output_shape(shape)[1] // shape[1]


def find_source(path: str | os.PathLike) -> Path:
    """Find the file that a generator is read from.

    Args:
        path: as for `load_generator`.

    Returns:
        `Path`: a ``.keras`` file or a checkpoint, whose index it is when the checkpoint
        is a folder.

    Raises:
        ModelError: there is none.
    """
    path = Path(path)
    if (path / checkpoint_parts.INDEX).is_file():
        return path / checkpoint_parts.INDEX
    if path.is_dir():
        names = ("generator.keras", "pretrain.keras")
        found = [path / name for name in names if (path / name).is_file()]
        if not found:
            raise ModelError(f"there is no {' or '.join(names)} in {path}")
        path = found[0]
    if not path.is_file():
        shipped = WEIGHTS_DIR / f"{path}.keras"
        if path.name != str(path) or not shipped.is_file():
            raise ModelError(f"there is no model {path}")
        path = shipped
    return path


def load_generator(path: str | os.PathLike) -> Any:
    """Load a generator from a file or from a run directory.

    Args:
        path: a ``.keras`` file; a checkpoint, whose EMA generator is taken; a run
            directory, whose ``generator.keras`` is taken, or ``pretrain.keras`` while
            the gan stage is not done; or the name of a shipped model.

    Returns:
        `keras.Model`, not compiled.

    Raises:
        BackendError: Keras is not installed.
        ModelError: the file is missing, damaged, not a Keras model, holds code of its
            own, or is no model from pictures to pictures.
        CheckpointError: the checkpoint is damaged or foreign.
    """
    path = find_source(path)
    if path.name == checkpoint_parts.INDEX:
        return _generator_of_checkpoint(path.parent)
    if path.suffix == ".safetensors":
        return _generator_of_checkpoint(path)
    if path.suffix != ".keras" or not zipfile.is_zipfile(path):
        raise ModelError(f"{path} is not a .keras file, or is damaged")
    keras = import_keras("reading a .keras file")
    try:
        generator = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # a damaged file fails anywhere inside Keras
        reason = f"{error}".strip().split("\n")[0]
        raise ModelError(f"cannot load {path}: {reason}") from error
    check_generator(generator)
    return generator


def _generator_of_checkpoint(path):
    info, tensors = checkpoints.read(path)
    import_keras("reading a checkpoint")
    from srlite.models.generators import build_generator

    config = info["config"]
    # Written before there were grey pictures, a config has no channels.
    generator = build_generator(
        config["generator"], config["scale"], config.get("channels", 3)
    )
    part = {k: v for k, v in tensors.items() if k.startswith("ema_generator/")}
    checkpoints.assign(part, {"ema_generator": generator}, path)
    return generator
