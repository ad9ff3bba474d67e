"""Small graphs as `.tflite` files, for tests."""


def export_litert(inputs, outputs, path, **options):
    import keras

    model = keras.Model(inputs, outputs)
    model.export(str(path), format="litert", verbose=False, **options)
    return path
