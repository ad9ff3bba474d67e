// Writes a ZIP of the files on standard input, pairs of name and text as JSON.
import { readFileSync } from "node:fs";
import { Zip } from "../site/zip.js";

const zip = new Zip();
for (const [name, text] of JSON.parse(readFileSync(0)))
  await zip.add(name, new Blob([text]));
process.stdout.write(Buffer.from(await zip.toBlob().arrayBuffer()));
