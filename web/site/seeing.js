// What is seen of a picture, as in srlite/runtime/seeing.py: the estimator looks at up to
// 16 parts, spread over the picture, and its answers are averaged.
import { fromVector, UNKNOWN } from "./degradation.js";
import { toInput } from "./picture.js";

const PART = 127; // pixels a side, at most
const SMALLEST = 15; // pixels a side that it can look at
const ALONG = 4; // parts along a side

// `look` makes ten numbers of a part.
export async function see(picture, look) {
  const { width, height } = picture;
  if (Math.min(width, height) < SMALLEST) return UNKNOWN;
  const rows = spread(height);
  const columns = spread(width);
  const size = { height: sideOf(height), width: sideOf(width) };
  const sums = new Array(10).fill(0);
  for (const top of rows) {
    for (const left of columns) {
      const lr = toInput(picture, range(top, size.height), range(left, size.width));
      const answer = await look({ lr, ...size });
      answer.forEach((number, i) => (sums[i] += number));
    }
  }
  return fromVector(sums.map((sum) => sum / (rows.length * columns.length)));
}

// The estimator takes 8 n + 7 pixels, so that each of JPEG's phases is as frequent.
function sideOf(length) {
  return Math.min(PART, 8 * Math.floor((length + 1) / 8) - 1);
}

function spread(length) {
  const side = sideOf(length);
  const count = Math.min(ALONG, Math.max(1, Math.round(length / side)));
  const room = length - side;
  if (count === 1) return [Math.floor(room / 2)];
  return Array.from({ length: count }, (_, i) => Math.floor((i * room) / (count - 1)));
}

function range(start, length) {
  return Array.from({ length }, (_, i) => start + i);
}
