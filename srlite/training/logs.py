"""The logs of a run: a progress bar, `metrics.jsonl`, TensorBoard, Weights & Biases.

`metrics.jsonl` holds one JSON object per line with `stage`, `step` and scalars (null
where one is not finite); losses are means over the steps since the line before.
tensorboardX, which needs neither TensorFlow nor torch, writes TensorBoard files; each
stage has a folder, tags are `stage/name`. Weights & Biases gets the scalars on demand;
`WANDB_MODE=offline` keeps everything on this machine and needs no account.

The training loop itself writes everything: a full disk ends the training, and no thread
can hang.

A run that was killed repeats the steps since its last checkpoint. `metrics.jsonl` then
loses their former lines, TensorBoard hides their former points, and Weights & Biases
shows them twice.
"""

import contextlib
import hashlib
import json
import math
import os
import sys
import time
from pathlib import Path

import numpy as np
from tqdm import tqdm

from srlite.errors import BackendError, CheckpointError, ForgivingStream, one_line
from srlite.files import replacing
from srlite.models.model_files import RESULTS

# Only one, because tqdm clears the bar of its stream. The terminal may be closed.
_TERMINAL = ForgivingStream(lambda: sys.stderr)


class RunLogger(contextlib.AbstractContextManager):
    """Writes the logs of a run directory; a context manager."""

    def __init__(self, run_dir, wandb_project=None):
        """Open the logs of a folder, and a Weights & Biases project if one is named.

        Raises BackendError if Weights & Biases is not installed, or refuses to start.
        """
        self._wandb = wandb_project and _wandb_run(Path(run_dir), wandb_project)
        self._path = Path(run_dir) / "metrics.jsonl"
        self._bar = None
        self._folder = Path(run_dir) / "logs"  # None without tensorboardX
        self._writers = {}
        try:
            import tensorboardX  # noqa: F401
        except ImportError as error:
            self._folder = None
            self.say(f"no TensorBoard logs ({error}): pip install tensorboardX")

    def __exit__(self, *_):
        """Close bar and files."""
        if self._bar is not None:
            self._bar.close()
        for writer in self._writers.values():
            with contextlib.suppress(OSError):  # a full disk, reported before
                writer.close()
        if self._wandb:
            self._wandb.finish()

    def start(self, stage, first_step, last_step):
        """Begin a stage: remove what was logged after `first_step`, draw the bar."""
        if self._path.exists():
            former = self._path.read_text(errors="replace")
            lines = former.split("\n")[:-1]  # a kill may have cut the last
            kept = [line for line in lines if not _is_repeated(line, stage, first_step)]
            text = "".join(f"{line}\n" for line in kept)
            if text != former:
                with replacing(self._path) as temporary:
                    temporary.write_text(text)
        if self._folder:
            self._writers[stage] = _Events(self._folder / stage, first_step + 1)
        if self._bar is not None:
            self._bar.close()
        self._bar = tqdm(
            total=last_step,
            initial=first_step,
            desc=stage,
            unit="step",
            file=_TERMINAL,
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
        """Write a dict of floats for a step of a stage that has begun."""
        known = {k: v if math.isfinite(v) else None for k, v in values.items()}
        line = json.dumps({"stage": stage, "step": step, **known}, allow_nan=False)
        _append_line(self._path, line)
        tagged = {f"{stage}/{name}": value for name, value in values.items()}
        if writer := self._writers.get(stage):
            writer.scalars(step, tagged)
        if self._wandb:
            self._wandb.log({f"{stage}/step": step, **tagged})

    def images(self, stage, step, pictures):
        """Write a dict of uint8 pictures (height, width, 3) for a step of a stage."""
        if writer := self._writers.get(stage):
            writer.images(step, {f"{stage}/{k}": v for k, v in pictures.items()})

    def say(self, text):
        """Print a line above the bar."""
        tqdm.write(one_line(text), file=_TERMINAL)


def _append_line(path, line):
    """Add a line to a file; a full disk leaves it as it was."""
    before = path.stat().st_size if path.exists() else 0
    try:
        with open(path, "a") as file:
            file.write(line + "\n")
    except OSError:
        with contextlib.suppress(OSError):
            os.truncate(path, before)
        raise


class _Events:
    """A TensorBoard file, written by the caller.

    tensorboardX's own `SummaryWriter` has a thread. On a full disk the thread dies, and
    the training waits for it forever.
    """

    def __init__(self, folder, first_step):
        """Begin a file, which hides the points of earlier files from a step on."""
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.proto import event_pb2

        self._event = event_pb2.Event
        folder.mkdir(parents=True, exist_ok=True)
        self._writer = EventsWriter(str(folder / "events"))
        start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
        self._write(first_step, session_log=start)

    def scalars(self, step, values):
        from tensorboardX.summary import scalar

        for tag, value in values.items():
            self._write(step, summary=scalar(tag, value))
        self._writer.flush()

    def images(self, step, pictures):
        from tensorboardX.summary import image

        for tag, picture in pictures.items():
            self._write(step, summary=image(tag, picture, dataformats="HWC"))
        self._writer.flush()

    def close(self):
        self._writer.close()

    def _write(self, step, **content):
        event = self._event(wall_time=time.time(), step=step, **content)
        self._writer.write_event(event)


class NoLogger(contextlib.ExitStack):
    """A logger like `RunLogger` that logs nothing."""

    def say(self, *_, **__):
        """Do nothing."""

    start = advance = scalars = images = say


def _wandb_run(run_dir, project):
    """Begin or continue the run of a folder."""
    try:
        import wandb
    except ImportError:
        raise BackendError(
            "logging to Weights & Biases needs its package: pip install 'srlite[wandb]'"
        ) from None
    # The folder's identity, so that a resumed run continues its own curves.
    identity = hashlib.sha256(str(run_dir.resolve()).encode()).hexdigest()[:16]
    try:
        run = wandb.init(
            project=project,
            name=run_dir.resolve().name,
            id=identity,
            resume="allow",
            dir=run_dir,
            settings=wandb.Settings(console="off", silent=True),
        )
    except wandb.errors.Error as error:
        raise BackendError(
            f"Weights & Biases does not start ({error}); WANDB_MODE=offline needs no "
            "account"
        ) from None
    for stage in RESULTS:
        run.define_metric(f"{stage}/*", step_metric=f"{stage}/step")
    return run


def _is_repeated(line, stage, first_step):
    try:
        row = json.loads(line)
        return row["stage"] == stage and row["step"] > first_step
    except (ValueError, TypeError, KeyError):
        return True  # cut off by a kill


def read_metrics(path):
    """Read the complete rows of a `metrics.jsonl`.

    Returns dict of stage to dict of name to (steps, values), two float64 arrays in the
    order of the steps. Stages and names are in the order of the file. Raises
    CheckpointError if there is no such file, or a line is damaged.
    """
    try:
        lines = Path(path).read_text().split("\n")[:-1]
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f"cannot read {path}: {error}") from None
    stages = {}
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
            step, stage = float(row.pop("step")), row.pop("stage")
            values = {k: float(v) for k, v in row.items() if v is not None}
            if not (math.isfinite(step) and isinstance(stage, str)):
                raise ValueError
        except (ValueError, KeyError, TypeError, AttributeError):
            raise CheckpointError(
                f"line {number} of {path} is damaged: expected a JSON object with "
                f"stage, step and numbers, received {line[:40]!r}; remove the line"
            ) from None
        for name, value in values.items():
            stages.setdefault(stage, {}).setdefault(name, []).append((step, value))
    return {
        stage: {name: tuple(np.array(sorted(p)).T) for name, p in curves.items()}
        for stage, curves in stages.items()
    }
