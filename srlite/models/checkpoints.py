"""Checkpoints: all that a run needs to go on, in one safetensors file.

A checkpoint holds the variables of named parts (generator, EMA generator,
discriminator, their optimizers) under `part/path`, and in its header the stage, the
step, the resolved config and a SHA-256 over all of this. It contains no pickle and does
not depend on the backend. A file under its final name is whole. Damaged and foreign
files are refused, and values that are not finite are never written.

The newest checkpoints of a stage stay, and those at multiples of a number of steps.
`best-<stage>-<step>` has the highest score so far, which is in its header.

Where files must not be large, a checkpoint is a folder of `checkpoint_parts`.
"""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from srlite.backend import import_safetensors
from srlite.errors import CheckpointError, DamagedCheckpointError
from srlite.files import StrPath, remove_folder, replacing, replacing_folder, writing
from srlite.models import checkpoint_parts

Parts = Mapping[str, Any]  # of name to anything with Keras `variables`
Tensors = dict[str, np.ndarray]  # of `part/path`
FORMAT = "srlite-checkpoint-2"
_NAME = re.compile(r"(?P<stage>[a-z_]+)-(?P<step>\d{8})(\.safetensors)?")
_OPTIONAL = "loss_scale/"  # only float16 has it, and a run may change its precision


def _named_variables(parts: Parts) -> dict[str, Any]:
    """Map `part/path` to the Keras variable, for each part."""
    variables = {}
    for part, owner in parts.items():
        for variable in owner.variables:
            name = f"{part}/{variable.path}"
            if name in variables:
                raise ValueError(f"two variables are named {name}; name their layers")
            variables[name] = variable
    return variables


def values(parts: Parts) -> Tensors:
    """Copy the variables of `parts` to a dict of `part/path` to NumPy array."""
    import keras

    return {
        name: np.array(keras.ops.convert_to_numpy(variable))
        for name, variable in _named_variables(parts).items()
    }


def _digest(tensors: Tensors, metadata: dict) -> str:
    """Return the SHA-256 of everything in a checkpoint, except the SHA-256."""
    digest = hashlib.sha256()
    stated = {k: v for k, v in metadata.items() if k != "sha256"}
    digest.update(json.dumps(stated, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tensor.shape} ".encode())
        digest.update(np.ascontiguousarray(tensor).data)
    return digest.hexdigest()


def save(
    directory: StrPath,
    stage: str,
    step: int,
    parts: Parts,
    config: dict,
    keep: int = 3,
    store_every: int = 0,
    part_size: int | None = None,
) -> Path:
    """Write a checkpoint and delete the oldest of its stage beyond `keep`.

    Args:
        directory: folder, made if missing.
        stage: name of the stage.
        step: optimizer updates done in this stage.
        parts: dict of name to anything with Keras `variables`.
        config: dict that JSON can hold.
        keep: checkpoints of this stage that stay.
        store_every: steps; checkpoints at its multiples stay too. 0 for none.
        part_size: None for one file, else the most bytes of a file in a folder.

    Raises:
        CheckpointError: it cannot be written, or a value is not finite.
    """
    ending = ".safetensors" if part_size is None else ""
    path = Path(directory) / f"{stage}-{step:08d}{ending}"
    _write(path, stage, step, parts, config, part_size)
    for old_step, old in find(directory, stage):
        if old_step == step and old != path:
            _remove(old)  # as a folder what is now a file, or the reverse
    for old_step, old in find(directory, stage)[:-keep]:
        if not store_every or old_step % store_every:
            _remove(old)
    return path


def save_best(
    directory: StrPath,
    stage: str,
    step: int,
    parts: Parts,
    config: dict,
    score: float,
    by: str = "psnr",
) -> Path | None:
    """Write a checkpoint as `save`, in one file, if its score is the highest so far.

    Only scores of one measure, `by`, are compared. Returns None if nothing was written.
    Raises CheckpointError as `save`, and if the best so far is damaged.
    """
    found = Path(directory).glob(f"best-{stage}-*.safetensors")
    scores = {old: score for old in found for score, how in [_score(old)] if how == by}
    if not score > max(scores.values(), default=float("-inf")):
        return None
    path = Path(directory) / f"best-{stage}-{step:08d}.safetensors"
    _write(path, stage, step, parts, config, score=str(score), by=by)
    for old in scores:
        if old != path:
            old.unlink()
    return path


def _score(path: Path) -> tuple[float, str]:
    safetensors = import_safetensors()
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            return float(metadata["score"]), metadata["by"]
    except (safetensors.SafetensorError, OSError, KeyError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged: {error}; remove it") from None


def _write(
    path: Path,
    stage: str,
    step: int,
    parts: Parts,
    config: dict,
    part_size: int | None = None,
    **more: str,
) -> None:
    safetensors = import_safetensors()
    held = values(parts)
    for name, tensor in held.items():
        if not np.isfinite(tensor).all():
            raise CheckpointError(
                f"{path} is not written, as {name} holds a value that is not finite"
            )
    metadata = {
        "format": FORMAT,
        "stage": stage,
        "step": str(step),
        "config": json.dumps(config),
        **more,
    }
    metadata["sha256"] = _digest(held, metadata)
    with writing(path, CheckpointError, (OSError, safetensors.SafetensorError)):
        path.parent.mkdir(parents=True, exist_ok=True)
        if part_size is None:
            with replacing(path) as temporary:
                safetensors.numpy.save_file(held, temporary, metadata)
        else:
            with replacing_folder(path) as temporary:
                checkpoint_parts.write(temporary, held, metadata, part_size)


def _remove(path: Path) -> None:
    if path.is_dir():
        remove_folder(path)
    else:
        path.unlink()


def find(directory: StrPath, stage: str) -> list[tuple[int, Path]]:
    """List a stage's checkpoints: (step, path), oldest first."""
    found: list[tuple[int, Path]] = []
    if not os.path.isdir(directory):
        return found
    for path in Path(directory).glob(f"{stage}-*"):
        match = _NAME.fullmatch(path.name)
        if match and match["stage"] == stage:
            found.append((int(match["step"]), path))
    return sorted(found)


def remove_after(directory: StrPath, stage: str, step: int) -> None:
    """Remove a stage's checkpoints of more than `step` updates."""
    for other, path in find(directory, stage):
        if other > step:
            _remove(path)


def read(path: StrPath) -> tuple[dict, Tensors]:
    """Read a checkpoint and make sure that it is whole.

    Returns:
        (info, tensors): dict of `stage` (str), `step` (int) and `config` (dict); dict
        of `part/path` to NumPy array.

    Raises:
        DamagedCheckpointError: the file is damaged or foreign.
        CheckpointError: there is no such file.
        BackendError: safetensors is not installed.
    """
    SafetensorError = import_safetensors().SafetensorError
    path = Path(path)
    try:
        metadata, tensors = _read(path)
        if metadata.get("format") != FORMAT:
            raise DamagedCheckpointError(f"{path} is not a checkpoint of srlite")
        if _digest(tensors, metadata) != metadata["sha256"]:
            raise ValueError("its content does not match its SHA-256")
        info = {
            "stage": metadata["stage"],
            "step": int(metadata["step"]),
            "config": json.loads(metadata["config"]),
        }
    except FileNotFoundError:
        raise CheckpointError(f"no such checkpoint: {path}") from None
    except KeyError as error:
        raise DamagedCheckpointError(f"{path} is damaged: no {error} in it") from None
    except (SafetensorError, OSError, ValueError, TypeError, AttributeError) as error:
        raise DamagedCheckpointError(f"{path} is damaged: {error}") from None
    name = _NAME.fullmatch(path.name)
    if name and (name["stage"], int(name["step"])) != (info["stage"], info["step"]):
        raise DamagedCheckpointError(
            f"{path} is of step {info['step']} of stage {info['stage']}, "
            "which is not what its name says"
        )
    return info, tensors


def _read(path: Path) -> tuple[dict, Tensors]:
    if path.is_dir():
        return checkpoint_parts.read(path)
    with import_safetensors().safe_open(path, framework="numpy") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}
        return file.metadata() or {}, tensors


def load(path: StrPath, parts: Parts) -> dict:
    """Read a checkpoint, `assign` it to `parts`, and return the `info` of `read`."""
    info, tensors = read(path)
    assign(tensors, parts, path)
    return info


def assign(tensors: Tensors, parts: Parts, path: StrPath) -> None:
    """Set the variables of `parts` to tensors read from `path`, all or none.

    Raises CheckpointError if names or shapes do not match.
    """
    variables = _named_variables(parts)
    common = [name for name in variables if name in tensors]
    names = variables.keys() ^ tensors.keys()
    odd = sorted(name for name in names if not name.startswith(_OPTIONAL)) or [
        name for name in common if variables[name].shape != tensors[name].shape
    ]
    if odd:
        raise CheckpointError(
            f"{path} is of another model: {odd[0]} does not match "
            f"({len(odd)} differences)"
        )
    for name in common:
        variables[name].assign(tensors[name])
