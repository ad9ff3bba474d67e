// A ZIP file of files as they are: PNG would shrink no further. Numbers of sections are
// those of PKWARE's APPNOTE 6.3.10.
import { PictureError } from "./picture.js";

// The format without its extension for more; both are the first number that is too large.
const MOST_BYTES = 0xffffffff;
const MOST_FILES = 0xffff;
const FROM_1980 = 0x21; // the date: the first of January 1980
const IS_UTF8 = 0x800; // flag of names
const VERSION = 20;
const FULL = "The ZIP is full: it holds 4 GB, or 65,534 pictures.";

const TABLE = Uint32Array.from({ length: 256 }, (_, number) => {
  for (let i = 0; i < 8; i++)
    number = number & 1 ? (number >>> 1) ^ 0xedb88320 : number >>> 1;
  return number;
});

export class Zip {
  constructor() {
    this.entries = [];
    this.names = new Set();
    this.size = 0; // bytes, at most
  }

  get count() {
    return this.entries.length;
  }

  // Adds a Blob under its name, or under a similar one if that is taken. Returns its
  // entry.
  async add(name, blob) {
    const text = new TextEncoder().encode(this.free(name));
    const entry = { text, blob: new Blob() };
    this.size += 2 * (text.length + 100);
    if (this.count + 1 >= MOST_FILES) throw new PictureError(FULL);
    await this.put(entry, blob);
    this.entries.push(entry);
    return entry;
  }

  // Fills an entry, perhaps anew.
  async put(entry, blob) {
    const size = this.size + blob.size - entry.blob.size;
    if (size >= MOST_BYTES) throw new PictureError(FULL);
    const bytes = new Uint8Array(await blob.arrayBuffer());
    const { length } = entry.text;
    const facts = numbers(
      ...[[2, VERSION], [2, IS_UTF8], [2, 0], [2, 0], [2, FROM_1980]],
      ...[[4, crc(bytes)], [4, bytes.length], [4, bytes.length]],
      ...[[2, length], [2, 0]],
    );
    this.size = size;
    Object.assign(entry, { facts, blob });
  }

  toBlob() {
    const files = [];
    const list = [];
    let at = 0;
    for (const { facts, text, blob } of this.entries) {
      list.push(
        numbers([4, 0x02014b50], [2, VERSION]), // 4.3.12
        facts,
        numbers([2, 0], [2, 0], [2, 0], [4, 0], [4, at]),
        text,
      );
      files.push(numbers([4, 0x04034b50]), facts, text, blob); // 4.3.7
      at += 4 + facts.length + text.length + blob.size;
    }
    const size = list.reduce((sum, part) => sum + part.length, 0);
    const end = numbers(
      ...[[4, 0x06054b50], [2, 0], [2, 0]], // 4.3.16
      ...[[2, this.count], [2, this.count], [4, size], [4, at], [2, 0]],
    );
    return new Blob([...files, ...list, end], { type: "application/zip" });
  }

  free(name) {
    const [, stem, ending] = /^(.*?)(\.[^.]*)?$/s.exec(name);
    let free = name;
    for (let i = 2; this.names.has(free.toLowerCase()); i++)
      free = `${stem}-${i}${ending ?? ""}`;
    this.names.add(free.toLowerCase());
    return free;
  }
}

// Pairs of (bytes, number), the lowest byte first.
function numbers(...pairs) {
  const bytes = pairs.flatMap(([length, number]) =>
    Array.from({ length }, (_, i) => (number >>> (8 * i)) & 255),
  );
  return Uint8Array.from(bytes);
}

function crc(bytes) {
  let sum = -1;
  for (const byte of bytes) sum = (sum >>> 8) ^ TABLE[(sum ^ byte) & 255];
  return ~sum >>> 0;
}
