"""Estimators as files, and what the command writes beside a conditional model."""

import hashlib
import json
import shutil

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from skimage import data
from told_models import conditional_generator, random_estimator

from srlite.errors import ExportError, ModelError
from srlite.export import command as export_command
from srlite.export.checks import ESTIMATOR_OPS, check_estimator
from srlite.export.command import main
from srlite.export.estimator import estimator_file
from srlite.export.export import export_tflite
from srlite.models.estimator import estimator
from srlite.models.model_files import find_estimator
from srlite.models.tflite import describe, read_metadata
from srlite.runtime.seeing import Estimator


@pytest.fixture(scope="module")
def seeing():
    return random_estimator()


@pytest.fixture(scope="module")
def run(seeing, tmp_path_factory):
    """A run directory with a conditional generator and its estimator."""
    folder = tmp_path_factory.mktemp("run")
    conditional_generator().save(folder / "generator.keras")
    seeing.save(folder / "estimator.keras")
    return folder


@pytest.fixture(scope="module")
def report(seeing, run, tmp_path_factory):
    path = tmp_path_factory.mktemp("estimator") / "e.tflite"
    return export_tflite(seeing, path, source=run / "estimator.keras")


@pytest.mark.parametrize("size", [(15, 15), (23, 63), (127, 95)])
def test_equals_the_keras_model(seeing, report, size):
    runner = Interpreter(str(report.path)).get_signature_runner()
    answers = []
    for photo in (data.astronaut(), data.coffee()):
        lr = photo[None, 50 : 50 + size[0], 60 : 60 + size[1]] / np.float32(255.0)
        answers.append(runner(lr=lr)["degradation"])
        np.testing.assert_allclose(answers[-1], seeing(lr, training=False), atol=1e-4)
    assert np.abs(answers[0] - answers[1]).max() > 0.01


def test_the_file_and_its_report(report, run):
    content = report.path.read_bytes()
    assert report.file_bytes == len(content) <= 300_000
    assert set(report.ops) <= ESTIMATOR_OPS
    assert 0.0 <= report.largest_difference < 1e-3
    assert f"{len(content):,} bytes" in str(report) and "127x127" in str(report)
    assert json.loads(report.to_json())["path"] == str(report.path)
    fields = read_metadata(content)
    digest = hashlib.sha256((run / "estimator.keras").read_bytes()).hexdigest()
    assert fields["estimates"] == "degradation" and fields["source_sha256"] == digest
    text = describe(report.path)
    assert "estimates     degradation" in text
    assert "numbers out   dtype float32, range [0, 1]" in text
    assert "output        float32 (1, 10)" in text


def test_it_is_what_is_run_beside_a_model(seeing, report):
    photo = data.chelsea()[:100, :130]
    of_file = Estimator.from_file(report.path)(photo).vector
    of_model = Estimator(seeing.predict_on_batch)(photo).vector
    np.testing.assert_allclose(of_file, of_model, atol=1e-4)


def test_what_is_wrong_is_said(report, seeing, tiny_tflite, tmp_path):
    with pytest.raises(ExportError, match="the budget is 300,000"):
        export_tflite(estimator(hidden_units=128), tmp_path / "large.tflite")
    with pytest.raises(ExportError, match="must end in .tflite"):
        export_tflite(seeing, tmp_path / "e.onnx")
    with pytest.raises(ExportError, match="cannot write .*gone"):
        export_tflite(seeing, tmp_path / "gone" / "e.tflite")
    with pytest.raises(ExportError, match="degradation differs from its model's by"):
        photos = [data.coffee()]
        check_estimator(report.path.read_bytes(), random_estimator(1), photos)
    with pytest.raises(ModelError, match="must make 10 numbers of a picture"):
        estimator_file(tiny_tflite)
    assert list(tmp_path.iterdir()) == []


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_command_writes_both(run, tmp_path, capsys):
    output = tmp_path / "light.tflite"
    assert main(["--model", str(run), "--output", str(output)]) == 0
    names = ["light.json", "light.tflite"]
    names += ["light_estimator.json", "light_estimator.tflite"]
    assert names_in(tmp_path) == names
    sizes = [(tmp_path / name).stat().st_size for name in names[1::2]]
    text = capsys.readouterr().out
    assert f"{sizes[0]:,} bytes, and {sizes[1]:,} of its estimator: {sum(sizes):,}" in (
        text
    )
    assert json.loads((tmp_path / names[0]).read_text())["estimator_bytes"] == sizes[1]
    assert f"{tmp_path / names[3]}\n  file size   {sizes[1]:,} bytes" in text
    assert find_estimator(output) == tmp_path / names[3]


def test_an_exported_estimator_is_copied(run, report, tmp_path, capsys):
    shutil.copy(run / "generator.keras", tmp_path / "mine.keras")
    shutil.copy(report.path, tmp_path / "estimator.tflite")
    output = tmp_path / "out" / "m.tflite"
    output.parent.mkdir()
    arguments = ["--model", tmp_path / "mine.keras", "--output", output]
    assert main([*map(str, arguments), "--input-size", "16", "16"]) == 0
    copied = output.with_name("m_estimator.tflite")
    assert copied.read_bytes() == report.path.read_bytes()


def test_without_an_estimator_nothing_is_written(run, tmp_path, monkeypatch):
    monkeypatch.setattr("srlite.models.model_files.WEIGHTS_DIR", tmp_path)
    shutil.copy(run / "generator.keras", tmp_path / "lonely.keras")
    with pytest.raises(ModelError, match="there is no estimator"):
        main(["--model", str(tmp_path / "lonely.keras"), "--output", "m.tflite"])
    assert names_in(tmp_path) == ["lonely.keras"]


def test_too_large_together_nothing_is_written(run, tmp_path, monkeypatch):
    def small(*args, **options):
        return export_tflite(*args, **options | {"max_bytes": 100_000})

    monkeypatch.setattr(export_command, "export_tflite", small)
    with pytest.raises(ExportError, match="file and its estimator have"):
        main(["--model", str(run), "--output", str(tmp_path / "light.tflite")])
    assert names_in(tmp_path) == []


def test_the_whole_set_has_one_estimator(run, tmp_path, monkeypatch, capfd):
    set_ = (("float32", 16), ("dynamic", None))
    monkeypatch.setattr(export_command, "SHIPPED", set_)
    assert main(["--model", str(run), "--all", str(tmp_path)]) == 0
    files = sorted(path.name for path in tmp_path.glob("*.tflite"))
    name = run.name
    expected = [f"{name}_dynamic.tflite", f"{name}_float32_16.tflite"]
    assert files == sorted([*expected, "estimator.tflite"])
    for file in expected:
        assert find_estimator(tmp_path / file) == tmp_path / "estimator.tflite"


def test_degradations_on_the_command_line(run, tmp_path, capsys):
    arguments = ["--model", str(run), "--input-size", "24", "24", "--output"]
    fixed, auto = tmp_path / "fixed.tflite", tmp_path / "auto.tflite"
    assert main([*arguments, str(fixed), "--degradation", "clean"]) == 0
    assert main([*arguments, str(auto), "--degradation", "auto"]) == 0
    assert names_in(tmp_path) == [
        *("auto.json", "auto.tflite", "fixed.json", "fixed.tflite"),
    ]
    told = [read_metadata(path.read_bytes())["degradation"] for path in (fixed, auto)]
    assert told[0]["words"] == "kernel unknown, clean" and told[1] == "auto"
    capsys.readouterr()
    main(["--describe", str(fixed)])
    assert "degradation   words kernel unknown, clean, vector [" in (
        capsys.readouterr().out
    )


def test_auto_wants_the_keras_estimator(run, report, tmp_path):
    shutil.copy(run / "generator.keras", tmp_path / "mine.keras")
    shutil.copy(report.path, tmp_path / "estimator.tflite")
    arguments = ["--model", tmp_path / "mine.keras", "--output", tmp_path / "m.tflite"]
    with pytest.raises(ExportError, match="built in from its .keras file; there is"):
        main([*map(str, arguments), "--degradation", "auto"])


def test_auto_finds_the_keras_estimator_of_a_shipped_model(tmp_path):
    output = tmp_path / "auto.tflite"
    arguments = ["--model", "light_rt", "--degradation", "auto"]
    arguments += ["--input-size", "24", "24", "--output", str(output)]
    assert main(arguments) == 0
    assert read_metadata(output.read_bytes())["degradation"] == "auto"
