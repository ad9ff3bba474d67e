// Tiles as in srlite/runtime/tiling.py: windows within the picture, each of which is kept
// up to the middle of its overlap with the next. The model takes squares of `side`, so a
// smaller picture is padded by its mirror image ("symmetric": the edge pixel comes first).
import { toInput } from "./picture.js";

// Parts of one axis, in pixels of the picture: the model sees a window from `start` on, of
// which `from` to `to` is kept. Windows begin at multiples of `step`.
export function divide(length, side, overlap, step) {
  const whole = filled(length, step);
  if (whole <= side)
    return [{ start: -step * Math.floor((side - whole) / 2 / step), from: 0, to: length }];
  const count = Math.ceil((whole - 2 * overlap) / (side - 2 * overlap));
  const starts = Array.from({ length: count }, (_, i) => {
    const even = Math.floor((i * (whole - side)) / (count - 1));
    return even - (even % step);
  });
  let from = 0;
  return starts.map((start, i) => {
    const to =
      i === count - 1 ? length : Math.floor((start + side + starts[i + 1]) / 2);
    const part = { start, from, to };
    from = to;
    return part;
  });
}

// The place that mirrors stand for, within 0 to length - 1.
export function mirrored(index, length) {
  const period = 2 * length;
  const place = ((index % period) + period) % period;
  return Math.min(place, period - 1 - place);
}

// A side with its last pixel repeated up to a multiple of `step`.
function filled(length, step) {
  return step * Math.ceil(length / step);
}

// The model's input for one tile of side x side pixels.
export function cut(picture, row, column, side, step) {
  const places = (part, length) =>
    Array.from({ length: side }, (_, i) =>
      Math.min(mirrored(part.start + i, filled(length, step)), length - 1),
    );
  return toInput(picture, places(row, picture.height), places(column, picture.width));
}

// Enlarges a picture tile by tile. `paint` gets each result, RGBA levels of a square of
// `side` pixels, and the parts that it belongs to. `signal` aborts between two tiles.
// `made` is how the picture was made, for a conditional model.
export async function enlarge(picture, model, paint, signal, made) {
  const { scale, side, overlap, step } = model;
  const rows = divide(picture.height, side, overlap, step);
  const columns = divide(picture.width, side, overlap, step);
  const all = rows.length * columns.length;
  let done = 0;
  for (const row of rows) {
    for (const column of columns) {
      const levels = await model.run(cut(picture, row, column, side, step), made);
      signal.throwIfAborted();
      done += 1;
      paint({ levels, row, column, side: scale * side, scale, done, all });
    }
  }
}
