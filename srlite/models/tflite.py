"""The content of a ``.tflite``, and its metadata: JSON in a buffer called `srlite`.

    scale          SR pixels per LR pixel
    channels       of the picture: 3 is RGB, 1 is grey
    input, output  {"dtype", "range"}: float32 in [0, 1] or uint8 in [0, 255]
    precision      as it was exported
    overlap        LR pixels of context that a tile should have on each side
    step           LR pixels; sides at a multiple of it come out exact
    bytes_per_pixel  memory of a call for each LR pixel
    degradation    where the model gets it from: "input", its second input; "auto", a
                   built-in estimator, which should see whole pictures; {"words",
                   "vector"}, which is built in; null: it has none
    srlite         version that wrote the file
    source_sha256  of the file that the model came from, or null

An estimator's file has `estimates`: "degradation" in place of the fields about SR.
Runtimes skip metadata that they do not know. Reading needs no TensorFlow.
"""

import collections
import hashlib
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import srlite
from srlite.errors import ModelError, error_reason
from srlite.files import StrPath

NAME = "srlite"
# Fields that must be whole numbers, if they are there, and how large at least.
_LEAST = {"scale": 1, "overlap": 0, "step": 1, "bytes_per_pixel": 1}


def add_metadata(content: bytes, fields: dict) -> bytes:
    """Return a ``.tflite`` (bytes) with `fields`, a dict for JSON, as its metadata."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    class AlignedBuffer(schema.BufferT):
        """A buffer at a multiple of 16 bytes.

        The schema and delegates demand it, but the generated Python does not do it.
        """

        def Pack(self, builder: Any) -> int:  # noqa: D102, N802
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
    kept = [x for x in model.metadata or [] if x.name != entry.name]
    model.metadata = [*kept, entry]
    buffers = [*model.buffers, schema.BufferT(text)]
    model.buffers = [AlignedBuffer(buffer.data) for buffer in buffers]
    builder = flatbuffers.Builder(len(content) + 65536)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def origin(source: StrPath | None) -> dict:
    """Return the metadata fields about the origin of a model, read from `source`."""
    digest = None
    if source is not None:
        digest = hashlib.sha256(Path(source).read_bytes()).hexdigest()
    return {"srlite": srlite.__version__, "source_sha256": digest}


def read_metadata(content: bytes) -> dict | None:
    """Read the metadata of a ``.tflite`` (bytes); None if it has none of srlite's.

    Raises ValueError if it is damaged.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(content)
    for i in range(model.MetadataLength()):
        entry = model.Metadata(i)
        if entry.Name() == NAME.encode():
            try:
                text = model.Buffers(entry.Buffer()).DataAsNumpy().tobytes()
            except (AttributeError, struct.error):
                raise ValueError("its metadata lies in no buffer") from None
            return _checked(json.loads(text))
    return None


def _checked(fields: Any) -> dict:
    if not isinstance(fields, dict):
        raise ValueError("its metadata is no JSON object")
    for name, least in _LEAST.items():
        number = fields.get(name, least)
        if type(number) is not int or number < least:
            raise ValueError(
                f"{name} in its metadata must be a whole number, at least {least}; "
                f"received {number!r}"
            )
    return fields


def describe(path: StrPath) -> str:
    """Describe size, tensors, ops and metadata of any ``.tflite``, in several lines.

    Raises ModelError if the file is missing or damaged.
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
        raise ModelError(
            f"{path} is not a usable .tflite file: {error_reason(error)}"
        ) from None
    tensors = {
        "input": interpreter.get_input_details(),
        "output": interpreter.get_output_details(),
    }
    rows = [("file size", f"{len(content):,} bytes")]
    for kind, ones in tensors.items():
        for one in ones:
            text = _tensor_text(one)
            if len(ones) > 1:  # with its name as it was exported
                name = one["name"].removeprefix("serving_default_")
                text += f", {name.partition(':')[0]}"
            rows.append((kind, text))
    rows += [("ops", ", ".join(f"{n} {name}" for name, n in ops.items()))]
    rows += _metadata_rows(fields)
    return "\n".join([f"{path}", *(f"  {name:13} {value}" for name, value in rows)])


def _tensor_text(tensor: dict) -> str:
    shape = ("any" if n < 0 else f"{n}" for n in tensor["shape_signature"])
    text = f"{np.dtype(tensor['dtype'])} ({', '.join(shape)})"
    step, zero = tensor["quantization"]
    return f"{text}, quantised with ({step:.7g}, {zero})" if step else text


def _metadata_rows(fields: dict | None) -> list[tuple[str, str]]:
    if fields is None:
        return [("metadata", "none of srlite's")]
    rows = []
    names = {"input": "pixels in", "output": "pixels out"}
    if "estimates" in fields:
        names["output"] = "numbers out"
    for name, value in fields.items():
        if isinstance(value, dict):
            value = ", ".join(f"{key} {entry}" for key, entry in value.items())
        name = names.get(name, name)
        if value is None:
            value = "not told" if name == "degradation" else "unknown"
        rows.append((name, f"{value}"))
    return rows


def operators(content: bytes) -> Iterator[tuple[str, Any]]:
    """Yield (op name, `Operator`) for each op of a ``.tflite`` (bytes), as it runs."""
    from ai_edge_litert import schema_py_generated as schema

    names = {code: name for name, code in vars(schema.BuiltinOperator).items()}
    model = schema.Model.GetRootAs(content)
    for i in range(model.SubgraphsLength()):
        graph = model.Subgraphs(i)
        for j in range(graph.OperatorsLength()):
            code = model.OperatorCodes(graph.Operators(j).OpcodeIndex())
            # Old codes fill one byte, newer ones the wider field; the larger holds.
            number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
            name = names.get(number, f"OP_{number}")
            if name == "CUSTOM":
                name = code.CustomCode().decode()
            yield name, graph.Operators(j)


def count_ops(content: bytes) -> dict[str, int]:
    """Count the ops of a ``.tflite`` (bytes): dict of name to number, most first."""
    counts = collections.Counter(name for name, _ in operators(content))
    return dict(counts.most_common())
