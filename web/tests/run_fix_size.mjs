// Writes to the second file a copy of the first for pictures of the side of the third.
import { readFileSync, writeFileSync } from "node:fs";
import { withFixedSize } from "../fix_size.mjs";

const [model, copy, side] = process.argv.slice(2);
writeFileSync(copy, withFixedSize(readFileSync(model), Number(side)));
