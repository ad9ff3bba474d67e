"""The table that the command prints is what the formulas give."""

import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from skimage import data
from skimage.metrics import structural_similarity

from srlite.degradations import KERNELS
from srlite.errors import ConfigError, DataError, ModelError
from srlite.evaluation import main, measure


@pytest.fixture
def folder(tmp_path):
    Image.fromarray(data.astronaut()[:65, 100:187]).save(tmp_path / "a.png")
    Image.fromarray(data.coffee()[:44, :51]).save(tmp_path / "b.png")
    return tmp_path


def test_nearest_by_hand():
    """Enlarging each pixel to a block, after `nearest`, which keeps one of each."""
    hr = data.astronaut()[:64, 100:196]

    def enlarge(lr):
        return lr.repeat(4, axis=0).repeat(4, axis=1)

    weights = np.array([65.481, 128.553, 24.966]) / 255
    difference = (hr - enlarge(hr[2::4, 2::4]).astype(float)) @ weights
    expected = 10 * np.log10(255**2 / np.mean(difference[4:-4, 4:-4] ** 2))
    values = measure(enlarge, [hr, hr], ["nearest", "area"])
    assert values.shape == (2, 2, 2)
    np.testing.assert_allclose(values[:, 0, 0], expected)
    _, places = structural_similarity(
        *(16 + x[4:-4, 4:-4] @ weights for x in (enlarge(hr[2::4, 2::4]), hr)),
        data_range=255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    np.testing.assert_allclose(values[:, 0, 1], places[5:-5, 5:-5].mean())


def test_command(folder, tiny_tflite):
    done = subprocess.run(
        [
            *(sys.executable, "-m", "srlite.evaluation", "--hr-dir", folder),
            *("--model", tiny_tflite, "bicubic"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    header, names, *rows = done.stdout.splitlines()
    assert "(2 pictures)" in header
    assert names.split() == [*KERNELS, "mean"]
    assert [row.split()[0] for row in rows] == ["tiny.tflite", "bicubic"]
    for pattern, step in ((r"\s(\d+\.\d\d)\s", 0.01), (r"\s(0\.\d{4})", 0.0001)):
        figures = [float(f) for f in re.findall(pattern, rows[1])]
        assert len(figures) == len(KERNELS) + 1
        assert figures[-1] == pytest.approx(np.mean(figures[:-1]), abs=step)


def test_refusals(folder, tmp_path):
    with pytest.raises(ConfigError, match="unknown kernel lanczos; there are nearest"):
        main(["--hr-dir", str(folder), "--kernels", "lanczos", "--model", "bicubic"])
    with pytest.raises(ModelError, match="unknown model 'heavy'"):
        main(["--hr-dir", str(folder), "--model", "heavy"])
    with pytest.raises(DataError, match="no such folder"):
        main(["--hr-dir", str(tmp_path / "gone"), "--model", "bicubic"])
