// Pictures brought to the page and taken from it, in its tests.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

// In levels, from a file of RGBA to the enlarged picture on the canvas.
export async function differencesOf(page, file, size) {
  const { width, height, base64 } = await page.evaluate(() => {
    const canvas = document.querySelectorAll("canvas")[1];
    const { width, height } = canvas;
    const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
    let text = "";
    for (const byte of data) text += String.fromCharCode(byte);
    return { width, height, base64: btoa(text) };
  });
  assert.deepEqual([width, height], size);
  const received = Buffer.from(base64, "base64");
  const wanted = readFileSync(file);
  assert.equal(received.length, wanted.length);
  let largest = 0;
  let sum = 0;
  for (let i = 0; i < wanted.length; i++) {
    const difference = Math.abs(received[i] - wanted[i]);
    largest = Math.max(largest, difference);
    sum += difference;
  }
  return { largest, mean: sum / wanted.length };
}

// Runs within the page: drops or pastes a file.
export function bring([how, name, content]) {
  const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
  const data = new DataTransfer();
  data.items.add(new File([bytes], name));
  const event =
    how === "dropped"
      ? new DragEvent("drop", { dataTransfer: data, bubbles: true })
      : new ClipboardEvent("paste", { clipboardData: data, bubbles: true });
  document.body.dispatchEvent(event);
}
