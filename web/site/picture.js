// Files as pixels.

// Of a picture to enlarge. With 16 times as many in the result, of 4 bytes each, this is
// 256 MiB, about what a tab can hold.
export const MAX_PIXELS = 2 ** 22;
// Along a side of a middle part: its result, 4096 x 4096, fits on every phone's canvas.
const MIDDLE = 1024;

// A sentence for the reader of the page.
export class PictureError extends Error {}

export class TooLargeError extends PictureError {}

// Decodes a file, upright, in sRGB; only its middle if so asked. Transparent parts are
// laid on white: a canvas does not keep the colours under them. Returns ImageData, and
// whether anything was transparent.
export async function readPicture(file, onlyMiddle = false) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    const name = file.name || "This";
    throw new PictureError(`${name} is not a picture that this browser can read.`);
  }
  try {
    const width = onlyMiddle ? Math.min(bitmap.width, MIDDLE) : bitmap.width;
    const height = onlyMiddle ? Math.min(bitmap.height, MIDDLE) : bitmap.height;
    if (width * height > MAX_PIXELS) {
      throw new TooLargeError(
        `The picture has ${bitmap.width} × ${bitmap.height} pixels; at most ` +
          `${MAX_PIXELS.toLocaleString("en")} fit in memory.`,
      );
    }
    const context = new OffscreenCanvas(width, height).getContext("2d");
    const left = Math.floor((bitmap.width - width) / 2);
    const top = Math.floor((bitmap.height - height) / 2);
    context.drawImage(bitmap, -left, -top);
    const pixels = context.getImageData(0, 0, width, height);
    return { pixels, wasTransparent: layOnWhite(pixels.data) };
  } finally {
    bitmap.close();
  }
}

// The pixels of some rows and columns as a model takes them: RGB in [0, 1].
export function toInput({ data, width }, ys, xs) {
  const input = new Float32Array(ys.length * xs.length * 3);
  let at = 0;
  for (const y of ys) {
    for (const x of xs) {
      const pixel = 4 * (y * width + x);
      for (let channel = 0; channel < 3; channel++)
        input[at++] = data[pixel + channel] / 255;
    }
  }
  return input;
}

function layOnWhite(data) {
  let wasTransparent = false;
  for (let at = 0; at < data.length; at += 4) {
    const alpha = data[at + 3] / 255;
    if (alpha === 1) continue;
    wasTransparent = true;
    for (let i = at; i < at + 3; i++) data[i] = data[i] * alpha + 255 * (1 - alpha);
    data[at + 3] = 255;
  }
  return wasTransparent;
}
