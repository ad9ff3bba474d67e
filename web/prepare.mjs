// Puts beside the page what it runs on: LiteRT.js, a model, a sample picture, and the
// list by which the service worker keeps them.
//
//     node prepare.mjs MODEL.tflite [SITE]
import { createHash } from "node:crypto";
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const packages = join(here, "node_modules", "@litertjs");
const [model, site = join(here, "site")] = process.argv.slice(2);
if (!model) {
  console.error("error: no model; usage: node prepare.mjs MODEL.tflite [SITE]");
  process.exit(2);
}
const vendor = join(site, "vendor");
const runtime = join(vendor, "litert");

rmSync(vendor, { recursive: true, force: true });
mkdirSync(runtime, { recursive: true });
for (const kind of ["", "_threaded", "_compat"]) {
  for (const ending of ["js", "wasm"]) {
    const name = `litert_wasm${kind}_internal.${ending}`;
    cpSync(join(packages, "core", "wasm", name), join(runtime, name));
  }
}
copyModule("wasm-utils", {});
// Import maps do not reach workers, so the one bare import becomes a path here.
copyModule("core", { '"@litertjs/wasm-utils"': '"./wasm-utils.js"' });
cpSync(model, join(vendor, "model.tflite"));
cpSync(join(here, "../srlite/samples/astronaut_lr.png"), join(vendor, "sample.png"));
writeFileSync(join(vendor, "version.js"), versionScript());

function copyModule(name, replacements) {
  const source = join(packages, name, "dist", "index.js");
  let text = readFileSync(source, "utf8").replace(/^\/\/# sourceMappingURL=.*$/m, "");
  for (const [from, to] of Object.entries(replacements)) {
    if (text.split(from).length !== 2) {
      throw new Error(`${source} does not name ${from} once; LiteRT.js has changed`);
    }
    text = text.replace(from, to);
  }
  writeFileSync(join(runtime, `${name}.js`), text);
}

// The version is a hash of everything that is served, so it changes when anything does.
function versionScript() {
  const paths = readdirSync(site, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const hash = createHash("sha256");
  for (const path of paths)
    hash.update(relative(site, path)).update(readFileSync(path));
  const files = paths
    .map((path) => relative(site, path).split(sep).join("/"))
    // A browser needs one of the runtimes; that one is kept when it is used.
    .filter(
      (name) => !name.includes("litert_wasm") && !/^(_headers|sw\.js)$/.test(name),
    );
  const headers = readFileSync(join(site, "_headers"), "utf8")
    .split("\n")
    .filter((line) => line.startsWith("  "))
    .map((line) =>
      line
        .trim()
        .split(/:\s*(.*)/s)
        .slice(0, 2),
    );
  const release = {
    version: hash.digest("hex").slice(0, 16),
    files: ["./", ...files],
    headers: Object.fromEntries(headers),
  };
  return `self.RELEASE = ${JSON.stringify(release, null, 2)};\n`;
}
