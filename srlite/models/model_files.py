"""The models that come with srlite, and how a model is named.

Everywhere, `model` is the path of a `.tflite` file, a `.keras` file, a checkpoint or a
run directory, or the name of a shipped model.
"""

import os
from pathlib import Path

from srlite.errors import ModelError

DEFAULT_MODEL = "light"
# The two ends of `strength`.
FAITHFUL_MODEL = "light_psnr"
SHARP_MODEL = "light"
WEIGHTS_DIR = Path(__file__).parent / "weights"


def shipped_models() -> list[str]:
    """List the names of the models that come with srlite."""
    return sorted(path.stem for path in WEIGHTS_DIR.glob("*.tflite"))


def shipped_model_path(name: str) -> Path:
    """Find the `.tflite` file of a shipped model.

    Raises:
        ModelError: no model of this name is shipped.
    """
    if name not in shipped_models():
        known = ", ".join(shipped_models()) or "none"
        raise ModelError(
            f"unknown model {name!r}; give a .tflite or .keras file or the name of a "
            f"shipped model: {known}"
        )
    return WEIGHTS_DIR / f"{name}.tflite"


def find_model(model: str | os.PathLike) -> Path:
    """Find the file of a model.

    Args:
        model: path of a `.tflite` file, a `.keras` file, a checkpoint or a run
            directory, or the name of a shipped model.

    Raises:
        ModelError: the file is missing, or the name is unknown.
    """
    path = Path(model)
    if path.is_dir():
        return path
    if path.suffix not in (".tflite", ".keras", ".safetensors"):
        return shipped_model_path(str(model))
    if not path.is_file():
        raise ModelError(f"there is no model file {path}; check its path")
    return path
