// How a picture was made, as in srlite/data/degradation_vector.py: the odds of the kernels;
// JPEG quality, where 100 means none; noise in levels, blur in pixels of the result, and
// sharpening.
export const KERNELS = [
  "nearest",
  "bilinear",
  "bilinear_aliased",
  "bicubic",
  "bicubic_aliased",
  "area",
];
const MAX_NOISE = 16;
const MAX_BLUR = 2;

// What is known of a picture that nobody has looked at.
export const UNKNOWN = {
  kernels: KERNELS.map(() => 1 / KERNELS.length),
  jpeg: 100,
  noise: 0,
  blur: 0,
  sharpening: 0,
};

// Reads ten numbers from 0 to 1, as an estimator gives them.
export function fromVector(vector) {
  const isInRange = vector.every((number) => number >= -1e-3 && number <= 1.001);
  const odds = Array.from(vector.slice(0, KERNELS.length), (odd) => Math.max(odd, 0));
  const sum = odds.reduce((total, odd) => total + odd, 0);
  if (vector.length !== KERNELS.length + 4 || !isInRange || Math.abs(sum - 1) > 0.05)
    throw new Error("the estimator's answer says nothing of a picture");
  const [jpeg, noise, blur, sharpening] = Array.from(
    vector.slice(KERNELS.length),
    (number) => Math.min(Math.max(number, 0), 1),
  );
  return {
    kernels: odds.map((odd) => odd / sum),
    jpeg: 100 * (1 - jpeg),
    noise: MAX_NOISE * noise,
    blur: MAX_BLUR * blur,
    sharpening,
  };
}

// The second input of a conditional model.
export function toVector({ kernels, jpeg, noise, blur, sharpening }) {
  const strengths = [1 - jpeg / 100, noise / MAX_NOISE, blur / MAX_BLUR, sharpening];
  return Float32Array.from([...kernels, ...strengths]);
}

export function toWords({ kernels, jpeg, noise, blur, sharpening }) {
  const [first, second] = KERNELS.map((_, i) => i).sort(
    (a, b) => kernels[b] - kernels[a],
  );
  const words = ["kernel unknown"];
  if (kernels[first] >= 0.5) words[0] = KERNELS[first];
  else if (kernels[first] + kernels[second] >= 0.5)
    words[0] = `${KERNELS[first]} or ${KERNELS[second]}`;
  if (100 - jpeg >= 3) words.push(`JPEG about ${jpeg.toFixed(0)}`);
  if (noise >= 0.5) {
    const levels = Math.max(1, Math.round(noise));
    words.push(`noise about ${levels} level${levels > 1 ? "s" : ""}`);
  }
  if (blur >= 0.2) words.push(`blur about ${blur.toFixed(1)} HR pixels`);
  if (sharpening >= 0.08) words.push(`sharpened by about ${sharpening.toFixed(1)}`);
  if (words.length === 1) words.push("clean");
  return words.join(", ");
}
