"""What a run needs before its first step: options, photographs, a backend, devices."""

from srlite.backend import import_keras
from srlite.training.distribution import distribute
from srlite.errors import ConfigError
from srlite.memory import available_memory
from srlite.metrics.psnr_ssim import smallest_side
from srlite.data.photographs import load_photographs
from srlite.training.run_directory import STAGES
from srlite.data.sources import split_weight


def check(config, stages):
    """Refuse what would only fail after minutes.

    Raises:
        ConfigError: options do not go with each other, or there is no such stage.
    """
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
    crop, least = config.data.validation_crop, smallest_side(config.scale)
    if 0 < crop < least:
        raise ConfigError(
            f"data.validation_crop must be 0 or at least {least}; received {crop}"
        )


def find_sources(config, stages, data_dirs):
    """Map each stage to its sources of photographs.

    Raises:
        ConfigError: a stage has none.
    """
    sources = {}
    for stage in stages:
        own = getattr(config, stage).sources
        sources[stage] = own or [str(source) for source in data_dirs]
        if not sources[stage]:
            raise ConfigError(
                f"stage {stage} has no photographs: give --data-dir or {stage}.sources"
            )
    return sources


def smallest_sizes(config, sources):
    """Map each source, without its weight, to the largest patch cut from it."""
    min_sizes = {}
    for stage, names in sources.items():
        for _, source in map(split_weight, names):
            size = getattr(config, stage).patch_size
            min_sizes[source] = max(size, min_sizes.get(source, 0))
    return min_sizes


def load_sources(config, min_sizes, pack):
    """Decode the photographs of all stages, each source once."""
    gigabytes = config.data.memory_gb
    return load_photographs(
        min_sizes,
        scale=config.scale,
        max_bytes=available_memory() // 2 if gigabytes is None else gigabytes * 1e9,
        pack=pack,
    )


def prepare_backend(single_device):
    """Import Keras and choose devices; the same seed will give the same bits."""
    backends = ("tensorflow", "jax")
    keras = import_keras("training", backends=backends, find_devices=False)
    devices = distribute(keras.config.backend(), single_device)
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    return keras, devices
