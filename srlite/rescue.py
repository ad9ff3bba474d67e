"""Going back: a stage that diverges goes on from its last checkpoint, more slowly."""

from srlite import checkpoints
from srlite.errors import DivergenceError

SMALLEST_FACTOR = 1 / 32  # of the learning rate; five times back is enough


def train_with_rescue(train, first_step, parts, directory, stage, save, say):
    """Train, and go back with half the learning rate whenever it diverges.

    The checkpoint is written anew with the halved rate, so that a resumed run does not
    diverge once more.

    Args:
        train: function of `first_step` that trains and returns the updates done.
        first_step: updates already done.
        parts: dict of name to what checkpoints hold; its optimizers, named
            `..._optimizer`, are `guard.ScaledAdam`.
        directory: folder of the checkpoints.
        stage: "pretrain" or "gan".
        save: function of the number of updates done; writes a checkpoint.
        say: called with a sentence each time.

    Returns:
        What `train` returns.

    Raises:
        DivergenceError: there is no checkpoint yet, or the learning rate has been
            halved five times.
    """
    optimizers = [part for name, part in parts.items() if name.endswith("_optimizer")]
    while True:
        try:
            return train(first_step=first_step)
        except DivergenceError as error:
            found = checkpoints.find(directory, stage)
            if not found:
                raise DivergenceError(
                    f"stage {stage} diverged before its first checkpoint: {error}"
                ) from None
            step = checkpoints.load(found[-1][1], parts)["step"]
            factor = float(optimizers[0].factor) / 2
            if factor < SMALLEST_FACTOR:
                raise DivergenceError(
                    f"stage {stage} diverges after step {step} even with "
                    f"{2 * factor:g} of its learning rate; look at the data and the "
                    "loss weights"
                ) from None
            for optimizer in optimizers:
                optimizer.factor.assign(factor)
            save(step)
            say(
                f"stage {stage} diverged: {error}; going back to step {step} with "
                f"{factor:g} of the learning rate"
            )
            first_step = step
