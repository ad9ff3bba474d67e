"""What replicas share while they train, for the code that each of them runs.

A replica (`tf.distribute`) is a device with a copy of every variable that sees its part
of each batch. `keras.losses.Loss` divides by the number of replicas, and optimizers add
up gradients; the rest is here, so that several compute what one computes on the whole
batch.
"""

import keras
from keras import ops


def num_replicas():
    """Count the replicas of the current strategy."""
    if keras.config.backend() != "tensorflow":
        return 1
    import tensorflow as tf

    return tf.distribute.get_strategy().num_replicas_in_sync


def global_mean(x):
    """Average a tensor over its axes and all replicas; gradients flow to each."""
    mean = ops.mean(x)
    return mean if num_replicas() == 1 else _all_reduce("MEAN", mean)


def global_sum(values):
    """Add up a tensor, or a dict of tensors, over all replicas."""
    return values if num_replicas() == 1 else _all_reduce("SUM", values)


def own_part(batch):
    """Take a replica's part of a batch, a dict of tensors, along the first axis."""
    import tensorflow as tf

    number = tf.distribute.get_replica_context().replica_id_in_sync_group
    count = num_replicas()
    return {
        name: tf.reshape(x, (count, x.shape[0] // count, *x.shape[1:]))[number]
        for name, x in batch.items()
    }


def clip_together(gradients, norm):
    """Clip the norm of the sum of all replicas' gradients, tensors of this replica.

    An optimizer would clip each replica's gradients before adding them up, which is
    something else. The results of all replicas add up to the clipped sum.
    """
    import tensorflow as tf

    clipped, _ = tf.clip_by_global_norm(_all_reduce("SUM", gradients), norm)
    return [gradient / num_replicas() for gradient in clipped]


def synchronize(network):
    """Make BatchNorm take its statistics from all replicas, in place.

    JAX refuses a file with this setting, so the network must not be saved.
    """
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True


def _all_reduce(how, value):
    import tensorflow as tf

    return tf.distribute.get_replica_context().all_reduce(how, value)
