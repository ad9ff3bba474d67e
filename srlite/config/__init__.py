"""What a training is asked to do: options, presets.

- `config`: the configuration of a training run: frozen dataclasses, TOML in, JSON out
- `options`: the machinery of options: dotted names, types and ranges, files and `--set`
- `papers`: presets of the papers that srlite follows, each number with its source
- `presets`: presets: the recipes that srlite knows, each number with its reason
- `record`: `config.json`: what a run was asked to do, written down and compared with
- `stages`: the stages' part of a training's configuration: updates, losses, optimizers
"""
