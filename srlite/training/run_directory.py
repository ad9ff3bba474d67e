"""The run directory: what a training run writes, and goes on from.

docs/training.md lists what is in it. With several workers only the chief uses it; the
others have a `ChiefsRunDirectory`.
"""

import contextlib
import functools
import os
import shutil
from pathlib import Path

from srlite.config import record
from srlite.errors import (
    CheckpointError,
    ConfigError,
    DamagedCheckpointError,
    ModelError,
)
from srlite.files import locked, remove_leftovers, replacing, writing
from srlite.models import checkpoints
from srlite.models.model_files import CHECKPOINTS, RESULTS
from srlite.training.logs import NoLogger, RunLogger
from srlite.training.stages import find_trained_estimator

STAGES = tuple(RESULTS)


class RunDirectory:
    """One run's folder; `stage` is one of `STAGES`, `say` prints a sentence."""

    def __init__(self, path):
        """Name the folder `path`, which need not exist; ConfigError if it is empty."""
        if not os.fspath(path):
            raise ConfigError("the path of the run directory is empty")
        self.path = Path(path)

    @property
    def checkpoints(self):
        """The folder of the checkpoints."""
        return self.path / CHECKPOINTS

    @property
    def pack(self):
        """Path of the pack for photographs that do not fit in memory."""
        return self.path / "data.pack"

    def logger(self, wandb_project):
        """Open the logs."""
        return RunLogger(self.path, wandb_project)

    def result(self, stage):
        """Return the path of a stage's final network."""
        return self.path / RESULTS[stage]

    def make(self):
        """Make the folder if it is missing, or raise ConfigError."""
        with writing(self.path, ConfigError):
            self.path.mkdir(parents=True, exist_ok=True)

    def remove_leftovers(self):
        """Remove what a killed run left half-written."""
        for folder in (self.path, self.checkpoints):
            remove_leftovers(folder)

    def locked(self):
        """Keep other trainings out of the folder while a block runs."""
        return locked(self.path, "another training runs in")

    @property
    def _begun(self):
        """Whether a stage has left something."""
        return any(
            os.path.exists(self.result(stage))
            or checkpoints.find(self.checkpoints, stage)
            for stage in STAGES
        )

    @property
    def _record(self):
        """Content of `config.json`; {} before the first step."""
        return record.read_record(self.path / "config.json") if self._begun else {}

    def write_config(self, config, inputs, kept=()):
        """Write the resolved `Config` and inputs; see `record.write_record`."""
        record.write_record(self.path / "config.json", config, inputs, kept)

    def compare(self, config):
        """Raise ConfigError for a `Config` other than the one the run began with."""
        if odd := record.changed_options(self._record, config):
            raise ConfigError(
                f"{self.path} was begun with other options ({record.told(odd)}); "
                "add --override to go on with the new ones"
            )

    def note_inputs(self, inputs, say):
        """Print how the inputs differ from the first ones of the run."""
        if odd := record.changed_inputs(self._record, inputs):
            say(f"note: {self.path} was begun with other inputs: {record.told(odd)}")

    def reopen(self, config, stages, say):
        """Reopen complete stages that get more steps; return those that stay complete.

        Raises ConfigError if there is no checkpoint for a stage to go on from.
        """
        odd = record.changed_options(self._record, config)
        complete = [stage for stage in stages if self.result(stage).exists()]
        for stage in [*complete]:
            own = {n: pair for n, pair in odd.items() if n.startswith(f"{stage}.")}
            former, steps = own.get(f"{stage}.steps", (0, 0))
            if steps > former:
                found = checkpoints.find(self.checkpoints, stage)
                if not found:
                    raise ConfigError(
                        f"stage {stage} is complete after {former} steps, and no "
                        f"checkpoint is left for it to go on to {steps}; begin another "
                        "run with --init-from"
                    )
                result = self.result(stage)
                aside = result.with_stem(f"{result.stem}-{found[-1][0]:08d}")
                result.rename(aside)
                complete.remove(stage)
                say(f"stage {stage} goes on; what it ended with stays as {aside.name}")
            elif own:
                say(f"stage {stage} is complete: {record.told(own)} changes nothing")
        return complete

    def write_result(self, stage, network):
        """Write the network that a stage ends with, or raise CheckpointError."""
        path = self.result(stage)
        # A full disk fails anywhere inside Keras.
        with writing(path, CheckpointError, Exception), replacing(path) as temporary:
            network.save(temporary)

    def find_estimator(self, init_from=None):
        """Return the path of the run's estimator; raise ModelError without one.

        If the run has not begun, it is that of the model `init_from`.
        """
        if init_from is not None and not self._begun:
            return find_trained_estimator(init_from)
        return self._existing("estimator", "a conditional generator is trained with")

    def copy_estimator(self, init_from, say):
        """Copy the estimator that `find_estimator` finds into the run."""
        path, own = self.find_estimator(init_from), self.result("estimator")
        if path != own:
            with writing(own, ModelError), replacing(own) as temporary:
                shutil.copyfile(path, temporary)
            say(f"{own} is a copy of {path}")

    def start(self, stage, init_from, say):
        """Return the model whose weights a stage begins with, `init_from` if given.

        It is None for a checkpoint or random weights. Raises ModelError if the gan
        stage has nothing to begin with.
        """
        if checkpoints.find(self.checkpoints, stage):
            if init_from is not None:
                say(
                    f"{self.path} has checkpoints of its own for stage {stage}; "
                    f"{init_from} is left aside"
                )
            return None
        if init_from is not None or stage != "gan":
            return init_from
        return self._existing("pretrain", "the gan stage starts from")

    def _existing(self, stage, use):
        """Return the path of a stage's result; an error message begins with `use`."""
        path = self.result(stage)
        if not path.exists():
            raise ModelError(
                f"{use} {path}, which does not exist; run the {stage} stage first "
                f"(--stages {stage} ...)"
            )
        return path

    def resume(self, stage, parts, say, skip_damaged=False):
        """Load a stage's newest checkpoint into `parts`; return the updates done, or 0.

        With `skip_damaged` it loads the newest whole one, and renames damaged ones to
        begin with `damaged-`, which takes them out of the run. Raises CheckpointError
        for a checkpoint of another model or a damaged one, or if none is whole.
        """
        found = checkpoints.find(self.checkpoints, stage)
        damaged = []
        for step, path in reversed(found):
            try:
                checkpoints.load(path, parts)
            except DamagedCheckpointError as error:
                damaged.append(path)
                if len(damaged) == len(found):
                    raise CheckpointError(
                        f"{error}; no other one of stage {stage} is whole: remove "
                        f"{', '.join(p.name for p in damaged)} to begin the stage anew"
                    ) from None
                if not skip_damaged:
                    raise CheckpointError(
                        f"{error}; --skip-damaged goes on from the one before it"
                    ) from None
                continue
            for other in damaged:
                aside = other.with_name(f"damaged-{other.name}")
                while aside.exists():
                    aside = aside.with_name(f"damaged-{aside.name}")
                other.rename(aside)
                say(f"{other} is damaged and left aside as {aside.name}")
            say(f"going on from step {step} of stage {stage}")
            return step
        return 0

    def saver(self, stage, parts, config, part_size):
        """Return a function of the updates done that saves a checkpoint.

        `part_size`, in MiB, is None for checkpoints of one file.
        """
        return functools.partial(
            checkpoints.save,
            self.checkpoints,
            stage,
            parts=parts,
            config=config.to_dict(),
            keep=config.log.keep_checkpoints,
            store_every=config.log.store_every,
            part_size=part_size and part_size * 2**20,
        )

    def best_keeper(self, stage, parts, config):
        """Return a function of (updates done, scores) that keeps the best checkpoint.

        The best one has the highest `trained_score`.
        """

        def keep_best(step, scores):
            if "psnr" in scores and step >= config.log.best_after:
                from srlite.training.validation import trained_score

                checkpoints.save_best(
                    *(self.checkpoints, stage, step, parts, config.to_dict()),
                    *trained_score(config, scores),
                )

        return keep_best


class ChiefsRunDirectory(RunDirectory):
    """The run directory of a worker that is not the chief: never read, never written.

    The chief sends what it finds. Only a pack is the worker's own.
    """

    def __init__(self, path, worker):
        """Name the chief's folder `path` and the number of this worker."""
        super().__init__(path)
        self._worker = worker

    @property
    def pack(self):
        """Path of this worker's pack."""
        return self.path / f"data-{self._worker}.pack"

    def logger(self, wandb_project):
        """Return a logger that writes nothing."""
        return NoLogger()

    def _nothing(self, *_, **__):
        """Do nothing."""

    make = write_config = compare = write_result = _nothing
    remove_leftovers = note_inputs = start = _nothing
    find_estimator = copy_estimator = _nothing
    locked = contextlib.nullcontext

    def reopen(self, config, stages, say):
        """Return no stage: the chief decides."""
        return []

    def resume(self, stage, parts, say, skip_damaged=False):
        """Return 0: the chief sends its step."""
        return 0

    def saver(self, *_):
        """Return a function that does nothing."""
        return self._nothing

    best_keeper = saver
