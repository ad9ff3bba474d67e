"""What an export reports about the ``.tflite`` it wrote, as text and as JSON."""

import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


@dataclasses.dataclass(frozen=True)
class EstimatorReport:
    """What was written for an estimator; a ``.tflite`` that was copied has no check."""

    path: Path
    file_bytes: int
    ops: dict[str, int]  # name -> count
    checked_sizes: tuple[tuple[int, int], ...] = ()  # (height, width) in LR pixels
    largest_difference: float | None = None  # over the ten numbers, each 0 to 1

    def __str__(self) -> str:
        """Lay the report out for the terminal."""
        lines = [
            f"{self.path}",
            f"  file size   {self.file_bytes:,} bytes",
            f"  ops         {_ops_text(self.ops)}",
        ]
        if self.largest_difference is not None:
            lines.append(
                f"  difference  largest {self.largest_difference:.2g}, of numbers from "
                f"0 to 1, photos at {_sizes_text(self.checked_sizes)}"
            )
        return "\n".join(lines)

    def to_json(self) -> str:
        """Return the report as JSON text."""
        return _json(self)


@dataclasses.dataclass(frozen=True)
class ExportReport:
    """What was written, and how far it is from the Keras model."""

    path: Path
    precision: str  # one of `checks.PRECISIONS`
    input_size: tuple[int, int] | None  # static (height, width) in LR pixels, or any
    file_bytes: int
    ops: dict[str, int]  # name -> count
    checked_sizes: tuple[tuple[int, int], ...]  # (height, width) in LR pixels
    largest_difference: float  # levels, over all pixels of all photos
    mean_difference: float  # levels, of the absolute difference
    # Kernel -> (dB of the model, dB of the file) on luma, where it was measured.
    psnr: dict[str, tuple[float, float]] | None = None
    psnr_photos: str | None = None  # the pictures behind it, in words
    degradation: str | dict | None = None  # the metadata field (`models.tflite`)
    estimator_bytes: int = 0  # of the file that goes with it

    @property
    def psnr_loss(self) -> float | None:
        """Largest loss over the kernels in dB, or None when it was not measured."""
        if self.psnr is None:
            return None
        return max(model - file for model, file in self.psnr.values())

    def __str__(self) -> str:
        """Lay the report out for the terminal."""
        size = _sizes_text([self.input_size]) if self.input_size else "any"
        together = ""
        if self.estimator_bytes:
            total = self.file_bytes + self.estimator_bytes
            together = f", and {self.estimator_bytes:,} of its estimator: {total:,}"
        lines = [
            f"{self.path}",
            f"  precision   {self.precision}",
            f"  input size  {size}",
            f"  file size   {self.file_bytes:,} bytes{together}",
        ]
        if self.degradation is not None:
            words = {"input": "a second input", "auto": "estimated in the file"}
            if isinstance(self.degradation, dict):
                text = f"built in: {self.degradation['words']}"
            else:
                text = words[self.degradation]
            lines.append(f"  degradation {text}")
        lines += [
            f"  ops         {_ops_text(self.ops)}",
            f"  difference  largest {self.largest_difference:.2g}, "
            f"mean {self.mean_difference:.2g} levels (1/255), "
            f"photos at {_sizes_text(self.checked_sizes)}",
        ]
        if self.psnr is not None:
            lines += [
                f"  PSNR        loses at most {self.psnr_loss:.3f} dB against the "
                f"model, on {self.psnr_photos}",
                *(
                    f"              {kernel:17}{model:.2f} dB, file {file:.2f} dB"
                    for kernel, (model, file) in self.psnr.items()
                ),
            ]
        return "\n".join(lines)

    def to_json(self) -> str:
        """Return the report as JSON text."""
        return _json(self, psnr_loss=self.psnr_loss)


def _json(report: Any, **more: Any) -> str:
    fields = dataclasses.asdict(report) | {"path": str(report.path), **more}
    return json.dumps(fields, indent=2)


def _ops_text(ops: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in ops.items())


def _sizes_text(sizes: Iterable[tuple[int, int]]) -> str:
    return ", ".join(f"{height}x{width}" for height, width in sizes)
