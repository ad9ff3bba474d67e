"""What an export says about a file that it wrote, as text and as JSON."""

import dataclasses
import json
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class ExportReport:
    """What was written, and how far it is from the Keras model.

    Attributes:
        path: the file.
        precision: "float32", "float16", "dynamic" or "int8".
        input_size: static (height, width) in LR pixels, or None for any size.
        file_bytes: size of the file in bytes.
        ops: op name -> count.
        checked_sizes: (height, width) in LR pixels of the photos it was compared on.
        largest_difference: in levels, over all pixels of all photos.
        mean_difference: in levels, mean of the absolute difference.
        psnr: kernel -> (dB of the model, dB of the file) on luma, or None when it was
            not measured.
        psnr_photos: what `psnr` was measured on, in words, or None.
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

    @property
    def psnr_loss(self):
        """Largest loss over the kernels in dB, or None when it was not measured."""
        if self.psnr is None:
            return None
        return max(model - file for model, file in self.psnr.values())

    def __str__(self):
        """Lay the report out for the terminal."""
        size = _size_text(self.input_size) if self.input_size else "any"
        ops = ", ".join(f"{count} {name}" for name, count in self.ops.items())
        checked = ", ".join(_size_text(size) for size in self.checked_sizes)
        lines = [
            f"{self.path}",
            f"  precision   {self.precision}",
            f"  input size  {size}",
            f"  file size   {self.file_bytes:,} bytes",
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

    def to_json(self):
        """Return the report as JSON text."""
        fields = dataclasses.asdict(self) | {"path": str(self.path)}
        return json.dumps(fields | {"psnr_loss": self.psnr_loss}, indent=2)


def _size_text(size):
    return f"{size[0]}x{size[1]}"
