"""Curves: right numbers, limits that show something, a PNG, errors by name."""

import json

import numpy as np
import pytest
from PIL import Image

from srlite.errors import CheckpointError, ConfigError
from srlite.training import plots
from srlite.training.logs import read_metrics
from srlite.training.plots import draw, plot_run, smooth, value_limits


@pytest.fixture
def run_dir(tmp_path):
    """Two stages, of which the first begins with a spike."""
    random = np.random.default_rng(0)
    rows = []
    for step in range(10, 1001, 10):
        pixel = 5.0 if step < 50 else 0.03 + 0.002 * random.random()
        rows.append({"stage": "pretrain", "step": step, "pixel": pixel})
        rows[-1] |= {"g_total": pixel, "steps_per_second": 3.0}
        if step % 100 == 0:
            scores = {"psnr": 25.0 + step / 1000, "psnr_area": 26.0, "psnr_nearest": 24}
            scores |= {"ssim": 0.7 + step / 1e4, "ssim_area": 0.75}
            scores = {f"val/{name}": value for name, value in scores.items()}
            rows.append({"stage": "pretrain", "step": step, **scores})
    for step in range(10, 301, 10):
        losses = {"content": 2.0, "g_adversarial": 3.0, "d_adversarial": 1.0}
        losses |= {"d_accuracy": 0.7, "g_total": 2.015, "data_wait": 0.1}
        rows.append({"stage": "gan", "step": step, **losses})
    rows.append({"stage": "gan", "step": 300, "val/psnr": 25.5, "val/content": 2.5})
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "metrics.jsonl").write_text(lines)
    return tmp_path


def test_reads_curves(run_dir):
    metrics = read_metrics(run_dir / "metrics.jsonl")
    assert list(metrics) == ["pretrain", "gan"]
    steps, values = metrics["pretrain"]["val/psnr"]
    np.testing.assert_array_equal(steps, np.arange(100, 1001, 100))
    np.testing.assert_allclose(values, 25 + steps / 1000)


def test_row_that_is_being_written_is_left_out(run_dir):
    path = run_dir / "metrics.jsonl"
    whole = read_metrics(path)
    with open(path, "a") as file:
        file.write('{"stage": "gan", "step": 310, "conte')
    cut = read_metrics(path)
    steps, values = cut["gan"]["content"]
    assert (steps[-1], len(values)) == (300, len(whole["gan"]["content"][1]))


def test_smoothing_is_a_centred_mean():
    values = np.array([3.0, 1.0, 4.0, 1.0, 5.0, 9.0])
    means = [8 / 3, 9 / 4, 14 / 5, 20 / 5, 19 / 4, 15 / 3]
    np.testing.assert_allclose(smooth(values, 5), means)
    np.testing.assert_allclose(smooth(np.full(50, 2.0), 9), 2.0)


def test_a_spike_does_not_flatten_the_rest():
    steps = np.arange(1, 101.0)
    values = np.where(steps < 6, 1e3, np.sin(steps))
    low, high = value_limits(steps, values)
    assert -1.3 < low < -0.9 and 0.9 < high < 1.3
    low, high = value_limits(steps, np.full(100, 3.0))
    assert low < 3 < high


def test_panels_and_their_curves(run_dir):
    figure = draw(read_metrics(run_dir / "metrics.jsonl"), "Run x")
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == [
        "pixel loss",
        "PSNR of the validation pictures (dB)",
        "SSIM of the validation pictures",
        "content loss",
        "adversarial losses",
        "discriminator's accuracy",
        "PSNR of the validation pictures (dB)",
        "the generator's total loss",
    ]
    pixel, psnr, ssim, content, adversarial = figure.axes[:5]
    assert pixel.get_ylim()[1] < 0.04
    faint, strong = pixel.lines
    assert faint.get_alpha() < 0.5 and strong.get_alpha() is None
    for axes, legend in (
        (psnr, ["mean 26.00", "area 26.00", "nearest 24.00"]),
        (ssim, ["mean 0.8000", "area 0.7500"]),
        (content, ["validation 2.5", "training 2"]),
        (adversarial, ["g_adversarial 3", "d_adversarial 1"]),
    ):
        assert [t.get_text() for t in axes.get_legend().get_texts()] == legend


def test_total_is_drawn_only_where_it_says_more():
    at = np.arange(3.0)
    content, adversarial = (at, 1.0 + at), (at, 2.0 - at)
    for total, drawn in (((at, 1.5 + at), True), (content, False)):
        curves = {"content": content, "g_adversarial": adversarial, "g_total": total}
        figure = draw({"gan": curves}, "Run x")
        titles = [axes.get_title(loc="left") for axes in figure.axes]
        assert ("the generator's total loss" in titles) == drawn
    doubled = {"content": content, "g_total": (at, 2 * content[1])}
    assert len(draw({"gan": doubled}, "Run x").axes) == 1
    assert len(draw({"pretrain": {"g_total": content}}, "Run x").axes) == 1


def test_panels_of_a_conditional_model():
    """Damages and what an estimator sees do not crowd the panels of kernels."""
    names = ["psnr", "psnr_area", "psnr_damaged", "psnr_jpeg75", "ssim_blur"]
    names += ["kernel_64", "kernel_128", "jpeg_64", "noise_64"]
    at = np.arange(3.0)
    curves = {f"val/{name}": (at, i + at) for i, name in enumerate(names)}
    figure = draw({"estimator": curves | {"e_total": (at, 2 - at / 2)}}, "Run x")
    shown = {
        axes.get_title(loc="left"): [t.get_text() for t in legend.get_texts()]
        if (legend := axes.get_legend())
        else axes.get_title(loc="right")
        for axes in figure.axes
    }
    assert shown == {
        "PSNR of the validation pictures (dB)": ["area 3.00", "mean 2.00"],
        "PSNR after damages (dB)": ["jpeg75 5.00", "mean 4.00"],
        "SSIM after damages": "6",
        "kernels that are recognised, share": ["128 pixels 8", "64 pixels 7"],
        "mean error of JPEG quality": "9",
        "mean error of noise (levels)": "10",
        "the estimator's total loss": "1",
    }


def test_names_of_runs_are_no_formulas(run_dir):
    odd = run_dir / "lr$a_$b^{"
    odd.mkdir()
    (run_dir / "metrics.jsonl").rename(odd / "metrics.jsonl")
    assert plot_run(odd) == odd / "metrics.png"


@pytest.mark.parametrize("row", [{"stage": []}, {"step": float("inf")}, {"a": []}])
def test_rows_that_are_no_rows(tmp_path, row):
    path = tmp_path / "metrics.jsonl"
    path.write_text(json.dumps({"stage": "gan", "step": 1, "pixel": 1.0} | row) + "\n")
    with pytest.raises(CheckpointError, match="line 1 of .* is damaged"):
        plot_run(path)


def test_no_text_overlaps(run_dir):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = draw(read_metrics(run_dir / "metrics.jsonl"), "Run x")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    boxes = [axes.get_tightbbox(canvas.get_renderer()) for axes in figure.axes]
    boxes.append(figure._suptitle.get_window_extent())
    assert all(not a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[i + 1 :])
    width, height = figure.bbox.max
    assert all(
        b.x0 >= 0 and b.y0 >= 0 and b.x1 <= width and b.y1 <= height for b in boxes
    )


def test_command(run_dir, capsys):
    assert plots.main([str(run_dir)]) == 0
    path = run_dir / "metrics.png"
    assert capsys.readouterr().out == f"{path}\n"
    with Image.open(path) as image:
        assert image.format == "PNG" and min(image.size) > 500
    zoom = run_dir / "zoom.png"
    assert (
        plots.main([str(run_dir), "--steps", "400", "600", "--output", str(zoom)]) == 0
    )
    with Image.open(zoom) as smaller:
        assert smaller.size[1] < 700  # of the first stage alone


def test_refusals(run_dir, tmp_path):
    with pytest.raises(CheckpointError, match="no such run: there is no .*gone"):
        plot_run(tmp_path / "gone")
    with pytest.raises(ConfigError, match="between steps 5000 and 6000; it ends at"):
        plot_run(run_dir, steps=(5000, 6000))
    with pytest.raises(ConfigError, match="must be a .png file"):
        plot_run(run_dir, run_dir / "x.jpg")
    with pytest.raises(ConfigError, match="cannot write"):
        plot_run(run_dir, run_dir / "gone" / "x.png")
    for line in ('{"stage": "gan", "st', "[1]", '{"stage": "gan", "step": "x"}'):
        damaged = tmp_path / "metrics.jsonl"
        text = '{"stage": "gan", "step": 1, "pixel": 1.0}\n' + line + "\n"
        damaged.write_text(text)
        with pytest.raises(CheckpointError, match="line 2 of .* is damaged"):
            plot_run(damaged)
    damaged.write_text("")
    with pytest.raises(ConfigError, match="nothing to draw in .*; it ends at step 0"):
        plot_run(damaged)
