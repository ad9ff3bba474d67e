"""Keras, imported calmly and on the backend that a task needs."""

import contextlib
import os
import sys

from srlite.errors import BackendError


def import_keras(task, tensorflow=False):
    """Import Keras without the chatter of its backend.

    Args:
        task: what needs it, for error messages: "training", "export".
        tensorflow: whether only the TensorFlow backend will do.

    Returns:
        The module `keras`.

    Raises:
        BackendError: Keras or its backend is not installed, or it is another backend.
    """
    asked = os.environ.get("KERAS_BACKEND")
    if tensorflow and asked not in (None, "tensorflow"):
        # Asked first: a backend that is not installed fails while Keras is imported.
        raise BackendError(_wrong_backend(task, asked))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        with silence():
            import keras

            if keras.config.backend() == "tensorflow":
                import tensorflow as tf

                # Devices are looked for at first use, with a complaint for each
                # that is not there.
                tf.config.list_logical_devices()
    except ImportError as error:
        raise BackendError(
            f"{task} needs Keras and TensorFlow ({error}): pip install 'srlite[train]'"
        ) from None
    if tensorflow and keras.config.backend() != "tensorflow":
        raise BackendError(_wrong_backend(task, keras.config.backend()))
    return keras


def _wrong_backend(task, backend):
    return (
        f"{task} needs Keras on TensorFlow, but its backend is {backend!r}: "
        "run again with KERAS_BACKEND=tensorflow"
    )


@contextlib.contextmanager
def silence():
    """Keep what C++ code logs, past Python's own streams, off the terminal."""
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
