"""What a training is asked to do: options, presets.

- `config`: the configuration of a training run: frozen dataclasses, TOML in, JSON out
- `options`: dotted names, types and ranges, files and `--set`
- `papers`: presets of the papers that srlite follows, each number with its source
- `presets`: the recipes of srlite, each number with its reason
- `record`: `config.json`: what a run was asked to do, written down and compared with
- `stages`: the stages' part of the configuration: updates, losses, optimizers
"""
