"""Arrows between modules go down, and TensorFlow stays in its rooms."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "srlite"

FLOORS = (
    {
        "augmentations",
        "backend",
        "comparison",
        "config",
        "decoding",
        "deep_reading",
        "deep_writing",
        "degradations",
        "discriminators",
        "equalisation",
        "errors",
        "export_report",
        "features",
        "file_plan",
        "files",
        "generators",
        "guard",
        "image_writing",
        "images",
        "kernels",
        "levels",
        "memory",
        "metadata",
        "options",
        "quantisation",
        "regions",
        "replicas",
        "schedules",
        "sizes",
        "slider_page",
        "strips",
        "summary",
        "tiling",
        "transparency",
        "video_frames",
        "views",
    },
    {
        "animations",
        "calibration",
        "charts",
        "checkpoint_parts",
        "checkpoints",
        "contenders",
        "data",
        "data_sets",
        "distribution",
        "draws",
        "evaluation_protocol",
        "faithfulness",
        "feature_distances",
        "frechet",
        "loading",
        "logs",
        "losses",
        "meter",
        "metrics",
        "moving",
        "networks",
        "niqe",
        "objective",
        "packs",
        "photographs",
        "picture_folder",
        "presets",
        "psnr_loss",
        "report_page",
        "report_scores",
        "score_records",
        "score_statistics",
        "score_tables",
        "sources",
        "tflite_checks",
        "tflite_metadata",
        "upscaler",
        "video",
        "video_segments",
    },
    {
        "batch",
        "conversion",
        "evaluation",
        "evaluation_options",
        "export",
        "export_command",
        "inference",
        "interpolation",
        "jax_step",
        "measuring",
        "model_comparison",
        "plots",
        "recalibration",
        "report",
        "report_origin",
        "report_pictures",
        "report_summary",
        "rescue",
        "tensorflow_step",
        "trainer",
        "validation",
    },
    {
        "alternation",
        "benchmark",
        "benchmark_inference",
        "benchmark_tflite",
        "cli",
        "enhance_command",
        "enhance_options",
        "preparation",
        "recipe",
        "run_directory",
        "stages",
        "train_command",
    },
)
# Ground floor modules that others of that floor may use.
FOUNDATION = {
    "augmentations",
    "decoding",
    "deep_reading",
    "deep_writing",
    "errors",
    "files",
    "image_writing",
    "kernels",
    "levels",
    "metadata",
    "options",
    "regions",
    "replicas",
}
TENSORFLOW_ALLOWED = {
    "backend",
    "benchmark",
    "conversion",
    "distribution",
    "preparation",
    "replicas",
    "sources",
    "tensorflow_step",
}


def imports(path):
    """Yield the dotted name of everything a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def floor_of(module):
    return next(i for i, floor in enumerate(FLOORS) if module in floor)


MODULES = sorted(p.stem for p in PACKAGE.glob("*.py") if p.stem != "__init__")


def test_every_module_has_a_floor():
    assert set().union(*FLOORS) == set(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down(module):
    for name in imports(PACKAGE / f"{module}.py"):
        package, _, rest = name.partition(".")
        if package == "tensorflow":
            assert module in TENSORFLOW_ALLOWED
        if package != "srlite" or not rest:
            continue
        other = rest.split(".")[0]
        if other in FOUNDATION:
            continue
        assert floor_of(other) <= floor_of(module), f"{module} -> {other} goes up"
        if floor_of(module) == 0:
            raise AssertionError(f"{module} -> {other}: the ground floor stands alone")


def test_same_floor_imports_make_no_circle():
    arrows = {
        module: {
            name.split(".")[1]
            for name in imports(PACKAGE / f"{module}.py")
            if name.startswith("srlite.")
        }
        & set(MODULES)
        for module in MODULES
    }
    placed = set()
    while free := {m for m in arrows if m not in placed and arrows[m] <= placed}:
        placed |= free
    assert placed == set(MODULES), f"a circle among {set(MODULES) - placed}"
