"""What the page sees of a picture and says of it, in Node, is what Python does."""

import json
import subprocess

import numpy as np
import pytest
from node_scripts import WEB, image_data, run_node
from told_models import vectors

from srlite.data.degradation_vector import Degradation
from srlite.data.kernels import KERNELS
from srlite.runtime.seeing import Estimator

# Up to 5 x 4 parts of 127 would fit; below 15 nothing is seen.
LOOKED_AT = [(15, 15), (14, 200), (24, 200), (191, 190), (127, 128), (600, 500)]


def test_parts_seen_are_those_of_python(node):
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (*size, 3), np.uint8) for size in LOOKED_AT]
    wanted = []

    def look(part):
        parts.append(part)
        light = part.mean()
        return np.float32([[light, 1 - light, 0, 0, 0, 0, light, 0, 0, 0]])

    for picture in pictures:
        parts = []
        wanted.append((Estimator(look)(picture).vector, parts))

    text = json.dumps([image_data(picture) for picture in pictures])
    received = json.loads(run_node([node, WEB / "tests/run_seeing.mjs"], text))

    for (vector, parts), result in zip(wanted, received, strict=True):
        np.testing.assert_allclose(result["vector"], vector, atol=1e-6)
        for part, (height, width, pixels) in zip(parts, result["parts"], strict=True):
            assert part.shape == (1, height, width, 3)
            np.testing.assert_allclose(pixels, part.ravel(), atol=1e-7)


def test_words_are_those_of_python(node):
    sure = [Degradation(tuple(map(float, row))) for row in np.eye(len(KERNELS))]
    cases = [x.vector for x in sure] + [
        Degradation().vector,
        # Just seen, and just not; odds that two kernels share.
        Degradation((0.0, 0.3, 0.3, 0.4, 0.0, 0.0), 96.9, 0.52, 0.21, 0.09).vector,
        Degradation((0.24, 0.0, 0.24, 0.2, 0.2, 0.12), 97.1, 0.48, 0.19, 0.07).vector,
        # As an estimator may miss by a little.
        np.float32([-5e-4, 0, 0, 1.0005, 0, 0, -5e-4, 1.0005, 1, 0.3]),
        *vectors(40),
    ]
    wanted = [Degradation.from_vector(vector) for vector in cases]

    text = json.dumps([vector.tolist() for vector in cases])
    received = json.loads(run_node([node, WEB / "tests/run_degradation.mjs"], text))

    assert [words for words, _ in received] == [str(made) for made in wanted]
    told = [vector for _, vector in received]
    np.testing.assert_allclose(told, [made.vector for made in wanted], atol=1e-6)


SURE = [1, 0, 0, 0, 0, 0, 0.5, 0, 0, 0]


@pytest.mark.parametrize(
    "numbers", [SURE[:9], [0.5] * 10, [0.1] * 10, ["NaN"] * 10, [*SURE[:6], 2, 0, 0, 0]]
)
def test_answers_that_are_no_degradation_are_refused(node, numbers):
    command = [node, WEB / "tests/run_degradation.mjs"]
    run_node(command, json.dumps([SURE]))
    text = json.dumps([numbers])
    run = subprocess.run(command, input=text, capture_output=True, text=True)
    assert run.returncode
    assert "the estimator's answer says nothing of a picture" in run.stderr
