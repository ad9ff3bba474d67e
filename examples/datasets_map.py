"""Enlarge the column `image` of a data set: `pip install datasets`."""

import functools

import numpy as np
from datasets import load_dataset
from PIL import Image

from srlite import Upscaler


@functools.cache  # once for each process of `num_proc`
def upscaler():
    """Load the model."""
    return Upscaler.from_preset("light", num_threads=1)


def enlarge(batch):
    """Return a batch with its pictures enlarged."""
    lr = [np.asarray(picture.convert("RGB")) for picture in batch["image"]]
    return batch | {"image": [Image.fromarray(sr) for sr in upscaler()(lr)]}


if __name__ == "__main__":
    photos = load_dataset("imagefolder", data_dir="photos", split="train")
    photos = photos.map(enlarge, batched=True, batch_size=16, num_proc=2)
    photos.save_to_disk("enlarged")
