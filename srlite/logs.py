"""What a run tells: a progress bar, `metrics.jsonl`, TensorBoard.

`metrics.jsonl` holds one JSON object per line with `stage`, `step` and scalars; losses
are means over the steps since the line before. TensorBoard files are written by
tensorboardX, which needs neither TensorFlow nor torch; tags are `stage/name`. Without
tensorboardX they are left out.
"""

import json
import sys
from pathlib import Path

from tqdm import tqdm

from srlite.files import replacing


class RunLogger:
    """Writes the logs of a run directory; a context manager."""

    def __init__(self, run_dir):
        """Open the logs in `run_dir`, a path."""
        self._path = Path(run_dir) / "metrics.jsonl"
        self._bar = None
        try:
            from tensorboardX import SummaryWriter
        except ImportError as error:
            self._writer = None
            self.say(f"no TensorBoard logs ({error}): pip install tensorboardX")
        else:
            self._writer = SummaryWriter(str(Path(run_dir) / "logs"))

    def __enter__(self):
        """Return the logger itself."""
        return self

    def __exit__(self, *_):
        """Close bar and files."""
        if self._bar is not None:
            self._bar.close()
        if self._writer is not None:
            self._writer.close()

    def start(self, stage, first_step, last_step):
        """Begin a stage: forget lines after `first_step`, draw the bar.

        A run that was killed after its last checkpoint repeats the steps since; their
        lines are dropped, so that the file holds each step once.
        """
        if self._path.exists():
            lines = self._path.read_text().splitlines(keepends=True)
            kept = [line for line in lines if not _is_repeated(line, stage, first_step)]
            if kept != lines:
                with replacing(self._path) as temporary:
                    temporary.write_text("".join(kept))
        if self._bar is not None:
            self._bar.close()
        self._bar = tqdm(
            total=last_step,
            initial=first_step,
            desc=stage,
            unit="step",
            dynamic_ncols=True,
            mininterval=0.5 if sys.stderr.isatty() else 30.0,
        )

    def advance(self, values=None, steps=1):
        """Move the bar by some steps; show `values`, a dict of floats, if given."""
        if values:
            text = {name: f"{value:.4g}" for name, value in values.items()}
            self._bar.set_postfix(text, refresh=False)
        self._bar.update(steps)

    def scalars(self, stage, step, values):
        """Write a dict of floats for a step."""
        line = json.dumps({"stage": stage, "step": step, **values})
        with open(self._path, "a") as file:
            file.write(line + "\n")
        for name, value in values.items() if self._writer else ():
            self._writer.add_scalar(f"{stage}/{name}", value, step)

    def images(self, stage, step, pictures):
        """Write a dict of uint8 pictures (height, width, 3) for a step."""
        for name, picture in pictures.items() if self._writer else ():
            self._writer.add_image(f"{stage}/{name}", picture, step, dataformats="HWC")

    def say(self, text):
        """Print a line above the bar."""
        tqdm.write(text, file=sys.stderr)


def _is_repeated(line, stage, first_step):
    try:
        row = json.loads(line)
    except json.JSONDecodeError:
        return True  # cut off by a kill
    return row["stage"] == stage and row["step"] > first_step
