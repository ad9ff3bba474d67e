// Looks at pictures by an estimator that sees how light a part is: pictures in on standard
// input, the parts and what is made of its answers on standard output, both as JSON.
import { readFileSync } from "node:fs";
import { toVector } from "../site/degradation.js";
import { see } from "../site/seeing.js";

const results = [];
for (const { pixels, width, height } of JSON.parse(readFileSync(0))) {
  const parts = [];
  const look = ({ lr, height, width }) => {
    parts.push([height, width, Array.from(lr)]);
    const light = lr.reduce((sum, value) => sum + value, 0) / lr.length;
    return Float32Array.from([light, 1 - light, 0, 0, 0, 0, light, 0, 0, 0]);
  };
  const made = await see({ data: pixels, width, height }, look);
  results.push({ parts, vector: Array.from(toVector(made)) });
}
process.stdout.write(JSON.stringify(results));
