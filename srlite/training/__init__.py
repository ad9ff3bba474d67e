"""Photographs to trained networks.

- `command`: the command behind `train.py`: flags -> Config -> recipe.train
- `distribution`: the devices and hosts that a training runs on, and what they agree on
- `guard`: updates that would spoil a run are dropped, on any Keras backend
- `jax_step`: one optimizer update of a stage's networks, jitted by JAX
- `logs`: what a run tells: a progress bar, `metrics.jsonl`, TensorBoard, Weights &
  Biases
- `losses`: losses: each a `keras.losses.Loss` whose `call` returns one value per
  picture
- `meter`: where a training loop's time goes, and the losses it has yet to log
- `objective`: what one update computes, whichever backend differentiates it
- `optimizers`: optimizers whose learning rate a diverging run can lower, and schedules
- `plots`: curves of a run: losses and validation scores against steps, as one PNG
- `preparation`: what a run needs before its first step: options, batches, a backend,
  devices
- `recipe`: the recipe: a `Config`, photographs and a run directory become trained
  networks
- `replicas`: what replicas share while they train, for the code that each of them runs
- `run_directory`: the run directory: what a training run writes, and goes on from
- `stages`: what a stage trains: its networks, optimizers and losses, as its `Config`
  says
- `tensorflow_step`: one optimizer update of a stage's networks, as a `tf.function`
- `trainer`: the one training loop: steps, logs, validation, checkpoints, a way to stop
- `validation`: validation while training: how well pictures come back after each kernel
"""
