"""Network interpolation, between a faithful generator and a vivid one.

    python -m srlite interpolate --psnr-model A --gan-model B --alpha 0.8
        --output C.keras

ESRGAN (Wang et al. 2018, https://arxiv.org/abs/1809.00219, section 3.4, equation 4)
mixes the parameters of two networks of one architecture, the second trained further
from the first: (1 - alpha) * psnr + alpha * gan. Here that is every weight, BatchNorm's
moving statistics included; the mixed statistics are close to those of the mixed
network.

With `--base-model O`, from which B was trained, A gets what that training changed:
A + alpha * (B - O) (Ilharco et al. 2023, https://arxiv.org/abs/2212.04089). So a
network that was trained differently since, and may be conditional, gets the textures of
B without a GAN stage of its own. `--hold-colour` adds only the luma of the change to
the last convolution, which makes colour.
"""

import argparse
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from srlite.errors import ConfigError, ModelError, arguments_of
from srlite.files import is_same_file, replacing
from srlite.models.model_files import (
    estimator_beside,
    find_estimator,
    find_model,
    load_generator,
)
from srlite.pictures.levels import BT601

# Layers of equal architectures may differ in how they begin and train, and in name.
_NO_MATTER = ("name", "trainable", "synchronized")
_NO_MATTER_ENDINGS = ("_initializer", "_regularizer", "_constraint")


def interpolate_weights(psnr: Any, gan: Any, alpha: float) -> list[np.ndarray]:
    """Mix the weights of two Functional `keras.Model`s of one architecture.

    Args:
        psnr: the model that `alpha` 0 gives, to the bit.
        gan: the model that `alpha` 1 gives, to the bit.
        alpha: share of `gan`, in [0, 1].

    Returns:
        List of every weight, NumPy arrays for `set_weights`.

    Raises:
        ConfigError: `alpha` is outside [0, 1].
        ModelError: the architectures differ; names the first difference.
    """
    if not 0 <= alpha <= 1:
        raise ConfigError(f"alpha must lie in [0, 1]; received {alpha}")
    if len(psnr.inputs) != len(gan.inputs):
        raise ModelError(
            "the two models are of different architectures: one is conditional, and "
            "the other is not; take both from one run"
        )
    _check_layers(psnr, gan)
    if alpha in (0, 1):
        # 1 * a + 0 * b would turn -0 into 0, and b's infinities into NaN.
        return (psnr, gan)[int(alpha)].get_weights()
    return [
        ((1 - alpha) * a + alpha * b).astype(a.dtype)
        for a, b in zip(psnr.get_weights(), gan.get_weights(), strict=True)
    ]


def transfer_weights(
    model: Any, base: Any, trained: Any, alpha: float, hold_colour: bool = False
) -> None:
    """Add to a network what training changed in another one.

    Args:
        model: `keras.Model`, changed in place.
        base: `keras.Model`; `model` must have all its weights, by name.
        trained: `keras.Model` of the architecture of `base`.
        alpha: factor on the difference of `trained` from `base`.
        hold_colour: change only the luma of the last convolutions, the same amount in
            red, green and blue, because an adversarial stage roughens colour, which
            nobody takes for texture.

    Raises:
        ModelError: the architectures differ, or `model` lacks weights of `base`.
    """
    from srlite.models.generators import last_convolutions

    _check_layers(base, trained)
    own = {variable.path: variable for variable in model.variables}
    last = {v.path for x in last_convolutions(model) for v in x.variables}
    for before, after in zip(base.variables, trained.variables, strict=True):
        variable = own.get(before.path)
        if variable is None or variable.shape != before.shape:
            raise ModelError(
                f"the base model has {before.path} of shape {tuple(before.shape)}, "
                "which the first model has not"
            )
        change = np.asarray(after) - np.asarray(before)
        if hold_colour and variable.path in last:
            change = _luma_of(change)
        variable.assign(np.asarray(variable) + np.float32(alpha) * change)


def _luma_of(change: np.ndarray) -> np.ndarray:
    """Replace changes of red, green and blue, on the fastest axis, by luma's."""
    if change.shape[-1] % 3:
        return change  # grey has no colour
    rgb = change.reshape(-1, 3)
    return np.repeat(rgb @ BT601, 3).reshape(change.shape)


def _layers(model: Any) -> list[tuple[str, dict]]:
    """Return the name of each layer, its options and the places of its inputs."""
    from keras import tree

    places = {id(step.output): place for place, step in enumerate(model.operations)}
    described = []
    for step in model.operations:
        options = {"kind": type(step).__name__} | {
            name: value
            for name, value in step.get_config().items()
            if name not in _NO_MATTER and not name.endswith(_NO_MATTER_ENDINGS)
        }
        options["input"] = [places[id(tensor)] for tensor in tree.flatten(step.input)]
        described.append((step.name, options))
    return described


def _check_layers(one: Any, other: Any) -> None:
    """Raise ModelError, with the first difference, for unlike architectures."""
    first, second = _layers(one), _layers(other)
    unlike = "the two models are of different architectures"
    for (name, options), (_, others) in zip(first, second, strict=False):
        for key in dict.fromkeys([*options, *others]):
            if options.get(key) != others.get(key):
                raise ModelError(
                    f"{unlike}: {key} of layer {name} is {options.get(key)} in one and "
                    f"{others.get(key)} in the other"
                )
    if len(first) != len(second):
        raise ModelError(
            f"{unlike}: one has {len(first)} layers, the other {len(second)}"
        )


def main(
    argv: Sequence[str] | None = None, prog: str = "python -m srlite interpolate"
) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Mix the weights of two generators of the same shape. A model "
        "is a .keras file, a checkpoint, a run directory or a shipped name.",
    )
    parser.add_argument("--psnr-model", required=True, metavar="A")
    parser.add_argument("--gan-model", required=True, metavar="B")
    parser.add_argument(
        "--alpha",
        type=float,
        default=0.8,
        help="share of B, from 0 to 1 (default: %(default)s, ESRGAN's)",
    )
    parser.add_argument(
        "--base-model",
        metavar="O",
        help="what B was trained from: add --alpha of the change from O to B to A",
    )
    parser.add_argument(
        "--hold-colour",
        action="store_true",
        help="with --base-model: leave colour to A, and add the change in luma alone",
    )
    parser.add_argument("--output", required=True, metavar="C.keras")
    args = parser.parse_args(arguments_of(argv))
    if not math.isfinite(args.alpha):
        raise ConfigError(f"--alpha must be a finite number; received {args.alpha}")
    if args.hold_colour and not args.base_model:
        raise ConfigError("--hold-colour needs --base-model, whose change is added")
    output = Path(args.output)
    if output.suffix != ".keras" or not os.path.isdir(output.parent):
        raise ModelError(
            f"--output must be a .keras file in a folder that exists; received {output}"
        )
    given = [args.psnr_model, args.gan_model]
    if args.base_model:
        given.append(args.base_model)
    models = [find_model(model, trained=True) for model in given]
    if any(is_same_file(output, model) for model in models):
        raise ModelError(f"{output} is read too; give another --output to keep it")
    generator, gan, *bases = map(load_generator, models)
    if bases:
        transfer_weights(generator, bases[0], gan, args.alpha, args.hold_colour)
        made = f"A and {args.alpha:g} of the change from O to B"
    else:
        generator.set_weights(interpolate_weights(generator, gan, args.alpha))
        made = f"{1 - args.alpha:g} of A and {args.alpha:g} of B"
    from srlite.models.generators import is_conditional

    source, beside = None, estimator_beside(output)
    if is_conditional(generator):
        try:
            source = find_estimator(args.psnr_model)
        except ModelError as error:
            print(f"note: {error}")
    if source and source.suffix != beside.suffix and beside.exists():
        raise ModelError(
            f"{beside} is there, and would be used instead of {source.name}, which "
            "belongs to A; remove it, or give another --output"
        )
    with replacing(output, ModelError) as temporary:
        generator.save(temporary)
    print(f"{output}: {made}")
    if source:
        beside = beside.with_suffix(source.suffix)
        with replacing(beside, ModelError) as temporary:
            temporary.write_bytes(source.read_bytes())
        print(f"{beside}: its estimator")
    return 0
