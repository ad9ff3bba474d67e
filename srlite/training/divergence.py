"""Going back: a stage that diverges goes on from its last checkpoint, more slowly."""

import collections

from srlite.models import checkpoints
from srlite.errors import DivergenceError

# To the same checkpoint; the learning rate is then 1/32 of what it was there.
MOST_RESCUES = 5


def train_with_rescue(
    train, step, parts, *, first_step, directory, stage, checkpoint_every, save, say
):
    """Train, and go back with half the learning rate whenever it diverges.

    It goes back to the newest checkpoint of those that a run without a stop has too,
    where there is one; before the first checkpoint, to the start. The checkpoint is
    written anew with the halved rate, so that a resumed run does not diverge again.

    Args:
        train: function of `first_step` that trains and returns the updates done.
        step: `TensorFlowStep` or `JaxStep`.
        parts: dict of name to what checkpoints hold; its optimizers, named
            `..._optimizer`, are `optimizers.ScaledAdam`.
        first_step: updates already done.
        directory: folder of the checkpoints.
        stage: "pretrain" or "gan".
        checkpoint_every: steps.
        save: function of the number of updates done; writes a checkpoint.
        say: called with a sentence each time.

    Returns:
        What `train` returns.

    Raises:
        DivergenceError: it went back to the same checkpoint too often.
    """
    optimizers = [part for name, part in parts.items() if name.endswith("_optimizer")]
    start = checkpoints.values(parts) if first_step == 0 else None
    rescues = collections.Counter()
    while True:
        try:
            return train(first_step=first_step)
        except DivergenceError as error:
            step.sync()
            found = checkpoints.find(directory, stage)
            regular = [n for n, _ in found if n % checkpoint_every == 0]
            if regular or start is None:
                first_step = regular[-1] if regular else found[-1][0]
                checkpoints.load(dict(found)[first_step], parts)
            else:
                first_step = 0
                checkpoints.assign(start, parts, "the start")
            former = float(optimizers[0].factor)
            if rescues[first_step] == MOST_RESCUES:
                raise DivergenceError(
                    f"stage {stage} diverges after step {first_step} even with "
                    f"{former:g} of its learning rate ({error}); begin anew with "
                    "other data, loss weights or a lower learning rate"
                ) from None
            rescues[first_step] += 1
            for optimizer in optimizers:
                optimizer.factor.assign(former / 2)
            checkpoints.remove_after(directory, stage, first_step)
            save(first_step)
            say(
                f"stage {stage} diverged ({error}); going back to step {first_step} "
                f"with {former / 2:g} of the learning rate"
            )
