// Prints what vectors say in words, and as what a model is told: vectors in on standard
// input, [words, vector] of each on standard output, both as JSON.
import { readFileSync } from "node:fs";
import { fromVector, toVector, toWords } from "../site/degradation.js";

const results = JSON.parse(readFileSync(0)).map((numbers) => {
  const made = fromVector(Float32Array.from(numbers));
  return [toWords(made), Array.from(toVector(made))];
});
process.stdout.write(JSON.stringify(results));
