"""The recipe: a `Config`, photographs and a run directory become trained networks.

Stage `estimator` teaches the estimator how pictures were made, stage `pretrain` teaches
the generator pixels, stage `gan` textures. The same call again goes on where the run
stopped.
"""

import dataclasses
import functools
import os
from collections.abc import Sequence
from typing import Any

from srlite.config.config import Config
from srlite.config.presets import preset
from srlite.data.photographs import load_photographs, training_set
from srlite.data.sources import listed
from srlite.errors import ConfigError
from srlite.files import StrPath, disk_errors
from srlite.models.model_files import load_estimator
from srlite.training import preparation, trainer
from srlite.training.distribution import Distribution
from srlite.training.meter import StopSignal
from srlite.training.run_directory import STAGES, ChiefsRunDirectory, RunDirectory
from srlite.training.stages import build_estimator, build_losses, build_step

_FAR_BELOW = 3.0  # dB
_USUAL_BYTES = 5_000_000  # the budget of an export
# Second part of the seed of each stage's batches.
_SEEDS = {"pretrain": 0, "gan": 1, "estimator": 2, "validation": 3}


def train(
    config: Config | str,
    data_dirs: StrPath | Sequence[StrPath],
    run_dir: StrPath,
    *,
    stages: Sequence[str] | None = None,
    val_dir: StrPath | Sequence[StrPath] | None = None,
    pack: StrPath | None = None,
    max_minutes: float | None = None,
    checkpoint_part_size: int | None = None,
    vgg19_weights: StrPath | None = "imagenet",
    efficientnet_weights: StrPath | None = "imagenet",
    override: bool = False,
    skip_damaged: bool = False,
    init_from: StrPath | None = None,
    wandb_project: str | None = None,
    single_device: bool = False,
) -> bool:
    """Train, or go on training.

    All visible GPUs share each batch, on several hosts if TF_CONFIG names them; see
    `distribution`.

    Args:
        config: what to train, and how; or the name of a preset.
        data_dirs: source or sources of HR photographs (`data.sources`), for stages
            without their own.
        run_dir: folder of the run; made if missing.
        stages: which of `STAGES` to do; None for all that the config needs: the
            estimator only for a conditional generator.
        val_dir: source or sources of HR pictures to validate on. Without it training
            patches are logged, and nothing is measured.
        pack: file for photographs that do not fit in memory; None for
            `run_dir`/data.pack.
        max_minutes: stop, with a checkpoint, this long after the call, decoding and
            compiling included; None for no limit.
        checkpoint_part_size: save checkpoints as folders of files of at most this many
            MiB; None for one file each.
        vgg19_weights: "imagenet" (Keras downloads them), a path, or None for random
            weights (tests); VGG16's, if that is the config's content network.
        efficientnet_weights: as `vgg19_weights`.
        override: go on with a config that differs from the one the run began with.
        skip_damaged: pass over damaged checkpoints to the newest whole one.
        init_from: a ``.keras`` file, checkpoint, run directory or shipped name. The
            first of these stages that trains the generator begins with its weights;
            with the estimator's stage alone, that one does. Ignored once the stage has
            checkpoints.
        wandb_project: Weights & Biases project to log to; None for none.
        single_device: train on the first device alone.

    Returns:
        True when the stages are complete, False when the time is up or another worker
        stopped.

    Raises:
        KeyboardInterrupt: a signal came; a checkpoint has been saved.
        SrliteError: something given cannot be used.
    """
    if isinstance(config, str):
        config = preset(config)
    if stages is None:
        stages = STAGES if config.generator.conditional else STAGES[1:]
    stages = listed(stages)
    val_dir = None if val_dir is None else listed(val_dir)
    preparation.check(config, stages)
    if max_minutes is not None and not max_minutes >= 0:
        raise ConfigError(f"max_minutes must be at least 0; received {max_minutes}")
    if checkpoint_part_size is not None and checkpoint_part_size < 1:
        raise ConfigError(
            f"a checkpoint's parts are of at least 1 MiB; received "
            f"{checkpoint_part_size}"
        )
    stages = [stage for stage in STAGES if stage in stages]
    sources = preparation.find_sources(config, stages, data_dirs)
    min_sizes = preparation.smallest_sizes(config, sources)
    stop = StopSignal(max_minutes)  # now, as decoding and compiling take minutes too
    devices = preparation.prepare_backend(single_device)
    for stage in stages:
        option = f"{stage}.batch_size"
        devices.require_whole_parts(option, getattr(config, stage).batch_size)
    if devices.chief:
        directory = RunDirectory(run_dir)
    else:
        directory = ChiefsRunDirectory(run_dir, devices.worker)
        val_dir = None  # measuring is the chief's
    preparation.check_sources(
        min_sizes,
        val_dir or [],
        pack or directory.pack,
        directory.path / preparation.VALIDATION_PACK,
    )
    if not override:
        directory.compare(config)
    generator_stages = [stage for stage in stages if stage != "estimator"]
    todo = [s for s in generator_stages if not os.path.exists(directory.result(s))]
    if todo and config.generator.conditional and "estimator" not in stages:
        directory.find_estimator(init_from)  # now, not after minutes
    first = (generator_stages or stages)[0]
    preparation.check_start(directory, first, init_from, config)
    directory.make()
    run = _Run(config, directory, devices, stop, checkpoint_part_size, skip_damaged)
    weights = {"vgg19": vgg19_weights, "efficientnet": efficientnet_weights}
    with disk_errors(directory.path), directory.locked():
        directory.remove_leftovers()
        devices.require_same("options", lambda: repr((config, stages)).encode())
        said: list[str] = []  # until there is a logger
        photographs = load_photographs(
            min_sizes,
            scale=config.scale,
            max_bytes=preparation.memory_limit(config),
            pack=pack or directory.pack,
            names=directory.path / "left_out.txt" if devices.chief else None,
            say=said.append,
        )
        run.photographs = {s: training_set(sources[s], photographs) for s in stages}
        if val_dir:
            run.validation_photos = preparation.load_validation(
                config, stages, val_dir, directory.path, said.append
            )
        # Feature networks come before the first stage: a download may fail.
        with devices.scope():
            run.losses = {
                stage: build_losses(config, stage, *weights.values())
                for stage in generator_stages
            }
        inputs = preparation.describe_inputs(
            photographs, val_dir=val_dir, init_from=init_from, **weights
        )
        with directory.logger(wandb_project) as run.logger, stop:
            say = run.logger.say
            for text in filter(None, (*said, devices.note)):
                say(text)
            directory.note_inputs(inputs, say)
            complete = directory.reopen(config, stages, say)
            run.record = functools.partial(
                directory.write_config, config, inputs, complete
            )
            for stage in stages:
                with trainer.room_for_steps(stage):
                    done = run.train(stage, init_from if stage == first else None)
                if not done:
                    if stop.interrupted:
                        raise KeyboardInterrupt
                    return False
            run.record()
    return True


@dataclasses.dataclass
class _Run:
    """One call of `train`: what its stages have in common."""

    config: Config
    directory: RunDirectory
    devices: Distribution
    stop: StopSignal
    checkpoint_part_size: int | None
    skip_damaged: bool
    logger: Any = None
    photographs: dict = dataclasses.field(default_factory=dict)  # by stage
    validation_photos: list | None = None
    losses: dict = dataclasses.field(default_factory=dict)  # by stage
    record: Any = None  # writes config.json
    trained: bool = False  # a stage, in this call

    def train(self, name, init_from):
        """Train a stage unless it is complete; return whether it is complete now."""
        config, devices, directory = self.config, self.devices, self.directory
        say, result = self.logger.say, self.directory.result(name)
        if devices.from_chief(result.exists()):
            say(f"stage {name} is complete: {result}")
            return True
        if self.trained and devices.any(self.stop.reason is not None):
            reason = self.stop.reason or "another worker"
            say(f"stopped ({reason}) before stage {name}; the same command begins it")
            return False
        self.trained = True
        start = directory.start(name, init_from, say)
        partner = self._partner(name, init_from)
        losses = self.losses.get(name, {})
        parts, step = build_step(config, name, start, losses, devices.scope, partner)
        estimating = name == "estimator"
        learner = "estimator" if estimating else "generator"
        size = 4 * parts[learner].count_params()
        if size > _USUAL_BYTES:
            say(
                f"note: the .tflite of this generator will have about {size / 1e6:.0f} "
                "MB; export it with --max-bytes none"
            )
        found = directory.resume(name, parts, say, self.skip_damaged)
        done = int(devices.from_chief(found))
        devices.share(parts)
        average = devices.reader(parts[f"ema_{learner}"])
        sampler = preparation.build_sampler(
            config, name, (config.seed, _SEEDS[name]), *self.photographs[name]
        )
        devices.require_same("photographs", lambda: sampler.batch(done)["hr"].tobytes())
        validate = self._validator(name, average, sampler, partner)
        options, log = getattr(config, name), config.log
        stage = trainer.Stage(
            name,
            step,
            sampler,
            options.steps,
            directory.saver(name, parts, config, self.checkpoint_part_size),
            validate=validate if devices.chief else lambda: ({}, {}),
            keep_best=directory.best_keeper(name, parts, config),
            freeze_batch_norm_after=options.freeze_batch_norm_after,
            log_every=log.log_every,
            validate_every=log.validate_every,
            checkpoint_every=log.checkpoint_every,
            # An estimator's patches differ in size from step to step.
            steps_per_execution=1 if estimating else config.steps_per_execution,
            max_dropped_steps=log.max_dropped_steps,
        )
        self.record()  # not before what is there was found to fit
        if config.generator.conditional and not estimating:
            directory.copy_estimator(init_from, say)
        if devices.num_workers > 1:  # They could not go back together.
            done = trainer.train_stage(stage, self.logger, self.stop, done, devices.any)
        else:
            done = trainer.train_with_rescue(
                stage, self.logger, self.stop, done, parts, directory.checkpoints
            )
        if done < stage.last_step:
            say(
                f"stopped ({self.stop.reason or 'another worker'}) at step {done} of "
                f"stage {name}; the same command goes on from here"
            )
            return False
        directory.write_result(name, average())
        say(f"stage {name} is complete: {result}")
        return True

    def _partner(self, name, init_from):
        """Load the frozen network beside a stage's learner, or None: see `build_step`.

        It is the same on all workers.
        """
        partner = None
        with self.devices.scope():
            if name == "estimator":
                partner = preparation.load_judge(self.config)
            elif self.config.generator.conditional:
                path = self.directory.find_estimator(init_from)
                partner = load_estimator(path) if path else build_estimator(self.config)
                partner.trainable = False
        self.devices.share({"partner": partner} if partner else {})
        return partner

    def _validator(self, name, network, sampler, estimator):
        """Return a function that measures what `network` returns."""
        from srlite.training import validation

        config, photos = self.config, self.validation_photos
        if name == "estimator":
            seed = (config.seed, _SEEDS["validation"])
            hr = [photograph.hr for photograph in photos or []]
            samplers = preparation.samplers_by_size(config, seed, hr)
            return lambda: (
                validation.validate_estimator(network(), samplers, config.scale),
                {},
            )
        told = {"scale": config.scale, "estimator": estimator}
        if photos is None:
            patches = sampler.batch(0)["hr"][:4]
            return lambda: ({}, validation.restore_pictures(network(), patches, **told))
        losses = self.losses[name].items()
        far = {n: loss for n, (loss, _) in losses if n in ("content", "style")}
        distances = validation.distance_model(far, config.channels) if far else None
        hr, lr = zip(*((photograph.hr, photograph.lr) for photograph in photos))
        cut = {"crop": config.data.validation_crop, "lr_images": lr}
        bicubic = functools.cache(
            lambda: validation.bicubic_psnr(hr, config.scale, **cut)
        )

        def measure():
            scores, pictures = validation.validate(
                network(), hr, distances=distances, **told, **cut
            )
            if scores["psnr"] < bicubic() - _FAR_BELOW:
                self.logger.say(
                    f"note: {scores['psnr']:.1f} dB is far below plain bicubic "
                    f"enlargement ({bicubic():.1f} dB): stage {name} has hardly begun "
                    "to learn, or its learning rate is too high"
                )
            return scores, pictures

        return measure
