// Enlarges pictures by a model that repeats pixels: cases in on standard input, what the
// model saw and what was painted out on standard output, both as JSON.
import { readFileSync } from "node:fs";
import { enlarge } from "../site/tiling.js";

const results = [];
for (const { pixels, width, height, ...facts } of JSON.parse(readFileSync(0))) {
  const { side, scale } = facts;
  const seen = [];
  const sr = new Array(scale * width * scale * height).fill(null);
  const large = scale * side;
  const model = {
    ...facts,
    run(input) {
      seen.push(Array.from(input));
      return Array.from({ length: large * large }, (_, at) => {
        const y = Math.floor(at / large / scale);
        const x = Math.floor((at % large) / scale);
        return 255 * input[3 * (y * side + x)];
      });
    },
  };
  const paint = ({ levels, row, column }) => {
    for (let y = scale * row.from; y < scale * row.to; y++) {
      for (let x = scale * column.from; x < scale * column.to; x++) {
        const at = (y - scale * row.start) * large + (x - scale * column.start);
        sr[y * scale * width + x] = Math.round(levels[at]);
      }
    }
  };
  const signal = new AbortController().signal;
  await enlarge({ data: pixels, width, height }, model, paint, signal);
  results.push({ seen, sr });
}
process.stdout.write(JSON.stringify(results));
