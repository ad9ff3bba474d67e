"""The recipe: a `Config`, photographs and a run directory become trained networks.

Stage `pretrain` teaches the generator pixels, stage `gan` textures; `run_directory`
says what they leave. The same call again goes on where the run stopped.
"""

import dataclasses
import functools
import os
from collections.abc import Sequence

from srlite.backend import import_keras
from srlite.config.config import Config
from srlite.data.patches import PatchSampler
from srlite.data.draws import AugmentationDraws
from srlite.errors import ConfigError
from srlite.files import replacing
from srlite.metrics.psnr_ssim import smallest_side
from srlite.data.photographs import load_images, training_set
from srlite.training.preparation import (
    check,
    find_sources,
    load_sources,
    prepare_backend,
    smallest_sizes,
)
from srlite.training.divergence import train_with_rescue
from srlite.training.run_directory import STAGES, ChiefsRunDirectory, RunDirectory
from srlite.training.stages import (
    build_discriminator,
    build_generator,
    build_losses,
    build_step,
    stage_sampler,
)
from srlite.training.summary import describe
from srlite.training.trainer import StopSignal, train_stage


def train(
    config: Config,
    data_dirs: Sequence[str | os.PathLike],
    run_dir: str | os.PathLike,
    *,
    stages: Sequence[str] = STAGES,
    val_dir: str | os.PathLike | Sequence[str | os.PathLike] | None = None,
    pack: str | os.PathLike | None = None,
    max_minutes: float | None = None,
    checkpoint_part_size: int | None = None,
    vgg19_weights: str | os.PathLike | None = "imagenet",
    efficientnet_weights: str | os.PathLike | None = "imagenet",
    override: bool = False,
    skip_damaged: bool = False,
    init_from: str | os.PathLike | None = None,
    wandb_project: str | None = None,
    single_device: bool = False,
) -> bool:
    """Train, or go on training.

    All GPUs that TensorFlow sees share each batch, those of several hosts too when
    TF_CONFIG names them; `distribution` says how.

    Args:
        config: `Config`.
        data_dirs: `sources` of HR photographs, for stages that have none of their own.
        run_dir: folder of the run; made if missing.
        stages: which of `STAGES` to do.
        val_dir: source or sources of HR pictures to validate on; without it patches of
            the training pictures are logged, and nothing is measured.
        pack: where photographs go that do not fit in memory; `run_dir`/data.pack by
            default.
        max_minutes: stop, with a checkpoint, after this time, which begins with this
            call and so includes decoding and compiling; None for no limit.
        checkpoint_part_size: None for checkpoints of one file; else they are folders
            of files of at most this many MiB.
        vgg19_weights: "imagenet" (Keras downloads them), a path, or None for random
            weights (tests); of VGG16, if that is the config's content network.
        efficientnet_weights: likewise.
        override: go on with a config that differs from the one the run began with.
        skip_damaged: where the newest checkpoint is damaged, go on from the newest one
            that is whole.
        init_from: a ``.keras`` file, checkpoint, run directory or shipped name whose
            weights the first of the stages begins with; left aside once that stage has
            checkpoints.
        wandb_project: Weights & Biases project to log to; None for none.
        single_device: train on the first device alone.

    Returns:
        True when the stages are complete, False when the time was up, or another
        worker stopped.

    Raises:
        KeyboardInterrupt: a signal came; a checkpoint has been saved.
        SrliteError: something given cannot be used.
    """
    check(config, stages)
    if checkpoint_part_size is not None and checkpoint_part_size < 1:
        raise ConfigError(
            f"a checkpoint's parts are of at least 1 MiB; received "
            f"{checkpoint_part_size}"
        )
    stages = [stage for stage in STAGES if stage in stages]
    sources = find_sources(config, stages, data_dirs)
    min_sizes = smallest_sizes(config, sources)
    augmentations = AugmentationDraws(**dataclasses.asdict(config.augmentation))
    stop = StopSignal(max_minutes)  # now, as decoding and compiling take minutes too
    keras, devices = prepare_backend(single_device)
    for stage in stages:
        option = f"{stage}.batch_size"
        devices.require_whole_parts(option, getattr(config, stage).batch_size)
    if devices.chief:
        run = RunDirectory(run_dir)
    else:
        run = ChiefsRunDirectory(run_dir, devices.worker)
        val_dir = None  # measuring is the chief's
    if not override:
        run.compare(config)
    run.make()
    run.remove_leftovers()
    devices.require_same("options", lambda: repr((config, stages)).encode())
    photographs = load_sources(config, min_sizes, pack or run.pack)
    photos = None
    if val_dir:
        photos = load_images(val_dir, min_size=smallest_side(config.scale))
    # Feature networks come before the first stage: a download may fail.
    with devices.scope():
        losses = {
            stage: build_losses(
                getattr(config, stage),
                vgg19_weights,
                efficientnet_weights,
                channels=config.channels,
                precision=config.precision,
                scale=config.scale,
            )
            for stage in stages
        }
    run.write_config(config)
    with run.logger(wandb_project) as logger, stop:
        if devices.note:
            logger.say(devices.note)
        for stage in stages:
            result = run.result(stage)
            if devices.from_chief(result.exists()):
                logger.say(f"stage {stage} is complete: {result}")
                continue
            options = getattr(config, stage)
            wanted = init_from if stage == stages[0] else None
            start = run.start(stage, wanted, logger.say)
            parts, step = build_step(
                keras, config, stage, start, losses[stage], devices.scope
            )
            found = run.resume(stage, parts, logger.say, skip_damaged)
            done = int(devices.from_chief(found))
            devices.share(parts)
            ema_generator = devices.reader(parts["ema_generator"])
            images, lr_images, image_odds = training_set(sources[stage], photographs)
            seed = (config.seed, STAGES.index(stage))
            sampler = PatchSampler(
                images,
                options.patch_size,
                options.batch_size,
                dataclasses.astuple(config.kernels),
                seed=seed,
                scale=config.scale,
                lr_images=lr_images,
                image_odds=image_odds,
                augmentations=augmentations,
            )
            sampler = stage_sampler(sampler, config, stage, seed)
            devices.require_same(
                "photographs", lambda: sampler.batch(done)["hr"].tobytes()
            )
            save = run.saver(stage, parts, config, checkpoint_part_size)
            training = functools.partial(
                train_stage,
                step,
                sampler,
                stage=stage,
                last_step=options.steps,
                save=save,
                logger=logger,
                stop=stop,
                validate=_validator(
                    ema_generator, photos, sampler, config, losses[stage]
                )
                if devices.chief
                else lambda: ({}, {}),
                freeze_batch_norm_after=options.freeze_batch_norm_after,
                log_every=config.log.log_every,
                validate_every=config.log.validate_every,
                checkpoint_every=config.log.checkpoint_every,
                steps_per_execution=config.steps_per_execution,
                keep_best=run.best_keeper(stage, parts, config),
                max_dropped_steps=config.log.max_dropped_steps,
                agree=devices.any if devices.num_workers > 1 else None,
            )
            if devices.num_workers > 1:  # They could not go back together.
                done = training(first_step=done)
            else:
                done = train_with_rescue(
                    training,
                    step,
                    parts,
                    first_step=done,
                    directory=run.checkpoints,
                    stage=stage,
                    checkpoint_every=config.log.checkpoint_every,
                    save=save,
                    say=logger.say,
                )
            if done < options.steps:
                logger.say(
                    f"stopped ({stop.reason or 'another worker'}) at step {done} of "
                    f"stage {stage}; the same command goes on from here"
                )
                if stop.interrupted:
                    raise KeyboardInterrupt
                return False
            run.write_result(stage, ema_generator())
            logger.say(f"stage {stage} is complete: {result}")
    return True


def summarize(config: Config, run_dir: str | os.PathLike | None = None) -> str:
    """Describe the networks of a config, untrained.

    Args:
        config: `Config`.
        run_dir: folder that gets the text as `summary.txt`; None for no file.

    Returns:
        The text.

    Raises:
        ConfigError: the options do not go with each other, or `run_dir` cannot be made.
    """
    config.check()
    import_keras("the summary")
    text = describe(
        {
            "generator": build_generator(config),
            "discriminator": build_discriminator(config),
        }
    )
    if run_dir is not None:
        run = RunDirectory(run_dir)
        run.make()
        with replacing(run.path / "summary.txt") as temporary:
            temporary.write_text(text)
    return text


def _validator(generator, photos, sampler, config, losses):
    from srlite.training.validation import distance_model, restore_pictures, validate

    far = {n: loss for n, (loss, _) in losses.items() if n in ("content", "style")}
    distances = distance_model(far, config.channels) if far and photos else None

    def measure():
        if photos is None:
            patches = sampler.batch(0)["hr"][:4]
            return {}, restore_pictures(generator(), patches, config.scale)
        return validate(
            generator(),
            photos,
            config.scale,
            crop=config.data.validation_crop,
            distances=distances,
        )

    return measure
