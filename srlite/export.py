"""From a generator to a proven ``.tflite`` file: `export_tflite`, and its command.

The file's input is `lr`, its output `sr`: float32, RGB, [0, 1], channels last; `sr`
is clipped in the graph. Precisions: "float32", and "float16", whose weights alone are
float16. Any height and width by default, for CPUs; `input_size` makes a static
(1, H, W, 3), which GPUs, NPUs and browsers ask for.

A file is handed over only when it has passed the checks of `tflite_checks`: size,
ops, difference from the Keras model on a real photo. It grows under a temporary name
beside its target, so a failure leaves nothing and harms nothing. Converting needs
Keras on TensorFlow; both are imported inside the functions that use them.
"""

import argparse
import dataclasses
import json
from pathlib import Path

import numpy as np

from srlite.backend import import_keras, silence
from srlite.errors import ExportError
from srlite.files import replacing
from srlite.images import read_rgb
from srlite.loading import check_generator, load_generator
from srlite.tflite_checks import (
    CHECK_SIZES,
    MAX_BYTES,
    MAX_DIFFERENCE,
    check_difference,
    check_ops,
    check_size,
)

SAMPLE_PHOTO = Path(__file__).parent / "samples" / "astronaut_lr.png"


@dataclasses.dataclass(frozen=True)
class ExportReport:
    """What was written, and how far it is from the Keras model.

    Attributes:
        path: the file.
        precision: "float32" or "float16".
        input_size: static (height, width) in LR pixels, or None for any size.
        file_bytes: size of the file in bytes.
        ops: op name -> count.
        checked_sizes: (height, width) in LR pixels of the photos it was compared on.
        largest_difference: in levels, over all pixels of all photos.
        mean_difference: in levels, mean of the absolute difference.
    """

    path: Path
    precision: str
    input_size: tuple[int, int] | None
    file_bytes: int
    ops: dict[str, int]
    checked_sizes: tuple[tuple[int, int], ...]
    largest_difference: float
    mean_difference: float

    def __str__(self):
        """Lay the report out for the terminal."""
        size = _size_text(self.input_size) if self.input_size else "any"
        ops = ", ".join(f"{count} {name}" for name, count in self.ops.items())
        checked = ", ".join(_size_text(size) for size in self.checked_sizes)
        return "\n".join(
            [
                f"{self.path}",
                f"  precision   {self.precision}",
                f"  input size  {size}",
                f"  file size   {self.file_bytes:,} bytes",
                f"  ops         {ops}",
                f"  difference  largest {self.largest_difference:.2g}, "
                f"mean {self.mean_difference:.2g} levels (1/255), photo at {checked}",
            ]
        )

    def to_json(self):
        """Return the report as JSON text."""
        fields = dataclasses.asdict(self) | {"path": str(self.path)}
        return json.dumps(fields, indent=2)


def export_tflite(
    generator,
    path,
    input_size=None,
    precision="float32",
    max_bytes=MAX_BYTES,
    photos=None,
):
    """Convert a generator to a ``.tflite`` file and prove it.

    Args:
        generator: `keras.Model`, (batch, H, W, channels) -> (batch, scale*H, scale*W,
            channels), float32, [0, 1], of any height and width.
        path: the file to write, ending in ``.tflite``; replaced if it exists.
        input_size: (height, width) in LR pixels of a static input; None for any size.
        precision: "float32" or "float16" (weights).
        max_bytes: size budget in bytes.
        photos: what to compare on, paths or uint8 arrays (height, width, 3); cropped
            or mirrored to the sizes compared. By default the bundled photo.

    Returns:
        `ExportReport`.

    Raises:
        ExportError: an impossible argument; the model cannot be converted; the file
            is over budget, has an op outside the list or differs from the model
            by more than allowed; it cannot be written. Nothing is left then.
        BackendError: Keras on TensorFlow is not there.
        ModelError: `generator` is not of the shape above.
        ImageError: a photo cannot be read.
    """
    path = Path(path)
    _check_arguments(path, input_size, precision)
    keras = import_keras("export", backends=("tensorflow",))
    check_generator(generator)
    sizes = (tuple(input_size),) if input_size else CHECK_SIZES
    photos = [
        photo if isinstance(photo, np.ndarray) else read_rgb(photo)
        for photo in photos or [SAMPLE_PHOTO]
    ]
    try:
        with replacing(path) as draft:
            _convert(keras, generator, draft, input_size, precision)
            content = draft.read_bytes()
            check_size(content, max_bytes)
            ops = check_ops(content, precision)
            largest, mean = check_difference(
                content, generator, precision, photos, sizes
            )
    except OSError as error:
        raise ExportError(f"cannot write {path}: {error.strerror or error}") from error
    return ExportReport(
        path=path,
        precision=precision,
        input_size=tuple(input_size) if input_size else None,
        file_bytes=len(content),
        ops=ops,
        checked_sizes=sizes,
        largest_difference=largest,
        mean_difference=mean,
    )


def _check_arguments(path, input_size, precision):
    if precision not in MAX_DIFFERENCE:
        choices = ", ".join(MAX_DIFFERENCE)
        raise ExportError(f"precision must be one of {choices}; received {precision!r}")
    if input_size is not None and (len(input_size) != 2 or min(input_size) < 1):
        raise ExportError(
            "input_size must be (height, width) in LR pixels, at least 1 each; "
            f"received {input_size}"
        )
    if path.suffix != ".tflite":
        raise ExportError(f"the output must end in .tflite; received {path}")
    if path.is_dir():
        raise ExportError(f"cannot write {path}: it is a folder")


def _convert(keras, generator, draft, input_size, precision):
    """Write `generator`, clipped to [0, 1], to the file `draft`."""
    import tensorflow as tf

    channels = generator.input_shape[-1]
    shape = (1, *input_size, channels) if input_size else (None, None, None, channels)
    lr = keras.Input(batch_shape=shape, name="lr")
    sr = keras.ops.clip(generator(lr), 0.0, 1.0)
    options = {"target_spec": {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]}}
    if precision == "float16":
        options["target_spec"]["supported_types"] = [tf.float16]
        options["optimizations"] = [tf.lite.Optimize.DEFAULT]
    try:
        keras.Model(lr, {"sr": sr}).export(
            str(draft),
            format="litert",
            verbose=False,
            # Without a signature Keras makes the batch of a static input unknown.
            input_signature=[keras.InputSpec(shape=shape, dtype="float32", name="lr")],
            **options,
        )
    except OSError:
        raise
    except Exception as error:  # whatever Keras and the converter choose to raise
        reason = f"{error}".strip().split("\n")[0]
        raise ExportError(f"the model cannot be converted: {reason}") from error


def _size_text(size):
    return f"{size[0]}x{size[1]}"


def main(argv=None):
    """Run the command.

    Args:
        argv: arguments; those of the process by default.

    Returns:
        Exit status 0.

    Raises:
        SrliteError: as `load_generator` and `export_tflite`.
    """
    parser = argparse.ArgumentParser(
        description="Convert a trained generator to a .tflite file, and prove that "
        "LiteRT computes with it what Keras computes with the model.",
    )
    parser.add_argument(
        "--model", required=True, help=".keras file, checkpoint or run directory"
    )
    parser.add_argument("--output", required=True, help=".tflite file to write")
    parser.add_argument(
        "--precision",
        choices=list(MAX_DIFFERENCE),
        default="float32",
        help="of the weights (default: float32)",
    )
    parser.add_argument(
        "--input-size",
        nargs=2,
        type=int,
        metavar=("H", "W"),
        help="static input of this height and width in LR pixels (default: any size)",
    )
    args = parser.parse_args(argv)
    import_keras("export", backends=("tensorflow",))
    with silence():
        report = export_tflite(
            load_generator(args.model),
            args.output,
            input_size=args.input_size,
            precision=args.precision,
        )
    print(report)
    return 0
