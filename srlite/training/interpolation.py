"""Network interpolation: between a faithful generator and a vivid one.

    python -m srlite.training.interpolation --psnr-model A --gan-model B --alpha 0.8
        --output C.keras [--recalibrate DIR]

ESRGAN (Wang et al. 2018, https://arxiv.org/abs/1809.00219, section 3.4, equation 4)
mixes the parameters of two networks of one architecture, of which the second was
trained on from the first: (1 - alpha) * psnr + alpha * gan. Here that is every weight,
BatchNorm's moving statistics included. The mixed statistics are close to, but not
quite, those of the mixed network; `--recalibrate` measures them anew on photographs.

The function asks for nothing but arrays; it stands on the second floor because its
command loads models and photographs.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from srlite.errors import ConfigError, ModelError, run_command
from srlite.files import replacing
from srlite.models.loading import load_generator
from srlite.data.photographs import load_images

# What a layer's config may differ in between equal architectures: how it began, how it
# was trained, and names that Keras counts up as it goes.
_NO_MATTER = ("name", "trainable", "synchronized")
_NO_MATTER_ENDINGS = ("_initializer", "_regularizer", "_constraint")


def interpolate_weights(psnr: Any, gan: Any, alpha: float) -> list[np.ndarray]:
    """Mix the weights of two networks of one architecture.

    Args:
        psnr: `keras.Model`, or list of its weights as arrays (`get_weights`).
        gan: likewise, of the same architecture.
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


def _layers(model):
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


def _sources(node):
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


def _check_layers(first, second):
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


def _check_shapes(first, second):
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


def main(argv=None, prog="python -m srlite.training.interpolation"):
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Mix the weights of two generators of one architecture. A model "
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
    parser.add_argument("--output", required=True, metavar="C.keras")
    parser.add_argument(
        "--recalibrate",
        metavar="DIR",
        help="measure BatchNorm's statistics anew on these HR photographs",
    )
    args = parser.parse_args(argv)
    output = Path(args.output)
    if output.suffix != ".keras" or not output.parent.is_dir():
        raise ModelError(
            f"--output must be a .keras file in a folder that exists; received {output}"
        )
    generator, gan = load_generator(args.psnr_model), load_generator(args.gan_model)
    generator.set_weights(interpolate_weights(generator, gan, args.alpha))
    if args.recalibrate:
        # Imports Keras, which `load_generator` has done calmly by now.
        from srlite.training.recalibration import PATCH_SIZE, recalibrate

        photos = load_images(args.recalibrate, min_size=PATCH_SIZE)
        before, after = recalibrate(generator, photos)
        print(f"recalibrated: PSNR {before:.2f} -> {after:.2f} dB on the photographs")
    try:
        with replacing(output) as temporary:
            generator.save(temporary)
    except OSError as error:
        raise ModelError(f"cannot write {output}: {error}") from None
    print(f"{output}: {1 - args.alpha:g} of A and {args.alpha:g} of B")
    return 0


if __name__ == "__main__":
    run_command(main)
