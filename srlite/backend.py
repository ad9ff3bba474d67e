"""Import what the extras install, or raise a sentence about what is missing."""

import contextlib
import os
import sys
from typing import Any

from srlite.errors import BackendError

_NAMES = {"tensorflow": "TensorFlow", "jax": "JAX"}
_EXTRAS = {"tensorflow": "train", "jax": "jax"}


def import_keras(task, backends=(), find_devices=True):
    """Import Keras without the chatter of its backend.

    Error messages say what needs it: a `task` such as "training". `backends` are those
    that will do, of "tensorflow" and "jax"; any if empty. Without `find_devices`,
    finding them is left to `distribution`. Raises BackendError if Keras or its backend
    is not installed, or it is another backend.
    """
    asked = os.environ.get("KERAS_BACKEND")
    if asked:  # First: a backend that is not installed fails while Keras is imported.
        _check_backend(task, asked, backends)
    # Failures are raised too; the rest is noise.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with silence():
            import keras

            backend = keras.config.backend()
            if backend == "tensorflow" and find_devices:
                import tensorflow as tf

                # TensorFlow looks for devices at first use, and complains of each that
                # is missing.
                tf.config.list_logical_devices()
    except ImportError as error:
        backend = asked if asked in _NAMES else "tensorflow"
        other = [name for name in backends if name != backend]
        hint = "".join(f", or run again with KERAS_BACKEND={name}" for name in other)
        raise BackendError(
            f"{task} needs Keras and {_NAMES[backend]} ({error}): "
            f"pip install 'srlite[{_EXTRAS[backend]}]'{hint}"
        ) from None
    _check_backend(task, backend, backends)
    return keras


def import_safetensors() -> Any:
    """Import safetensors, which reads and writes checkpoints, or raise BackendError."""
    try:
        import safetensors.numpy
    except ImportError as error:
        raise BackendError(
            f"checkpoints need safetensors ({error}): pip install 'srlite[train]'"
        ) from None
    return safetensors


def _check_backend(task, backend, backends):
    if backends and backend not in backends:
        names = " or ".join(_NAMES[name] for name in backends)
        raise BackendError(
            f"{task} needs Keras on {names}, but its backend is {backend!r}: run again "
            f"with KERAS_BACKEND={backends[0]}"
        )


@contextlib.contextmanager
def silence():
    """Hide what C++ code logs outside Python's own streams."""
    sys.stdout.flush()
    sys.stderr.flush()
    with contextlib.ExitStack() as stack, open(os.devnull, "w") as nowhere:
        for stream in (1, 2):
            saved = os.dup(stream)
            stack.callback(os.close, saved)
            stack.callback(os.dup2, saved, stream)
            os.dup2(nowhere.fileno(), stream)
        stack.callback(sys.stdout.flush)
        yield
