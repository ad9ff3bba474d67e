"""What a run needs before its first step: checks, batches, a backend, devices."""

import dataclasses
import os

from srlite.backend import import_keras, import_safetensors
from srlite.config.config import Config
from srlite.data.degradation_vector import SMALLEST
from srlite.data.draws import AugmentationDraws
from srlite.data.packs import Photograph, keep
from srlite.data.patches import PatchSampler, StageSampler
from srlite.data.photographs import usable_photographs
from srlite.data.sources import check_source, listed, split_weight
from srlite.errors import ConfigError, DataError
from srlite.files import StrPath, is_same_file, replacing
from srlite.memory import available_memory
from srlite.metrics.psnr_ssim import is_one_colour, smallest_side
from srlite.models.model_files import find_model, load_generator, scale_of, step_of
from srlite.training.distribution import distribute
from srlite.training.run_directory import STAGES, RunDirectory
from srlite.training.stages import (
    build_discriminator,
    build_estimator,
    build_generator,
    find_estimator_file,
)

VALIDATION_PACK = "validation.pack"


def check(config, stages):
    """Raise ConfigError now for options that would fail after minutes."""
    log = config.log
    if log.store_every % log.checkpoint_every:
        raise ConfigError(
            "log.store_every must be a multiple of log.checkpoint_every "
            f"{log.checkpoint_every}; received {log.store_every}"
        )
    for stage in stages or [None]:
        if stage not in STAGES:
            raise ConfigError(f"unknown stage {stage}; there are {', '.join(STAGES)}")
    if "estimator" in stages and not config.generator.conditional:
        raise ConfigError(
            "the estimator stage is for a conditional generator; leave it out, or set "
            "generator.conditional=true"
        )
    if "pretrain" in stages and not config.pretrain.pixel:
        raise ConfigError(
            "pretrain.pixel must be above 0, as it is the only loss of its stage; "
            f"received {config.pretrain.pixel}"
        )
    config.check()
    crop, least = config.data.validation_crop, smallest_photo(config)
    if 0 < crop < least:
        raise ConfigError(
            f"data.validation_crop must be 0 or at least {least}; received {crop}"
        )


def smallest_photo(config):
    """Return the shortest side, in HR pixels, of a validation picture."""
    seen = SMALLEST * config.scale if config.generator.conditional else 0
    return max(smallest_side(config.scale), seen)


def find_sources(config, stages, data_dirs):
    """Map each stage to the sources of its photographs, at least one."""
    sources = {}
    for stage in stages:
        own = getattr(config, stage).sources
        sources[stage] = own or listed(data_dirs)
        if not sources[stage]:
            raise ConfigError(
                f"stage {stage} has no photographs: give --data-dir or {stage}.sources"
            )
    return sources


def check_sources(trained, measured, pack, validation_pack):
    """Raise DataError for a missing source, ConfigError for what may be overwritten.

    Pictures of the sources `trained`, which have no weight, may be written to the path
    `pack`, and those of `measured` to `validation_pack`.
    """
    if not os.fspath(pack).endswith(".pack"):
        raise ConfigError(f"--pack must end in .pack; received {pack}")
    written = [validation_pack] if measured else []
    if any(not source.endswith(".pack") for source in trained):
        written.append(pack)
    for source in (*trained, *measured):
        check_source(source)
        if source.endswith(".pack") and any(is_same_file(source, x) for x in written):
            raise ConfigError(
                f"{source} is a source, and pictures that do not fit in memory would "
                "replace it; move it, or name another file with --pack"
            )


def check_start(directory, stage, init_from, config):
    """Raise ModelError for a missing model that a stage begins with or needs."""
    if os.path.exists(directory.result(stage)):
        return
    start = directory.start(stage, init_from, say=lambda text: None)
    if start is not None:
        if stage == "estimator":
            find_estimator_file(start)
        else:
            find_model(start, trained=True)
    if stage == "estimator" and config.estimator.generator is not None:
        find_model(config.estimator.generator, trained=True)


def smallest_sizes(config, sources):
    """Map each source, without weight, to the size of the largest patch cut from it."""
    min_sizes = {}
    for stage, names in sources.items():
        size = max(patch_sizes(config, stage))
        for _, source in map(split_weight, names):
            min_sizes[source] = max(size, min_sizes.get(source, 0))
    return min_sizes


def patch_sizes(config, stage):
    """Return the patch sizes of a stage, including context if an estimator sees it."""
    options = getattr(config, stage)
    if stage == "estimator":
        return options.patch_sizes
    return [options.photo_size if config.generator.conditional else options.patch_size]


def memory_limit(config):
    """Return the bytes of photographs that may stay in memory."""
    gigabytes = config.data.memory_gb
    return available_memory() // 2 if gigabytes is None else gigabytes * 1e9


def load_validation(config, stages, sources, folder, say):
    """Decode validation pictures, as a list of `Photograph` cut to the measured part.

    With the estimator's stage they stay whole, as it is measured on any part of them.
    Pictures of one colour where they are measured are left out. `folder` gets a pack if
    they do not fit in memory, and the names of files left out. Raises DataError if a
    source cannot be read, or has no usable picture.
    """
    from srlite.training.validation import cut

    scale, crop = config.scale, config.data.validation_crop
    whole = "estimator" in stages
    crop = 0 if whole and len(stages) == 1 else crop
    least = dict.fromkeys(listed(sources), smallest_photo(config))
    flat = []
    names = folder / "left_out_validation.txt"

    def measured():
        for _, photograph in usable_photographs(least, scale, say, names):
            name, hr, lr = photograph
            lr, hr = cut(lr, hr, crop, scale)
            if is_one_colour(hr):
                flat.append(name)  # any answer would do
            elif whole:
                yield photograph
            else:
                # Copies, because views would keep the whole pictures.
                yield Photograph(name, hr.copy(), None if lr is None else lr.copy())

    photographs = keep(measured(), memory_limit(config), folder / VALIDATION_PACK)
    if flat:
        some = f"{len(flat)}, such as {flat[0]}"
        say(f"pictures of one colour ({some}) are not measured on")
    if not photographs:
        raise DataError("there is nothing to validate on but pictures of one colour")
    return photographs


def describe_inputs(photographs, **given):
    """Describe the inputs of a run other than options, for `config.json`.

    `photographs` are as returned by `load_photographs`; the others are paths or names,
    lists of them, or None.
    """

    def describe(value):
        if isinstance(value, list | tuple):
            return " ".join(map(describe, value))
        file = value and os.path.isfile(value)
        return f"{value} of {os.path.getsize(value)} bytes" if file else f"{value}"

    inputs: dict = {name: describe(value) for name, value in given.items()}
    inputs["photographs"] = {
        source: f"{len(found)} of {sum(p.hr.size // 3 for p in found)} pixels"
        for source, found in photographs.items()
    }
    return inputs


def build_sampler(config, stage, seed, images, lr_images=None, image_odds=None):
    """Make the `StageSampler` of a stage; arguments are as for `PatchSampler`."""
    options = getattr(config, stage)
    fake_labels, told_truth = None, None
    if stage == "estimator":
        # It learns from known damage, and nobody knows that of real pairs.
        lr_images, told_truth = None, 1.0
    elif config.generator.conditional:
        told_truth = options.told_truth
    if stage == "gan" and any(options.adversarial_loss.fake_labels):
        fake_labels = options.adversarial_loss.fake_labels
    augmentations = AugmentationDraws(**dataclasses.asdict(config.augmentation))
    samplers = [
        PatchSampler(
            images,
            size,
            options.batch_size,
            dataclasses.astuple(config.kernels),
            seed=seed,
            scale=config.scale,
            lr_images=lr_images,
            image_odds=image_odds,
            augmentations=augmentations,
        )
        for size in patch_sizes(config, stage)
    ]
    return StageSampler(
        samplers,
        seed,
        channels=config.channels,
        fake_labels=fake_labels,
        told_truth=told_truth,
        scale=config.scale,
    )


def samplers_by_size(config, seed, images):
    """Map LR patch sides to `StageSampler`s of the estimator's stage.

    Images, uint8 (height, width, 3), that are smaller than a patch are left out, and so
    is a size for which none is left.
    """
    samplers = {}
    for size in config.estimator.patch_sizes:
        if large := [image for image in images if min(image.shape[:2]) >= size]:
            alone = config.updated({"estimator.patch_sizes": [size]})
            sampler = build_sampler(alone, "estimator", seed, large)
            samplers[size // config.scale] = sampler
    return samplers


def load_judge(config):
    """Load the frozen generator that teaches the estimator of a `Config`, or None.

    Raises ModelError for a missing file, ConfigError for a generator that is not
    conditional, or does not fit the sizes.
    """
    from srlite.models.generators import is_conditional

    name = config.estimator.generator
    if name is None:
        return None
    generator = load_generator(name)
    if not is_conditional(generator) or scale_of(generator) != config.scale:
        raise ConfigError(
            f"estimator.generator must be a conditional generator of scale "
            f"{config.scale}, which {name} is not"
        )
    size, whole = config.estimator.generator_patch_size, step_of(generator)
    if size % (whole * config.scale):
        raise ConfigError(
            f"estimator.generator_patch_size must be a multiple of "
            f"{whole * config.scale} with {name}; received {size}"
        )
    generator.trainable = False
    return generator


def prepare_backend(single_device):
    """Choose the devices of Keras, and make the same seed give the same bits."""
    backends = ("tensorflow", "jax")
    keras = import_keras("training", backends=backends, find_devices=False)
    import_safetensors()  # not hours later, at the first checkpoint
    devices = distribute(keras.config.backend(), single_device)
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    return devices


def summarize(config: Config, run_dir: StrPath | None = None) -> str:
    """Describe the untrained networks of a config; write it to `run_dir`/summary.txt.

    Raises ConfigError if options conflict, or `run_dir` cannot be made.
    """
    config.check()
    import_keras("the summary")
    networks = {
        "generator": build_generator(config),
        "discriminator": build_discriminator(config),
    }
    if config.generator.conditional:
        networks["estimator"] = build_estimator(config)
    lines: list[str] = []
    for name, network in networks.items():
        network.summary(line_length=88, print_fn=lines.append)
        lines.append(f"{name}: {4 * network.count_params():,} bytes as float32\n")
    text = "\n".join(lines)
    if run_dir is not None:
        run = RunDirectory(run_dir)
        run.make()
        with replacing(run.path / "summary.txt", ConfigError) as temporary:
            temporary.write_text(text)
    return text
