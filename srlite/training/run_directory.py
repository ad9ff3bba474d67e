"""The run directory: what a training run writes, and goes on from.

`config.json` (resolved), `checkpoints/`, `metrics.jsonl`, `logs/` (TensorBoard),
`pretrain.keras` and `generator.keras` (the EMA generators that the stages end with),
and `data.pack` when the photographs do not fit in memory. Where several workers train,
the chief alone has it; to the others it is a `ChiefsRunDirectory`.
"""

import json
from pathlib import Path

from srlite.models import checkpoints
from srlite.errors import (
    CheckpointError,
    ConfigError,
    DamagedCheckpointError,
    ModelError,
)
from srlite.files import remove_leftovers, replacing
from srlite.training.logs import NoLogger, RunLogger
from srlite.config.options import defaults, flatten

STAGES = ("pretrain", "gan")
_RESULT = {"pretrain": "pretrain.keras", "gan": "generator.keras"}


class RunDirectory:
    """One run's folder; a `stage` is one of `STAGES`, `say` prints a sentence."""

    def __init__(self, path):
        """Name the folder `path`, which need not exist."""
        self.path = Path(path)

    @property
    def checkpoints(self):
        """The folder of the checkpoints."""
        return self.path / "checkpoints"

    @property
    def pack(self):
        """Path of the photographs that do not fit in memory."""
        return self.path / "data.pack"

    def logger(self, wandb_project):
        """Open the logs."""
        return RunLogger(self.path, wandb_project)

    def result(self, stage):
        """Return the path of the generator that a stage ends with."""
        return self.path / _RESULT[stage]

    def make(self):
        """Make the folder if it is missing.

        Raises:
            ConfigError: it cannot be made.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"cannot write to {self.path}: {error}") from None

    def remove_leftovers(self):
        """Remove what a killed run left half-written."""
        for folder in (self.path, self.checkpoints):
            remove_leftovers(folder)

    def write_config(self, config):
        """Write the resolved `Config`."""
        with replacing(self.path / "config.json") as temporary:
            temporary.write_text(json.dumps(config.to_dict(), indent=2) + "\n")

    def compare(self, config):
        """Refuse a `Config` that differs from the one the run began with, if it did.

        An option that did not exist then had its default; one that exists no more
        counts as a difference.

        Raises:
            ConfigError: options differ, or those of the run cannot be read.
        """
        path = self.path / "config.json"
        if not path.exists():
            return
        try:
            written = flatten(json.loads(path.read_text()))
        except (OSError, ValueError, AttributeError) as error:
            raise ConfigError(f"cannot read {path}: {error}") from None
        former = json.loads(json.dumps(defaults(config))) | written
        now = flatten(config.to_dict())
        pairs = {
            name: (former.get(name, "nothing"), now.get(name, "nothing"))
            for name in sorted(former | now)
        }
        odd = [f"{name} {a} -> {b}" for name, (a, b) in pairs.items() if a != b]
        if odd:
            listed = ", ".join(odd)
            raise ConfigError(
                f"{self.path} was begun with other options ({listed}); "
                "add --override to go on with the new ones"
            )

    def write_result(self, stage, generator):
        """Write the generator that a stage ends with."""
        with replacing(self.result(stage)) as temporary:
            generator.save(temporary)

    def start(self, stage, init_from, say):
        """Choose the model whose weights a stage begins with.

        Args:
            stage: the stage.
            init_from: model that the user names, or None.
            say: see the class.

        Returns:
            Path of a model, or None for random weights or those of a checkpoint.

        Raises:
            ModelError: the gan stage has nothing to begin with.
        """
        if checkpoints.find(self.checkpoints, stage):
            if init_from is not None:
                say(
                    f"{self.path} has checkpoints of its own for stage {stage}; "
                    f"{init_from} is left aside"
                )
            return None
        if init_from is not None or stage == "pretrain":
            return init_from
        path = self.result("pretrain")
        if not path.exists():
            raise ModelError(
                f"the gan stage starts from {path}, which does not exist; "
                "run the pretrain stage first"
            )
        return path

    def resume(self, stage, parts, say, skip_damaged=False):
        """Load a stage's newest checkpoint into `parts`.

        Args:
            stage: the stage.
            parts: what `checkpoints.load` takes.
            say: see the class.
            skip_damaged: load the newest whole one. Those skipped stay, with `damaged-`
                before their names, so that they are no checkpoints of the run any more.

        Returns:
            The updates done; 0 if there is no checkpoint.

        Raises:
            CheckpointError: the newest checkpoint is of another model, or is damaged
                and not to be skipped; or none is whole.
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

        Args:
            stage: the stage.
            parts: what `checkpoints.save` takes.
            config: `Config`.
            part_size: MiB, or None for checkpoints of one file.
        """

        def save(step):
            checkpoints.save(
                self.checkpoints,
                stage,
                step,
                parts,
                config.to_dict(),
                keep=config.log.keep_checkpoints,
                store_every=config.log.store_every,
                part_size=part_size and part_size * 2**20,
            )

        return save

    def best_keeper(self, stage, parts, config):
        """Return a function of (updates done, scores) that keeps the best by PSNR.

        In the gan stage that is the one which invents least.
        """

        def keep_best(step, scores):
            if "psnr" in scores and step >= config.log.best_after:
                checkpoints.save_best(
                    self.checkpoints,
                    stage,
                    step,
                    parts,
                    config.to_dict(),
                    scores["psnr"],
                )

        return keep_best


class ChiefsRunDirectory(RunDirectory):
    """The run directory to a worker that is not the chief: neither read nor written.

    What the chief found in it, the worker is told. Only a pack is its own.
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

    def make(self):
        """Do nothing."""

    def write_config(self, config):
        """Do nothing."""

    def compare(self, config):
        """Do nothing."""

    def write_result(self, stage, generator):
        """Do nothing."""

    def start(self, stage, init_from, say):
        """Return None: the chief's weights will come."""

    def remove_leftovers(self):
        """Do nothing."""

    def resume(self, stage, parts, say, skip_damaged=False):
        """Return 0: the chief's step will come."""
        return 0

    def saver(self, stage, parts, config, part_size):
        """Return a function that does nothing."""
        return lambda step: None

    def best_keeper(self, stage, parts, config):
        """Return a function that does nothing."""
        return lambda step, scores: None
