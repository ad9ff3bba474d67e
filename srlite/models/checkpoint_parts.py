"""Tensors in a folder of files of limited size.

`index.json` names the files and holds the metadata. Each part of a checkpoint (before
the first `/` in a tensor's name) has as many files as it needs:
`generator-1.safetensors`, ... A tensor that is too large is cut into flat pieces
`name#0`, `name#1`, ..., and the index has its shape.
"""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from srlite.backend import import_safetensors
from srlite.files import sync

INDEX = "index.json"
# Bytes in a file's header: for each tensor besides its name, and for the rest.
_ENTRY, _HEADER = 150, 1024


def write(
    folder: Path, tensors: dict[str, np.ndarray], metadata: dict, part_size: int
) -> None:
    """Write arrays by `part/path` into an empty folder, in files of `part_size` bytes.

    Raises OSError if the disk is full, for instance.
    """
    save_file = import_safetensors().numpy.save_file
    files: dict[str, dict] = {}
    shapes: dict[str, list[int]] = {}
    room: dict[str, int] = {}
    counts: dict[str, int] = {}
    for name, tensor in tensors.items():
        part = name.split("/")[0]
        size = part_size - _HEADER - _ENTRY - 2 * len(name)
        pieces = {name: tensor}
        if tensor.nbytes > size:
            shapes[name] = list(tensor.shape)
            count = math.ceil(tensor.size / (size // tensor.itemsize))
            flat = np.array_split(tensor.reshape(-1), count)
            pieces = {f"{name}#{i}": piece for i, piece in enumerate(flat)}
        for key, piece in pieces.items():
            need = piece.nbytes + len(key) + _ENTRY
            if need > room.get(part, 0):
                counts[part] = counts.get(part, 0) + 1
                room[part] = part_size - _HEADER
            files.setdefault(f"{part}-{counts[part]}.safetensors", {})[key] = piece
            room[part] -= need
    for name, held in files.items():
        save_file(held, folder / name)
        sync(folder / name)
    index = {**metadata, "files": list(files), "shapes": shapes}
    (folder / INDEX).write_text(json.dumps(index))
    sync(folder / INDEX)


def read(folder: Path) -> tuple[dict, dict[str, np.ndarray]]:
    """Read (metadata, tensors) as `write` took them.

    Raises ValueError, KeyError, TypeError, AttributeError or SafetensorError if a file
    is missing or damaged.
    """
    load_file = import_safetensors().numpy.load_file

    def whole(name: str) -> Path:
        if not (folder / name).is_file():
            raise ValueError(f"{name} is missing")
        return folder / name

    index = json.loads(whole(INDEX).read_text())
    pieces: dict[str, Any] = {}
    for name in index.pop("files"):
        pieces |= load_file(whole(name))
    for name, shape in index.pop("shapes").items():
        count = sum(key.rpartition("#")[0] == name for key in pieces)
        flat = [pieces.pop(f"{name}#{i}") for i in range(count)]
        pieces[name] = np.concatenate(flat).reshape(shape)
    return index, pieces
