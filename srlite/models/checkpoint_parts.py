"""Tensors in a folder of files of limited size, for places that take no large ones.

`index.json` names the files and holds the metadata. Each part of a checkpoint (what
stands before the first `/` in a tensor's name) has files of its own, as many as its
size asks for: `generator-1.safetensors`, ... A tensor that is itself too large is cut
into flat pieces `name#0`, `name#1`, ..., whose shape the index knows.
"""

import json
import math
import os

import numpy as np

INDEX = "index.json"
# What a tensor takes in a file's header beside its name, and a header beside tensors.
_ENTRY, _HEADER = 150, 1024


def write(folder, tensors, metadata, part_size):
    """Write tensors into an empty folder.

    Args:
        folder: `Path`.
        tensors: dict of `part/path` to NumPy array.
        metadata: dict that JSON can hold.
        part_size: highest size of a file in bytes; 64 KiB at least.

    Raises:
        OSError: the disk is full, say.
    """
    from safetensors.numpy import save_file

    files, shapes, room, counts = {}, {}, {}, {}
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
        _sync(folder / name)
    index = {**metadata, "files": list(files), "shapes": shapes}
    (folder / INDEX).write_text(json.dumps(index))
    _sync(folder / INDEX)


def read(folder):
    """Read what `write` wrote.

    Returns:
        (metadata, tensors).

    Raises:
        ValueError, KeyError, TypeError, AttributeError, SafetensorError: a file is
            missing or damaged.
    """
    from safetensors.numpy import load_file

    def whole(name):
        if not (folder / name).is_file():
            raise ValueError(f"{name} is missing")
        return folder / name

    index = json.loads(whole(INDEX).read_text())
    pieces = {}
    for name in index.pop("files"):
        pieces |= load_file(whole(name))
    for name, shape in index.pop("shapes").items():
        count = sum(key.rpartition("#")[0] == name for key in pieces)
        flat = [pieces.pop(f"{name}#{i}") for i in range(count)]
        pieces[name] = np.concatenate(flat).reshape(shape)
    return index, pieces


def _sync(path):
    with open(path, "rb+") as file:
        os.fsync(file.fileno())
