"""The notebooks: clean in the repository, and each runs from top to bottom.

The first keeps its figure, so that whoever reads it on a web site sees one.
"""

import os
import sys
from pathlib import Path

import nbformat
import pytest
from PIL import Image
from skimage import data

ROOT = Path(__file__).parents[1]
NOTEBOOKS = {path.stem: path for path in sorted((ROOT / "notebooks").glob("*.ipynb"))}
TINY = (
    "--set pretrain.patch_size=32 pretrain.batch_size=2 pretrain.steps=2 "
    "gan.patch_size=32 gan.batch_size=2 gan.steps=2 "
)
SMALL = (
    f"{TINY} generator.filters=8 generator.num_blocks=1 discriminator.filters=[4,8] "
)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_nothing_is_kept_of_a_run(name):
    notebook = nbformat.read(NOTEBOOKS[name], as_version=4)
    nbformat.validate(notebook)
    assert "papermill" not in notebook.metadata
    outputs = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            outputs += cell.outputs
            assert cell.execution_count is None
    if name == "enhance":
        (figure,) = outputs
        assert set(figure.data) == {"image/png"} and figure.metadata == {}
        assert len(figure.data["image/png"]) < 400_000
    else:
        assert outputs == []
    tagged = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", ())]
    assert len(tagged) == 1


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A function that runs a notebook with other parameters, as if installed."""
    from nbclient import NotebookClient

    command = tmp_path / "bin" / "srlite"
    command.parent.mkdir()
    command.write_text(f"#!{sys.executable}\nfrom srlite.cli import run\n\nrun()\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))

    def run(name, **parameters):
        notebook = nbformat.read(NOTEBOOKS[name], as_version=4)
        tags = [cell.metadata.get("tags", ()) for cell in notebook.cells]
        place = next(i for i, tag in enumerate(tags) if "parameters" in tag)
        cell = notebook.cells[place]
        unknown = [key for key in parameters if f"\n{key} = " not in f"\n{cell.source}"]
        assert not unknown, unknown
        lines = [f"{key} = {value!r}" for key, value in parameters.items()]
        cell.source = "\n".join([cell.source, *lines])
        client = NotebookClient(
            notebook,
            timeout=900,
            kernel_name="python3",
            resources={"metadata": {"path": str(tmp_path)}},
        )
        client.execute()
        return "\n".join(
            output.get("text", "")
            for cell in notebook.cells
            for output in cell.get("outputs", ())
        )

    return run


@pytest.mark.slow
def test_enhance(run, tmp_path):
    said = run("enhance")
    assert "there is no" in said or "missing.png" in said
    assert Image.open(tmp_path / "enhanced.png").size == (512, 512)


@pytest.mark.slow
@pytest.mark.parametrize(("minutes", "told"), [(5, False), (0.0, False), (0.0, True)])
def test_srlite_colab(run, photos, vgg19_file, tmp_path, minutes, told):
    """To its end, also after a first sitting in which no stage was done."""
    Image.fromarray(data.chelsea()[:96, :128]).save(tmp_path / "photo.png")
    said = run(
        "srlite_colab",
        PHOTO="photo.png",
        DATA=str(photos),
        VALIDATION=str(photos),
        MINUTES=minutes,
        OPTIONS=f"--vgg19-weights {vgg19_file} {SMALL} gan.style=none "
        f"generator.conditional={str(told).lower()}"
        + " estimator.batch_size=2 estimator.patch_sizes=[64] gan.patch_size=64 "
        "pretrain.context_size=64 gan.context_size=64" * told,
        TENSORBOARD=False,
    )
    assert "light_psnr" in said and "bicubic" in said
    assert Image.open(tmp_path / "mixed.png").size == (512, 384)
    assert (tmp_path / "mixed.tflite").stat().st_size < 5_000_000
    done = (tmp_path / "runs" / "light" / "generator.keras").is_file()
    assert done == (minutes == 5)


@pytest.mark.slow
@pytest.mark.parametrize("minutes", [5, 0.0])
def test_srgan_esrgan(run, photos, vgg19_file, tmp_path, minutes):
    options = f"--vgg19-weights {vgg19_file} {SMALL} discriminator.dense_units=8"
    run(
        "srgan_esrgan",
        DATA=str(photos),
        VALIDATION=str(photos),
        MINUTES=minutes,
        SRGAN_OPTIONS=options,
        ESRGAN_OPTIONS=f"{options} generator.growth_channels=4",
    )
    for name in ("srgan", "esrgan"):
        done = (tmp_path / "runs" / name / "generator.keras").is_file()
        assert done == (minutes == 5)


@pytest.mark.slow
def test_export_and_deploy(run, tiny_model, photos, tmp_path):
    tiny_model.save(tmp_path / "tiny.keras")
    said = run(
        "export_and_deploy", MODEL=str(tmp_path / "tiny.keras"), PHOTOS=str(photos)
    )
    assert "sha" in said.lower() and "float16" in said
