// What an srlite model file says about itself (see srlite/models/tflite.py): JSON in
// a buffer of the FlatBuffer. The numbers of fields are those of TensorFlow Lite's schema.
export const MODEL_GRAPHS = 2;
const MODEL_BUFFERS = 4;
const MODEL_METADATA = 6;
const METADATA_NAME = 0;
const METADATA_BUFFER = 1;
const BUFFER_DATA = 0;
export const GRAPH_TENSORS = 0;
export const GRAPH_INPUTS = 1;
export const TENSOR_SHAPE = 0;
export const TENSOR_SIGNATURE = 7; // the shape, with -1 for any length

// The fields as an object; null where there are none.
export function readMetadata(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = (at) => new TextDecoder().decode(byteVector(view, at));
  const model = follow(view, 0);
  const buffers = tables(view, field(view, model, MODEL_BUFFERS));
  for (const entry of tables(view, field(view, model, MODEL_METADATA))) {
    if (text(field(view, entry, METADATA_NAME)) !== "srlite") continue;
    const number = field(view, entry, METADATA_BUFFER);
    const buffer = buffers[number ? view.getUint32(number, true) : 0];
    return JSON.parse(text(field(view, buffer, BUFFER_DATA)));
  }
  return null;
}

// A copy of a file that takes pictures of any size, for those of one size alone: LiteRT.js
// cannot resize an input, but works out what follows from it.
export function withInputSize(bytes, height, width) {
  const view = new DataView(new Uint8Array(bytes).buffer);
  const [graph] = tables(view, field(view, follow(view, 0), MODEL_GRAPHS));
  const number = view.getUint32(
    follow(view, field(view, graph, GRAPH_INPUTS)) + 4,
    true,
  );
  const input = tables(view, field(view, graph, GRAPH_TENSORS))[number];
  for (const kind of [TENSOR_SHAPE, TENSOR_SIGNATURE]) {
    const at = field(view, input, kind);
    if (!at) continue;
    // After the vector's length: pictures, height, width, channels.
    view.setInt32(follow(view, at) + 8, height, true);
    view.setInt32(follow(view, at) + 12, width, true);
  }
  return new Uint8Array(view.buffer);
}

export function follow(view, at) {
  return at + view.getUint32(at, true);
}

// Where a field of a table is; 0 where the table has none.
export function field(view, table, number) {
  const layout = table - view.getInt32(table, true);
  const slot = 4 + 2 * number;
  const isThere = slot < view.getUint16(layout, true);
  const offset = isThere ? view.getUint16(layout + slot, true) : 0;
  return offset && table + offset;
}

export function tables(view, at) {
  if (!at) return [];
  const start = follow(view, at);
  const count = view.getUint32(start, true);
  return Array.from({ length: count }, (_, i) => follow(view, start + 4 + 4 * i));
}

function byteVector(view, at) {
  const start = follow(view, at);
  const length = view.getUint32(start, true);
  return new Uint8Array(view.buffer, view.byteOffset + start + 4, length);
}
