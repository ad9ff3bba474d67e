"""The layers of networks and the sizes of their parameters, as text."""

import math


def describe(networks):
    """Write out networks layer by layer, and their sizes.

    Args:
        networks: dict of name to `keras.Model`.

    Returns:
        Text: per network a table of its layers (name, kind, shape of the output, number
        of parameters), then a line per network with its number of parameters, how many
        of them are trained, and their bytes as float32.
    """
    parts = [_table(name, network) for name, network in networks.items()]
    for name, network in networks.items():
        total = network.count_params()
        trainable = sum(math.prod(v.shape) for v in network.trainable_variables)
        parts.append(
            f"{name}: {total:,} parameters, {trainable:,} of them trainable; "
            f"{4 * total:,} bytes as float32\n"
        )
    return "".join(parts)


def _table(name, network):
    rows = [("layer", "kind", "output", "parameters")]
    for layer in network.layers:
        shape = ", ".join("?" if n is None else str(n) for n in layer.output.shape)
        count = f"{layer.count_params():,}"
        rows.append((layer.name, type(layer).__name__, f"({shape})", count))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [name, "-" * len(name)]
    for *texts, count in rows:
        cells = [text.ljust(width) for text, width in zip(texts, widths)]
        lines.append("  ".join([*cells, count.rjust(widths[-1])]))
    return "\n".join(lines) + "\n\n"
