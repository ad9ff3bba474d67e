"""Photographs to trained networks.

- `command`: the command behind `train.py`: flags -> Config -> recipe.train
- `distribution`: the devices and hosts that a training runs on
- `guard`: drops updates that would spoil a run; 16 bits
- `jax_step`: one optimizer update, jitted by JAX
- `logs`: a progress bar, `metrics.jsonl`, TensorBoard, Weights & Biases
- `losses`: each a `keras.losses.Loss` that returns one value per picture
- `meter`: the time and the values of updates, and a signal to stop
- `objective`: what one update computes, whichever backend differentiates it
- `optimizers`: Adam and Muon, and schedules of the learning rate
- `plots`: curves of a run, as one PNG
- `preparation`: what a run needs before its first step
- `recipe`: a `Config`, photographs and a run directory become trained networks
- `replicas`: what replicas share while they train
- `run_directory`: what a training run writes, and goes on from
- `stages`: the networks, optimizers and losses of a stage
- `tensorflow_step`: one optimizer update, as a `tf.function`
- `trainer`: the one training loop
- `validation`: how well pictures come back after each kernel
"""
