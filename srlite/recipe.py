"""The recipe: a `Config`, photographs and a run directory become trained networks.

Stage `pretrain` teaches the generator pixels, stage `gan` textures; `run_directory`
says what they leave. The same call again goes on where the run stopped.
"""

import dataclasses

from srlite.backend import import_keras
from srlite.data import PatchSampler
from srlite.draws import AugmentationDraws
from srlite.errors import ConfigError
from srlite.files import replacing
from srlite.logs import RunLogger
from srlite.memory import available_memory
from srlite.photographs import load_images, load_photographs, training_set
from srlite.run_directory import STAGES, RunDirectory
from srlite.sources import split_weight
from srlite.stages import (
    build_discriminator,
    build_generator,
    build_losses,
    build_step,
    stage_sampler,
)
from srlite.summary import describe
from srlite.trainer import StopSignal, train_stage


def train(
    config,
    data_dirs,
    run_dir,
    *,
    stages=STAGES,
    val_dir=None,
    pack=None,
    max_minutes=None,
    checkpoint_part_size=None,
    vgg19_weights="imagenet",
    efficientnet_weights="imagenet",
    override=False,
    init_from=None,
    wandb_project=None,
):
    """Train, or go on training.

    Args:
        config: `Config`.
        data_dirs: `sources` of HR photographs, for stages that have none of their own.
        run_dir: folder of the run; made if missing.
        stages: which of `STAGES` to do.
        val_dir: source or sources of HR pictures to measure PSNR on; without it patches
            of the training pictures are logged, and nothing is measured.
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
        init_from: a ``.keras`` file, checkpoint or run directory whose weights the
            first of the stages begins with; left aside once that stage has checkpoints.
        wandb_project: Weights & Biases project to log to; None for none.

    Returns:
        True when the stages are complete, False when the time was up.

    Raises:
        KeyboardInterrupt: a signal came; a checkpoint has been saved.
        SrliteError: something given cannot be used.
    """
    run = RunDirectory(run_dir)
    check(config, stages)
    if checkpoint_part_size is not None and checkpoint_part_size < 1:
        raise ConfigError(
            f"a checkpoint's parts are of at least 1 MiB; received "
            f"{checkpoint_part_size}"
        )
    stages = [stage for stage in STAGES if stage in stages]
    sources = _sources(config, stages, data_dirs)
    min_sizes = _min_sizes(config, sources)
    augmentations = AugmentationDraws(**dataclasses.asdict(config.augmentation))
    stop = StopSignal(max_minutes)  # now, as decoding and compiling take minutes too
    keras = _prepare_backend()
    if not override:
        run.compare(config)
    run.make()
    photographs = _load(config, min_sizes, pack or run.path / "data.pack")
    photos = load_images(val_dir, min_size=3 * config.scale) if val_dir else None
    # Feature networks come before the first stage: a download may fail.
    losses = {
        stage: build_losses(
            getattr(config, stage),
            vgg19_weights,
            efficientnet_weights,
            channels=config.channels,
            precision=config.precision,
        )
        for stage in stages
    }
    run.write_config(config)
    with RunLogger(run.path, wandb_project) as logger, stop:
        for stage in stages:
            result = run.result(stage)
            if result.exists():
                logger.say(f"stage {stage} is complete: {result}")
                continue
            options = getattr(config, stage)
            wanted = init_from if stage == stages[0] else None
            start = run.start(stage, wanted, logger.say)
            parts, step = build_step(keras, config, stage, start, losses[stage])
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
            done = train_stage(
                step,
                sampler,
                stage=stage,
                first_step=run.resume(stage, parts, logger.say),
                last_step=options.steps,
                save=run.saver(stage, parts, config, checkpoint_part_size),
                logger=logger,
                stop=stop,
                validate=_validator(parts["ema_generator"], photos, sampler, config),
                freeze_batch_norm_after=options.freeze_batch_norm_after,
                log_every=config.log.log_every,
                validate_every=config.log.validate_every,
                checkpoint_every=config.log.checkpoint_every,
                steps_per_execution=config.steps_per_execution,
                keep_best=run.best_keeper(stage, parts, config),
            )
            if done < options.steps:
                logger.say(
                    f"stopped ({stop.reason}) at step {done} of stage {stage}; "
                    "the same command goes on from here"
                )
                if stop.interrupted:
                    raise KeyboardInterrupt
                return False
            with replacing(result) as temporary:
                parts["ema_generator"].save(temporary)
            logger.say(f"stage {stage} is complete: {result}")
    return True


def summarize(config, run_dir=None):
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


def check(config, stages):
    """Refuse what would only fail after minutes."""
    log = config.log
    if log.store_every % log.checkpoint_every:
        raise ConfigError(
            "log.store_every must be a multiple of log.checkpoint_every "
            f"{log.checkpoint_every}; received {log.store_every}"
        )
    for stage in stages:
        if stage not in STAGES:
            raise ConfigError(f"unknown stage {stage}; there are {', '.join(STAGES)}")
    config.check()
    crop = config.data.validation_crop
    if 0 < crop < 3 * config.scale:
        raise ConfigError(
            f"data.validation_crop must be 0 or at least {3 * config.scale}; "
            f"received {crop}"
        )


def _sources(config, stages, data_dirs):
    """Map each stage to its sources of photographs."""
    sources = {}
    for stage in stages:
        own = getattr(config, stage).sources
        sources[stage] = own or [str(source) for source in data_dirs]
        if not sources[stage]:
            raise ConfigError(
                f"stage {stage} has no photographs: give --data-dir or {stage}.sources"
            )
    return sources


def _min_sizes(config, sources):
    """Map each source, without its weight, to the largest patch cut from it."""
    min_sizes = {}
    for stage, names in sources.items():
        for _, source in map(split_weight, names):
            size = getattr(config, stage).patch_size
            min_sizes[source] = max(size, min_sizes.get(source, 0))
    return min_sizes


def _load(config, min_sizes, pack):
    """Decode the photographs of all stages, each source once."""
    gigabytes = config.data.memory_gb
    return load_photographs(
        min_sizes,
        scale=config.scale,
        max_bytes=available_memory() // 2 if gigabytes is None else gigabytes * 1e9,
        pack=pack,
    )


def _prepare_backend():
    """Import Keras; the same seed will give the same bits."""
    keras = import_keras("training", backends=("tensorflow", "jax"))
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    return keras


def _validator(generator, photos, sampler, config):
    from srlite.validation import validate

    def measure():
        if photos is not None:
            return validate(
                generator, photos, config.scale, crop=config.data.validation_crop
            )
        _, pictures = validate(generator, sampler.batch(0)["hr"][:4], config.scale)
        return {}, pictures

    return measure
