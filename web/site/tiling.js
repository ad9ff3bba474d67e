// Tiles as of srlite/tiling.py: equal parts, the last ones shifted inward, each seen
// with `overlap` pixels around it, and the picture mirrored at its edges ("symmetric":
// the edge pixel comes first). The model takes squares of `side`, so what a tile lacks
// of them is mirrored too.

// Parts of one axis: `start` and `size` of what the model sees, `from` and `to` of what
// is kept of it, all in pixels of the picture.
export function divide(length, tile, overlap) {
  const count = Math.ceil(length / tile);
  const part = Math.ceil(length / count);
  const parts = [];
  let from = 0;
  for (let i = 0; i < count; i++) {
    const kept = Math.min(i * part, length - part);
    const to = kept + part;
    parts.push({ start: kept - overlap, size: part + 2 * overlap, from, to });
    from = to;
  }
  return parts;
}

// The place that mirrors stand for, within 0 to length - 1.
export function mirrored(index, length) {
  const period = 2 * length;
  const place = ((index % period) + period) % period;
  return Math.min(place, period - 1 - place);
}

// The model's input for one tile: RGB in [0, 1], side x side.
export function cut(picture, row, column, side) {
  const places = (part, length) =>
    Array.from({ length: side }, (_, i) =>
      mirrored(part.start + mirrored(i, part.size), length),
    );
  const { data, width, height } = picture;
  const xs = places(column, width);
  const input = new Float32Array(side * side * 3);
  let at = 0;
  for (const y of places(row, height)) {
    for (const x of xs) {
      const pixel = 4 * (y * width + x);
      for (let channel = 0; channel < 3; channel++) {
        input[at++] = data[pixel + channel] / 255;
      }
    }
  }
  return input;
}

// Enlarges a picture tile by tile. `paint` gets each result, RGBA levels of a square of
// `side` pixels, and the parts that it belongs to. `signal` aborts between two tiles.
export async function enlarge(picture, model, paint, signal) {
  const { scale, side, overlap } = model;
  const tile = side - 2 * overlap;
  const rows = divide(picture.height, tile, overlap);
  const columns = divide(picture.width, tile, overlap);
  const all = rows.length * columns.length;
  let done = 0;
  for (const row of rows) {
    for (const column of columns) {
      const levels = await model.run(cut(picture, row, column, side));
      signal.throwIfAborted();
      done += 1;
      paint({ levels, row, column, side: scale * side, scale, done, all });
    }
  }
}
