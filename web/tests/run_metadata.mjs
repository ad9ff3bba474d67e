// Prints what the model file of the first argument says about itself, as JSON. With two
// more, HEIGHTxWIDTH and a file, writes there a copy that takes this size alone.
import { readFileSync, writeFileSync } from "node:fs";
import { readMetadata, withInputSize } from "../site/metadata.js";

const [model, size, copy] = process.argv.slice(2);
const bytes = readFileSync(model);
process.stdout.write(JSON.stringify(readMetadata(bytes)));
if (copy) writeFileSync(copy, withInputSize(bytes, ...size.split("x").map(Number)));
