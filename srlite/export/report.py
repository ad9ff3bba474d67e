"""What is told of a ``.tflite`` that was written: on the terminal, and as JSON."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

from srlite.export.estimator import ops_text, sizes_text


@dataclasses.dataclass(frozen=True)
class ExportReport:
    """What was written, and how far it is from the Keras model.

    Attributes:
        path: the file.
        precision: one of `checks.PRECISIONS`.
        input_size: static (height, width) in LR pixels, or None for any size.
        file_bytes: size of the file in bytes.
        ops: op name -> count.
        checked_sizes: (height, width) in LR pixels of the photos it was compared on.
        largest_difference: in levels, over all pixels of all photos.
        mean_difference: in levels, mean of the absolute difference.
        psnr: kernel -> (dB of the model, dB of the file) on luma, or None when it was
            not measured.
        psnr_photos: what `psnr` was measured on, in words, or None.
        degradation: how the file is told how a picture was made, as its metadata says
            it (`models.tflite`).
        estimator_bytes: size of the estimator's file that goes with it, or 0.
    """

    path: Path
    precision: str
    input_size: tuple[int, int] | None
    file_bytes: int
    ops: dict[str, int]
    checked_sizes: tuple[tuple[int, int], ...]
    largest_difference: float
    mean_difference: float
    psnr: dict[str, tuple[float, float]] | None = None
    psnr_photos: str | None = None
    degradation: str | dict | None = None
    estimator_bytes: int = 0

    @property
    def psnr_loss(self) -> float | None:
        """Largest loss over the kernels in dB, or None when it was not measured."""
        if self.psnr is None:
            return None
        return max(model - file for model, file in self.psnr.values())

    def __str__(self) -> str:
        """Lay the report out for the terminal."""
        size = sizes_text([self.input_size]) if self.input_size else "any"
        ops, checked = ops_text(self.ops), sizes_text(self.checked_sizes)
        lines = [
            f"{self.path}",
            f"  precision   {self.precision}",
            f"  input size  {size}",
            f"  file size   {self.file_bytes:,} bytes{self._together()}",
            *self._told(),
            f"  ops         {ops}",
            f"  difference  largest {self.largest_difference:.2g}, "
            f"mean {self.mean_difference:.2g} levels (1/255), photos at {checked}",
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

    def _together(self) -> str:
        if not self.estimator_bytes:
            return ""
        total = self.file_bytes + self.estimator_bytes
        return f", and {self.estimator_bytes:,} of its estimator: {total:,}"

    def _told(self) -> Iterator[str]:
        """Yield the line that says how the file is told, if it is."""
        if self.degradation is None:
            return
        words = {"input": "a second input", "auto": "estimated in the file"}
        if isinstance(self.degradation, dict):
            text = f"built in: {self.degradation['words']}"
        else:
            text = words[self.degradation]
        yield f"  degradation {text}"

    def to_json(self) -> str:
        """Return the report as JSON text."""
        fields = dataclasses.asdict(self) | {"path": str(self.path)}
        return json.dumps(fields | {"psnr_loss": self.psnr_loss}, indent=2)
