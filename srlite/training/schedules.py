"""Learning rates over the steps of a stage, the same on every Keras backend.

A step is one optimizer update, counted from 0. Schedules are made of `keras.ops` alone,
so that they may be evaluated inside a compiled update.
"""

import math

import keras
from keras import ops


class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """A linear warm-up to the highest rate, then one of four decays.

    - `constant`: none;
    - `step`: times `decay_factor` after every `decay_every` steps (ESRGAN's pixel
      stage);
    - `multi_step`: times `decay_factor` at each of `boundaries` (ESRGAN's and SRGAN's
      GAN stage);
    - `cosine`: half a cosine from the end of the warm-up to `final_learning_rate` at
      `steps` (Loshchilov and Hutter 2016, https://arxiv.org/abs/1608.03983).

    During the warm-up of n steps the rate of step i is i / n of the highest one.
    """

    def __init__(
        self,
        schedule,
        learning_rate,
        steps,
        warmup_steps=0,
        final_learning_rate=0.0,
        decay_every=None,
        boundaries=(),
        decay_factor=0.5,
    ):
        """Make a schedule.

        Args:
            schedule: "constant", "step", "multi_step" or "cosine".
            learning_rate: the highest one.
            steps: updates of the whole stage; `cosine` alone asks for it.
            warmup_steps: updates until the highest rate is reached.
            final_learning_rate: of `cosine`.
            decay_every: steps, of `step`.
            boundaries: steps, of `multi_step`.
            decay_factor: of `step` and `multi_step`.

        Raises:
            ValueError: `schedule` is another one.
        """
        decays = {
            "constant": lambda step: 1.0,
            "step": self._by_steps,
            "multi_step": self._by_boundaries,
            "cosine": self._by_cosine,
        }
        if schedule not in decays:
            raise ValueError(
                f"schedule must be one of {tuple(decays)}; received {schedule!r}"
            )
        self._decay = decays[schedule]
        self._options = {
            "schedule": schedule,
            "learning_rate": learning_rate,
            "steps": steps,
            "warmup_steps": warmup_steps,
            "final_learning_rate": final_learning_rate,
            "decay_every": decay_every,
            "boundaries": tuple(boundaries),
            "decay_factor": decay_factor,
        }

    def __call__(self, step):
        """Return the learning rate of a step, a float32 scalar."""
        step = ops.cast(step, "float32")
        highest = self._options["learning_rate"]
        rate = ops.cast(highest * self._decay(step), "float32")
        warmup_steps = self._options["warmup_steps"]
        if warmup_steps:
            warming = highest * step / warmup_steps
            rate = ops.where(step < warmup_steps, warming, rate)
        return rate

    def _by_steps(self, step):
        times = ops.floor(step / self._options["decay_every"])
        return ops.power(self._options["decay_factor"], times)

    def _by_boundaries(self, step):
        times = sum(ops.cast(step >= b, "float32") for b in self._options["boundaries"])
        return ops.power(self._options["decay_factor"], times)

    def _by_cosine(self, step):
        warmup_steps = self._options["warmup_steps"]
        length = max(self._options["steps"] - warmup_steps, 1)
        done = ops.clip((step - warmup_steps) / length, 0.0, 1.0)
        last = self._options["final_learning_rate"] / self._options["learning_rate"]
        return last + (1.0 - last) * 0.5 * (1.0 + ops.cos(math.pi * done))

    def get_config(self):
        """Return the arguments that make this schedule again."""
        return dict(self._options)
