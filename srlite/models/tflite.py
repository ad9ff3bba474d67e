"""What a ``.tflite`` says about itself: one JSON buffer in its metadata.

The buffer is called `srlite` and stands beside what the converter notes there:

    scale          SR pixels per LR pixel
    channels       of the picture: 3 is RGB, 1 is grey
    input, output  {"dtype", "range"}: float32 in [0, 1] or uint8 in [0, 255]
    precision      as it was exported
    overlap        LR pixels of context that a tile should have on each side
    srlite         version that wrote the file
    source_sha256  of the file that the model came from, or null

Runtimes skip metadata that they do not know. Reading needs no TensorFlow.
"""

import json
from pathlib import Path

import numpy as np

from srlite.errors import ModelError
from srlite.export.checks import count_ops

NAME = "srlite"


def add_metadata(content, fields):
    """Return a ``.tflite`` (bytes) with `fields`, a dict for JSON, as its metadata."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    class AlignedBuffer(schema.BufferT):
        """A buffer at a multiple of 16 bytes, which delegates ask of weights.

        The schema demands it, but the generated Python does not do it.
        """

        def Pack(self, builder):  # noqa: D102, N802
            data = None
            if self.data is not None:
                raw = np.asarray(self.data, np.uint8).tobytes()
                builder.StartVector(1, len(raw), 16)
                builder.head -= len(raw)
                builder.Bytes[builder.head : builder.head + len(raw)] = raw
                data = builder.EndVector()
            schema.BufferStart(builder)
            if data is not None:
                schema.BufferAddData(builder, data)
            return schema.BufferEnd(builder)

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content))
    text = np.frombuffer(json.dumps(fields).encode(), np.uint8)
    entry = schema.MetadataT(NAME.encode(), len(model.buffers))
    model.metadata = [
        kept for kept in model.metadata or [] if kept.name != entry.name
    ] + [entry]
    model.buffers = [
        AlignedBuffer(buffer.data) for buffer in [*model.buffers, schema.BufferT(text)]
    ]
    builder = flatbuffers.Builder(len(content) + 65536)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def read_metadata(content):
    """Read the metadata of a ``.tflite`` (bytes); None when it has none of srlite's.

    Raises:
        ValueError: srlite's metadata is there, but is not JSON.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(content)
    for i in range(model.MetadataLength()):
        entry = model.Metadata(i)
        if entry.Name() == NAME.encode():
            text = model.Buffers(entry.Buffer()).DataAsNumpy().tobytes()
            return json.loads(text)
    return None


def describe(path):
    """Tell what a ``.tflite`` file is.

    Args:
        path: the file, of srlite or not.

    Returns:
        Text of several lines: size, tensors, ops and metadata.

    Raises:
        ModelError: the file is missing or damaged.
    """
    from ai_edge_litert.interpreter import Interpreter

    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}") from None
    if not content:
        raise ModelError(f"{path} is empty")
    try:
        interpreter = Interpreter(model_content=content)
        ops, fields = count_ops(content), read_metadata(content)
    except (ValueError, RuntimeError) as error:
        reason = f"{error}".strip().split("\n")[0]
        raise ModelError(f"{path} is not a usable .tflite file: {reason}") from None
    tensors = {
        "input": interpreter.get_input_details(),
        "output": interpreter.get_output_details(),
    }
    rows = [("file size", f"{len(content):,} bytes")]
    rows += [
        (kind, _tensor_text(one)) for kind, ones in tensors.items() for one in ones
    ]
    rows += [("ops", ", ".join(f"{n} {name}" for name, n in ops.items()))]
    rows += _metadata_rows(fields)
    return "\n".join([f"{path}", *(f"  {name:13} {value}" for name, value in rows)])


def _tensor_text(tensor):
    shape = [int(n) for n in tensor["shape_signature"]]
    text = f"{np.dtype(tensor['dtype'])} ({', '.join(map(_length, shape))})"
    step, zero = tensor["quantization"]
    return f"{text}, quantised with ({step:.7g}, {zero})" if step else text


def _length(number):
    return "any" if number < 0 else f"{number}"


def _metadata_rows(fields):
    if fields is None:
        return [("metadata", "none of srlite's")]
    rows = []
    for name, value in fields.items():
        if isinstance(value, dict):
            value = ", ".join(f"{key} {entry}" for key, entry in value.items())
        name = {"input": "pixels in", "output": "pixels out"}.get(name, name)
        rows.append((name, "unknown" if value is None else f"{value}"))
    return rows
