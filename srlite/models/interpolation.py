"""Network interpolation: between a faithful generator and a vivid one.

    python -m srlite interpolate --psnr-model A --gan-model B --alpha 0.8
        --output C.keras

ESRGAN (Wang et al. 2018, https://arxiv.org/abs/1809.00219, section 3.4, equation 4)
mixes the parameters of two networks of one architecture, of which the second was
trained on from the first: (1 - alpha) * psnr + alpha * gan. Here that is every weight,
BatchNorm's moving statistics included. The mixed statistics are close to, but not
quite, those of the mixed network.

With `--base-model O`, from which B was trained, what that training changed is added to
A instead: A + alpha * (B - O). So a network that was trained on differently since then,
and may be told more, gets the textures of B without a GAN stage of its own (Ilharco et
al. 2023, https://arxiv.org/abs/2212.04089, add such differences). `--hold-colour` adds
the luma of that change alone at the last convolution, where colour is made.
"""

import argparse
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from srlite.errors import ConfigError, ModelError
from srlite.files import replacing
from srlite.models.model_files import estimator_beside, find_estimator, load_generator
from srlite.pictures.levels import BT601

# What a layer's config may differ in between equal architectures: how it began, how it
# was trained, and names that Keras counts up as it goes.
_NO_MATTER = ("name", "trainable", "synchronized")
_NO_MATTER_ENDINGS = ("_initializer", "_regularizer", "_constraint")


def interpolate_weights(psnr: Any, gan: Any, alpha: float) -> list[np.ndarray]:
    """Mix the weights of two networks of one architecture.

    Args:
        psnr: `keras.Model`, or list of its weights as arrays (`get_weights`).
        gan: another one, of the same architecture.
        alpha: share of `gan`, in [0, 1]; 0 gives `psnr` and 1 gives `gan`, to the bit.

    Returns:
        List of NumPy arrays, of every weight, for `set_weights`.

    Raises:
        ConfigError: `alpha` is outside [0, 1].
        ModelError: the architectures differ; names the first difference.
    """
    if not 0 <= alpha <= 1:
        raise ConfigError(f"alpha must lie in [0, 1]; received {alpha}")
    if hasattr(psnr, "get_config") and hasattr(gan, "get_config"):
        if len(psnr.inputs) != len(gan.inputs):
            raise ModelError(
                "the two models are of different architectures: one is conditional, "
                "told how a picture was made, and the other is not; take both from "
                "one run, say"
            )
        _check_layers(_layers(psnr), _layers(gan))
    first, second = (
        [np.asarray(w) for w in (m.get_weights() if hasattr(m, "get_weights") else m)]
        for m in (psnr, gan)
    )
    _check_shapes([w.shape for w in first], [w.shape for w in second])
    if alpha in (0, 1):
        # 1 * a + 0 * b would turn -0 into 0, and b's infinities into NaN.
        return [w.copy() for w in (first, second)[int(alpha)]]
    return [
        ((1 - alpha) * a + alpha * b).astype(a.dtype)
        for a, b in zip(first, second, strict=True)
    ]


def transfer_weights(
    model: Any, base: Any, trained: Any, alpha: float, hold_colour: bool = False
) -> None:
    """Add to a network what training changed in another that it has in common.

    Args:
        model: `keras.Model`, changed in place.
        base: `keras.Model`, each of whose weights `model` has too, by name.
        trained: `keras.Model` of the architecture of `base`.
        alpha: factor on the difference of `trained` from `base`.
        hold_colour: change the luma of the last convolution alone, the same amount in
            red, green and blue. An adversarial stage roughens colour, which nobody
            takes for texture; luma comes out as without this.

    Raises:
        ModelError: the architectures differ, or `model` lacks weights of `base`.
    """
    _check_layers(_layers(base), _layers(trained))
    own = {variable.path: variable for variable in model.variables}
    last = _last_convolution(model).path if hold_colour else None
    for before, after in zip(base.variables, trained.variables, strict=True):
        variable = own.get(before.path)
        if variable is None or variable.shape != before.shape:
            raise ModelError(
                f"the base model has {before.path} of shape {tuple(before.shape)}, "
                "which the first model has not"
            )
        change = np.asarray(after) - np.asarray(before)
        if last is not None and variable.path.startswith(f"{last}/"):
            change = _luma_of(change)
        variable.assign(np.asarray(variable) + np.float32(alpha) * change)


def _last_convolution(model: Any) -> Any:
    """Return the layer that makes the channels of SR."""
    return [x for x in model.layers if type(x).__name__ == "Conv2D"][-1]


def _luma_of(change: np.ndarray) -> np.ndarray:
    """Replace changes of red, green and blue, the fastest axis, by that of luma."""
    if change.shape[-1] % 3:
        return change  # grey has no colour
    rgb = change.reshape(-1, 3)
    return np.repeat(rgb @ BT601, 3).reshape(change.shape)


def _layers(model: Any) -> list[tuple]:
    """Describe what each layer is and which layers it takes, whatever their names."""
    layers = model.get_config()["layers"]
    places = {layer["name"]: place for place, layer in enumerate(layers)}
    described = []
    for layer in layers:
        options = {
            name: value
            for name, value in layer["config"].items()
            if name not in _NO_MATTER and not name.endswith(_NO_MATTER_ENDINGS)
        }
        sources = [places[name] for name in _sources(layer["inbound_nodes"])]
        described.append((layer["name"], layer["class_name"], options, sources))
    return described


def _sources(node: Any) -> Iterator[str]:
    """Yield the names of the layers whose outputs stand anywhere in a nested config."""
    if isinstance(node, dict):
        if "keras_history" in node:
            yield node["keras_history"][0]
        else:
            for value in node.values():
                yield from _sources(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from _sources(value)


def _check_layers(first: list[tuple], second: list[tuple]) -> None:
    for (name, kind, options, sources), other in zip(first, second, strict=False):
        odd = None
        if kind != other[1]:
            odd = f"layer {name} is a {kind} in one and a {other[1]} in the other"
        elif options != other[2]:
            keys = sorted(options.keys() | other[2].keys())
            key = next(k for k in keys if options.get(k) != other[2].get(k))
            odd = (
                f"{key} of layer {name} is {options.get(key)} in one and "
                f"{other[2].get(key)} in the other"
            )
        elif sources != other[3]:
            odd = f"layer {name} takes the outputs of other layers"
        if odd:
            raise ModelError(f"the two models are of different architectures: {odd}")
    if len(first) != len(second):
        raise ModelError(
            "the two models are of different architectures: "
            f"one has {len(first)} layers, the other {len(second)}"
        )


def _check_shapes(first: list[tuple], second: list[tuple]) -> None:
    for place, (a, b) in enumerate(zip(first, second, strict=False)):
        if a != b:
            raise ModelError(
                "the two models are of different architectures: "
                f"weight {place} has shape {a} in one and {b} in the other"
            )
    if len(first) != len(second):
        raise ModelError(
            "the two models are of different architectures: "
            f"one has {len(first)} weights, the other {len(second)}"
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
    args = parser.parse_args(argv)
    if args.hold_colour and not args.base_model:
        raise ConfigError("--hold-colour needs --base-model, whose change is added")
    output = Path(args.output)
    if output.suffix != ".keras" or not output.parent.is_dir():
        raise ModelError(
            f"--output must be a .keras file in a folder that exists; received {output}"
        )
    generator, gan = load_generator(args.psnr_model), load_generator(args.gan_model)
    if args.base_model:
        base = load_generator(args.base_model)
        transfer_weights(generator, base, gan, args.alpha, args.hold_colour)
        made = f"A and {args.alpha:g} of the change from O to B"
    else:
        generator.set_weights(interpolate_weights(generator, gan, args.alpha))
        made = f"{1 - args.alpha:g} of A and {args.alpha:g} of B"
    with replacing(output, ModelError) as temporary:
        generator.save(temporary)
    print(f"{output}: {made}")
    if len(generator.inputs) == 2:
        _bring_estimator(args.psnr_model, output)
    return 0


def _bring_estimator(model: str | os.PathLike, output: Path) -> None:
    """Put the estimator of a conditional model beside what was made of it."""
    try:
        source = find_estimator(model)
    except ModelError as error:
        print(f"note: {error}")
        return
    beside = estimator_beside(output).with_suffix(source.suffix)
    with replacing(beside, ModelError) as temporary:
        temporary.write_bytes(source.read_bytes())
    print(f"{beside}: its estimator")
