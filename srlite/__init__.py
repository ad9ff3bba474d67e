"""srlite: train, measure, export and run one light x4 super-resolution model.

    from srlite import enhance_image

    sr = enhance_image("photo.jpg")

There is a wing for each thing that happens to the data, in this order. A module imports
only from its own wing and from those above it, as `tests/test_layering.py` checks:

- `pictures`: files to pixels, and back
- `data`: photographs to batches of LR and HR patches
- `config`: the options of a training
- `models`: generators, discriminators, the estimator; their files
- `figures`: pictures set side by side
- `metrics`: what is measured of pictures
- `runtime`: a model file to a function of pictures
- `enhance`: enlarging files, animations and videos
- `training`: photographs to trained networks
- `export`: trained networks to proven `.tflite` files
- `evaluation`: models measured, compared and reported
- `benchmark`: speed

`errors`, `files`, `memory` and `backend` serve all of them; `cli` calls their commands.
Inside, pictures are RGB, float32, [0, 1], channels last; at the edges uint8 or uint16.
Importing this package imports nothing else: each public name is imported at first use.
"""

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from srlite.config.presets import preset
    from srlite.enhance.inference import enhance_image
    from srlite.errors import SrliteError
    from srlite.evaluation.evaluation import evaluate
    from srlite.export.export import export_tflite
    from srlite.models.model_files import load_generator
    from srlite.runtime.upscaler import Upscaler
    from srlite.training.recipe import train

__version__ = "0.1.0"
__all__ = [
    "SrliteError",
    "Upscaler",
    "enhance_image",
    "evaluate",
    "export_tflite",
    "load_generator",
    "preset",
    "train",
]
_FACE = {
    "SrliteError": "errors",
    "Upscaler": "runtime.upscaler",
    "enhance_image": "enhance.inference",
    "evaluate": "evaluation.evaluation",
    "export_tflite": "export.export",
    "load_generator": "models.model_files",
    "preset": "config.presets",
    "train": "training.recipe",
}

if sys.argv[:1] == ["-m"] and "-m" in sys.orig_argv:
    # Of `python -m srlite.SOMETHING`, Python imports this package first. A module that
    # is no command would do nothing and say nothing.
    _called = sys.orig_argv[sys.orig_argv.index("-m") + 1]
    if _called.startswith("srlite."):
        sys.exit(
            f"error: {_called} is not a command; `python -m srlite --help` lists those "
            "there are"
        )


def __getattr__(name: str) -> Any:
    """Import what is first asked for."""
    if name not in _FACE:
        raise AttributeError(f"module 'srlite' has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(f"srlite.{_FACE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
