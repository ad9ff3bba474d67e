// What an srlite model file says about itself (see srlite/tflite_metadata.py): JSON in
// a buffer of the FlatBuffer. The numbers of fields are those of TensorFlow Lite's schema.
const MODEL_BUFFERS = 4;
const MODEL_METADATA = 6;
const METADATA_NAME = 0;
const METADATA_BUFFER = 1;
const BUFFER_DATA = 0;

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

function follow(view, at) {
  return at + view.getUint32(at, true);
}

// Where a field of a table is; 0 where the table has none.
function field(view, table, number) {
  const layout = table - view.getInt32(table, true);
  const slot = 4 + 2 * number;
  const isThere = slot < view.getUint16(layout, true);
  const offset = isThere ? view.getUint16(layout + slot, true) : 0;
  return offset && table + offset;
}

function tables(view, at) {
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
