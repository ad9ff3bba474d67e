// What is seen of a picture, as in srlite/runtime/seeing.py: the estimator looks at up to
// nine parts, spread over the picture, and its answers are joined.
import { fromVector, KERNELS, UNKNOWN } from "./degradation.js";
import { toInput } from "./picture.js";

const PART = 127; // pixels a side, at most
const SMALLEST = 15; // pixels a side that it can look at
const ALONG = 3; // parts along a side, at most
const AGREEMENT = 0.2; // how much each further part tells of the kernel

// `look` makes ten numbers of a part.
export async function see(picture, look) {
  const { width, height } = picture;
  if (Math.min(width, height) < SMALLEST) return UNKNOWN;
  const rows = spread(height);
  const columns = spread(width);
  const size = { height: sideOf(height), width: sideOf(width) };
  const answers = [];
  for (const top of rows) {
    for (const left of columns) {
      const lr = toInput(picture, range(top, size.height), range(left, size.width));
      answers.push(await look({ lr, ...size }));
    }
  }
  const mean = Array.from(answers[0], (_, i) => average(answers.map((answer) => answer[i])));
  const made = fromVector(mean); // refuses what is no degradation
  if (answers.length === 1) return made;
  return fromVector([...joinedOdds(answers), ...mean.slice(KERNELS.length)]);
}

// The product of the parts' odds, to a power below 1, because parts share what misleads.
function joinedOdds(answers) {
  const power = 1 + AGREEMENT * (answers.length - 1);
  const odds = KERNELS.map((_, i) => {
    const logarithms = answers.map((answer) => Math.log(Math.max(answer[i], 1e-4)));
    return Math.exp(average(logarithms) * power);
  });
  const sum = odds.reduce((a, b) => a + b);
  return odds.map((odd) => odd / sum);
}

function average(numbers) {
  return numbers.reduce((a, b) => a + b) / numbers.length;
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
