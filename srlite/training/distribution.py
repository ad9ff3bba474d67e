"""The devices and hosts that a training runs on, and what they agree on.

On TensorFlow several GPUs of one host train through `tf.distribute.MirroredStrategy`,
several hosts, named by the environment variable TF_CONFIG, through
`MultiWorkerMirroredStrategy`. One device needs no strategy, nor do several of JAX's,
which `JaxStep` shares each batch among. A worker is the process on one host. Only the
first one, the chief, reads and writes the run directory; it sends the others what it
read. When one ends with an error, TensorFlow ends the others.
"""

import contextlib
import json
import os
import sys
import zlib

import numpy as np

from srlite.backend import silence
from srlite.errors import BackendError, ConfigError


class Distribution:
    """Where a training runs; without arguments, on one device.

    All workers must call `require_same`, `any`, `from_chief` and `share` in the same
    order.
    """

    def __init__(
        self, strategy=None, worker=0, num_workers=1, note=None, num_replicas=1
    ):
        """Describe a distribution.

        Worker 0 is the chief. `note` is a sentence for the user. `num_replicas` is the
        number of JAX's devices; that of TensorFlow's is the strategy's.
        """
        self._strategy = strategy
        self._total = None
        self.num_workers = num_workers
        self.worker = worker
        self.note = note
        self.num_replicas = strategy.num_replicas_in_sync if strategy else num_replicas

    @property
    def chief(self):
        """Whether this worker reads and writes the run directory."""
        return self.worker == 0

    def scope(self):
        """Return a context in which networks, optimizers, losses and steps are made."""
        if self._strategy is None:
            return contextlib.nullcontext()
        return self._strategy.scope()

    def require_whole_parts(self, option, batch_size):
        """Raise ConfigError for a batch that the devices cannot share evenly."""
        if batch_size % self.num_replicas:
            raise ConfigError(
                f"{option} must be a multiple of the {self.num_replicas} devices that "
                f"share each batch; received {batch_size}"
            )

    def require_same(self, what, content):
        """Raise ConfigError on all workers when one differs from the chief.

        `content` is a function that returns, as bytes, what must be the same; `what`
        names it.
        """
        if self.num_workers == 1:
            return
        own = zlib.crc32(content())
        if self.any(own != self.from_chief(own)):
            raise ConfigError(f"all workers need the same {what}, but theirs differ")

    def any(self, flag):
        """Return whether `flag` is true on any worker."""
        if self.num_workers == 1:
            return bool(flag)
        return bool(self._sum(np.array([flag], np.float64))[0])

    def from_chief(self, value):
        """Return the chief's value, a number or an array that is exact in float64.

        Other workers pass any value of its shape. With several the result is a float64
        array.
        """
        if self.num_workers == 1:
            return value
        value = np.asarray(value, np.float64)
        flat = value.ravel() if self.chief else np.zeros(value.size)
        return self._sum(flat).reshape(value.shape)

    def share(self, parts):
        """Set all workers' variables of `parts`, a dict, to those of the chief."""
        if self.num_workers == 1:
            return
        for part in parts.values():
            values = [np.asarray(variable) for variable in part.variables]
            ends = np.cumsum([value.size for value in values])[:-1]
            flat = np.concatenate([value.ravel() for value in values], dtype=np.float64)
            shared = np.split(self.from_chief(flat), ends)
            triples = zip(part.variables, values, shared, strict=True)
            for variable, value, new in triples:
                variable.assign(new.reshape(value.shape).astype(value.dtype))

    def reader(self, model):
        """Return a function that returns the current `model` to run or save.

        With a strategy it is a copy: the model itself would predict on all devices.
        """
        if self._strategy is None:
            return lambda: model
        import keras

        copy = keras.models.clone_model(model)

        def read():
            copy.set_weights(model.get_weights())
            return copy

        return read

    def _sum(self, values):
        """Add up float64 numbers (n,) over the workers."""
        import tensorflow as tf

        if self._total is None:
            replicas_here = self.num_replicas // self.num_workers

            def contribute(values):
                context = tf.distribute.get_replica_context()
                # One device of each worker counts.
                counts = context.replica_id_in_sync_group % replicas_here == 0
                part = tf.where(counts, values, tf.zeros_like(values))
                return context.all_reduce("SUM", part)

            @tf.function(input_signature=[tf.TensorSpec([None], tf.float64)])
            def total(values):
                sums = self._strategy.run(contribute, args=(values,))
                return self._strategy.experimental_local_results(sums)[0]

            self._total = total
        try:
            return self._total(values).numpy()
        except tf.errors.OpError:
            raise BackendError(
                "another worker has ended early; its own message says why"
            ) from None


def distribute(backend, single_device=False):
    """Choose the devices of a Keras backend: all that are visible, or the first.

    Raises ConfigError for an unusable TF_CONFIG; BackendError if the backend cannot
    train on several hosts, or has already looked for devices.
    """
    worker, num_workers = _read_cluster(os.environ.get("TF_CONFIG"))
    if num_workers > 1:
        if single_device:
            raise ConfigError(
                f"TF_CONFIG names {num_workers} workers, which does not go with a "
                "single device: unset one of them"
            )
        return _several_hosts(backend, worker, num_workers)
    if backend == "jax":
        import jax

        devices = jax.local_devices()
        if single_device:
            jax.config.update("jax_default_device", devices[0])
        # A default device is one that was chosen, here or by the caller, to train on.
        if len(devices) == 1 or jax.config.jax_default_device is not None:
            return Distribution()
        return Distribution(
            note=f"training on {len(devices)} devices", num_replicas=len(devices)
        )
    import tensorflow as tf

    with silence():
        if single_device:
            with contextlib.suppress(RuntimeError):  # too late; it only saves memory
                first = tf.config.get_visible_devices("GPU")[:1]
                tf.config.set_visible_devices(first, "GPU")
        kinds = map(tf.config.list_logical_devices, ("GPU", "CPU"))
        devices = next(filter(None, kinds))
        if single_device or len(devices) == 1:
            return Distribution()
        strategy = tf.distribute.MirroredStrategy([device.name for device in devices])
    return Distribution(strategy, note=f"training on {len(devices)} devices")


def _several_hosts(backend, worker, num_workers):
    if backend != "tensorflow":
        raise BackendError(
            f"TF_CONFIG names {num_workers} workers, but several hosts train on "
            "TensorFlow alone: unset it, or set KERAS_BACKEND=tensorflow"
        )
    import tensorflow as tf

    print(f"worker {worker} waits for all {num_workers} to start", file=sys.stderr)
    try:
        with silence():
            strategy = tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise BackendError(f"several hosts cannot train together: {error}") from None
    note = (
        f"training on {strategy.num_replicas_in_sync} devices of {num_workers} workers"
    )
    return Distribution(strategy, worker, num_workers, note)


def _read_cluster(text):
    """Return (number of this worker, number of workers), chief first, from TF_CONFIG.

    Raises ConfigError if it is not a cluster of workers.
    """
    try:
        config = json.loads(text or "{}")
        cluster = config.get("cluster", {})
        names = [(k, i) for k in sorted(cluster) for i, _ in enumerate(cluster[k])]
        if len(names) <= 1:
            return 0, 1
        task = config["task"]["type"], int(config["task"]["index"])
        if set(cluster) <= {"chief", "worker"} and task in names:
            return names.index(task), len(names)
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    raise ConfigError(
        'TF_CONFIG must be like {"cluster": {"worker": ["host:port", ...]}, '
        f'"task": {{"type": "worker", "index": 0}}}}; received {text}'
    )
