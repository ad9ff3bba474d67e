"""The recipe: a `Config`, photographs and a run directory become trained networks.

Stage `pretrain` teaches the generator pixels, stage `gan` textures. The run directory,
written here alone: `config.json` (resolved), `checkpoints/`, `metrics.jsonl`, `logs/`
(TensorBoard), `pretrain.keras` and `generator.keras` (the EMA generators that the
stages end with). The same call again goes on where the run stopped.
"""

import dataclasses
import json
from pathlib import Path

from srlite import checkpoints
from srlite.backend import import_keras
from srlite.data import PatchSampler, load_images
from srlite.errors import ConfigError
from srlite.files import replacing
from srlite.logs import RunLogger
from srlite.options import flatten
from srlite.stages import (
    build_discriminator,
    build_generator,
    build_losses,
    build_step,
    stage_sampler,
)
from srlite.summary import describe
from srlite.trainer import StopSignal, train_stage

STAGES = ("pretrain", "gan")
_RESULT = {"pretrain": "pretrain.keras", "gan": "generator.keras"}


def train(
    config,
    data_dirs,
    run_dir,
    *,
    stages=STAGES,
    val_dir=None,
    max_minutes=None,
    vgg19_weights="imagenet",
    efficientnet_weights="imagenet",
    override=False,
):
    """Train, or go on training.

    Args:
        config: `Config`.
        data_dirs: folders and tar files of HR photographs.
        run_dir: folder of the run; made if missing.
        stages: which of `STAGES` to do.
        val_dir: folder of HR pictures to measure PSNR on; without it patches of the
            training pictures are logged, and nothing is measured.
        max_minutes: stop, with a checkpoint, after this time; None for no limit.
        vgg19_weights: "imagenet" (Keras downloads them), a path, or None for random
            weights (tests); of VGG16, if that is the config's content network.
        efficientnet_weights: likewise.
        override: go on with a config that differs from the one the run began with.

    Returns:
        True when the stages are complete, False when the time was up.

    Raises:
        KeyboardInterrupt: a signal came; a checkpoint has been saved.
        SrliteError: something given cannot be used.
    """
    run_dir = Path(run_dir)
    _check(config, stages)
    stages = [stage for stage in STAGES if stage in stages]
    keras = _prepare_backend()
    if not override:
        _compare_config(config.to_dict(), run_dir / "config.json")
    _make(run_dir)
    patch_size = max(getattr(config, stage).patch_size for stage in stages)
    images = load_images(data_dirs, min_size=patch_size)
    photos = load_images(val_dir, min_size=3 * config.scale) if val_dir else None
    # Feature networks come before the first stage: a download may fail.
    losses = {
        stage: build_losses(
            getattr(config, stage), vgg19_weights, efficientnet_weights, config.channels
        )
        for stage in stages
    }
    with replacing(run_dir / "config.json") as temporary:
        temporary.write_text(json.dumps(config.to_dict(), indent=2) + "\n")
    with RunLogger(run_dir) as logger, StopSignal(max_minutes) as stop:
        for stage in stages:
            result = run_dir / _RESULT[stage]
            if result.exists():
                logger.say(f"stage {stage} is complete: {result}")
                continue
            options = getattr(config, stage)
            parts, step = build_step(
                keras, config, stage, run_dir / _RESULT["pretrain"], losses[stage]
            )
            seed = (config.seed, STAGES.index(stage))
            sampler = PatchSampler(
                images,
                options.patch_size,
                options.batch_size,
                dataclasses.astuple(config.kernels),
                seed,
            )
            sampler = stage_sampler(sampler, config, stage, seed)
            done = train_stage(
                step,
                sampler,
                stage=stage,
                first_step=_resume(run_dir, stage, parts, logger),
                last_step=options.steps,
                save=_saver(run_dir, stage, parts, config),
                logger=logger,
                stop=stop,
                validate=_validator(parts["ema_generator"], photos, sampler, config),
                freeze_batch_norm_after=options.freeze_batch_norm_after,
                log_every=config.log.log_every,
                validate_every=config.log.validate_every,
                checkpoint_every=config.log.checkpoint_every,
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
        run_dir = Path(run_dir)
        _make(run_dir)
        with replacing(run_dir / "summary.txt") as temporary:
            temporary.write_text(text)
    return text


def _check(config, stages):
    """Refuse what would only fail after minutes."""
    for stage in stages:
        if stage not in STAGES:
            raise ConfigError(f"unknown stage {stage}; there are {', '.join(STAGES)}")
    config.check()


def _make(run_dir):
    """Make the run directory if it is missing."""
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot write to {run_dir}: {error}") from None


def _prepare_backend():
    """Import Keras; the same seed will give the same bits."""
    keras = import_keras("training", tensorflow=True)
    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()
    return keras


def _compare_config(resolved, path):
    """Refuse options that differ from those in `path`, if it exists."""
    if not path.exists():
        return
    try:
        former = flatten(json.loads(path.read_text()))
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read {path}: {error}") from None
    now = flatten(resolved)
    odd = [k for k in sorted(former | now) if former.get(k) != now.get(k)]
    if odd:
        listed = ", ".join(f"{k} {former.get(k)} -> {now.get(k)}" for k in odd)
        raise ConfigError(
            f"{path.parent} was begun with other options ({listed}); "
            "add --override to go on with the new ones"
        )


def _resume(run_dir, stage, parts, logger):
    """Load the newest checkpoint of a stage, if any; return the updates done."""
    found = checkpoints.find(run_dir / "checkpoints", stage)
    if not found:
        return 0
    step = checkpoints.load(found[-1][1], parts)["step"]
    logger.say(f"going on from step {step} of stage {stage}")
    return step


def _saver(run_dir, stage, parts, config):
    def save(step):
        checkpoints.save(
            run_dir / "checkpoints",
            stage,
            step,
            parts,
            config.to_dict(),
            keep=config.log.keep_checkpoints,
        )

    return save


def _validator(generator, photos, sampler, config):
    from srlite.validation import validate

    def measure():
        if photos is not None:
            return validate(generator, photos, config.scale)
        _, pictures = validate(generator, sampler.batch(0)["hr"][:4], config.scale)
        return {}, pictures

    return measure
