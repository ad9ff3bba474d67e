"""Small graphs as `.tflite` files, for tests."""


def export_litert(inputs, outputs, path, **options):
    import keras

    model = keras.Model(inputs, outputs)
    model.export(str(path), format="litert", verbose=False, **options)
    return path


def export_for_even_sides(path):
    """Write a network that fails, as one without memory does, where a side is odd.

    `path` ends in .tflite or .keras.
    """
    import keras

    lr = keras.Input((None, None, 3), name="lr")
    half = keras.layers.Conv2D(12, 3, strides=2, padding="same")(lr)
    sr = keras.layers.Concatenate()([lr, keras.ops.depth_to_space(half, 2)])
    sr = keras.layers.Conv2D(48, 3, padding="same")(sr)
    sr = keras.ops.depth_to_space(sr, 4)
    if path.suffix == ".tflite":
        return export_litert(lr, sr, path)
    keras.Model(lr, sr).save(path)
    return path
