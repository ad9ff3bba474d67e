// Prints what the model file of the first argument says about itself, as JSON.
import { readFileSync } from "node:fs";
import { readMetadata } from "../site/metadata.js";

process.stdout.write(JSON.stringify(readMetadata(readFileSync(process.argv[2]))));
