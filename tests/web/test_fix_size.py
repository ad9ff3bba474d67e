"""The file of one size that the page runs, made from the shipped one by Node."""

import numpy as np
import pytest
from node_scripts import WEB, run_node

from srlite.models.model_files import shipped_model_path


@pytest.fixture(scope="module")
def strided_tflite(tmp_path_factory):
    """A network whose features stand for 2 x 2 pixels, as a `.tflite` of any size."""
    import keras

    lr = keras.Input((None, None, 3), name="lr")
    x = keras.layers.Conv2D(8, 4, 2, padding="same", activation="relu")(lr)
    x = keras.layers.Conv2D(3 * 8**2, 3, padding="same")(x)
    model = keras.Model(lr, keras.ops.depth_to_space(x, 8))
    path = tmp_path_factory.mktemp("strided") / "strided.tflite"
    model.export(str(path), format="litert", verbose=False)
    return path


@pytest.mark.parametrize("kind", ["light", "light_int8", "told", "strided"])
def test_model_of_any_size_becomes_one_of_one_size(
    node, told_tflite, strided_tflite, tmp_path, kind
):
    from ai_edge_litert.interpreter import Interpreter

    own = {"told": told_tflite, "strided": strided_tflite}
    path = own.get(kind) or shipped_model_path(kind)
    copy, again = tmp_path / "copy.tflite", tmp_path / "again.tflite"
    run_node([node, WEB / "tests/run_fix_size.mjs", path, copy, "24"])
    run_node([node, WEB / "tests/run_fix_size.mjs", copy, again, "32"])
    assert again.read_bytes() == copy.read_bytes()

    random = np.random.default_rng(0)
    given = {4: random.random((1, 24, 24, 3)), 2: random.random((1, 10))}
    answers = []
    for file in (path, copy):
        interpreter = Interpreter(str(file))
        for taken in interpreter.get_input_details():
            shape = given[len(taken["shape"])].shape
            if file == copy:
                assert taken["shape_signature"].tolist() == list(shape)
            else:
                interpreter.resize_tensor_input(taken["index"], shape)
        interpreter.allocate_tensors()
        for taken in interpreter.get_input_details():
            value = given[len(taken["shape"])]
            whole = taken["dtype"] == np.uint8
            interpreter.set_tensor(
                taken["index"], (255 * value if whole else value).astype(taken["dtype"])
            )
        interpreter.invoke()
        (result,) = interpreter.get_output_details()
        answers.append(interpreter.get_tensor(result["index"]))
        if file == copy:
            tensors = interpreter.get_tensor_details()
            assert not any((t["shape_signature"] < 0).any() for t in tensors)
            assert result["shape_signature"].tolist() == [1, 96, 96, 3]
    np.testing.assert_array_equal(*answers)
