// Writes a ZIP of the files on standard input, as JSON: name, text and perhaps the text
// that replaces it.
import { readFileSync } from "node:fs";
import { Zip } from "../site/zip.js";

const zip = new Zip();
const entries = [];
const files = JSON.parse(readFileSync(0));
for (const [name, text] of files) entries.push(await zip.add(name, new Blob([text])));
for (const [i, [, , text]] of files.entries())
  if (text) await zip.put(entries[i], new Blob([text]));
process.stdout.write(Buffer.from(await zip.toBlob().arrayBuffer()));
