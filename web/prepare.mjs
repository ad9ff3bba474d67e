// Puts beside the page what it runs on: LiteRT.js, models and their estimators, a sample
// picture, and the list by which the service worker keeps them.
//
//     node prepare.mjs [--site SITE] MODEL.tflite [MODEL.tflite ...]
//
// The page begins with the first model and offers the others. A model that takes pictures
// of any size is fixed to tiles of SIDE x SIDE pixels. The estimator of a conditional model
// lies beside it, as MODEL_estimator.tflite or estimator.tflite; or else that of the first
// model serves, or the shipped one. Nothing is written before everything was read.
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { withFixedSize } from "./fix_size.mjs";
import { readMetadata } from "./site/metadata.js";

const SIDE = 192;
// What the page says about the shipped models.
const WORDS = {
  light: "natural texture",
  light_int8: "natural texture, faster",
  light_psnr: "faithful, smoother",
  light_psnr_int8: "faithful, faster",
  light_rt: "fastest",
  light_rt_int8: "fastest, in 8 bits",
};

const here = dirname(fileURLToPath(import.meta.url));
const packages = join(here, "node_modules", "@litertjs");
const SHIPPED = join(here, "../srlite/weights/light_estimator.tflite");
const { site, paths } = parseArguments();
const estimators = new Map(); // their files, and the names of their copies
const models = paths.map(check);
if (!existsSync(join(site, "_headers"))) fail(`${site} is no copy of web/site`);
if (!existsSync(packages)) fail("LiteRT.js is not installed; run `make web-files`");
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
for (const { name, content } of models)
  writeFileSync(join(vendor, `${name}.tflite`), content);
for (const [path, name] of estimators) cpSync(path, join(vendor, name));
writeFileSync(join(vendor, "models.js"), modelsScript());
cpSync(join(here, "../srlite/samples/astronaut_lr.png"), join(vendor, "sample.png"));
writeFileSync(join(vendor, "version.js"), versionScript());

function parseArguments() {
  const options = { site: { type: "string", default: join(here, "site") } };
  try {
    const { values, positionals } = parseArgs({ options, allowPositionals: true });
    if (positionals.length) return { site: values.site, paths: positionals };
  } catch (error) {
    fail(error.message);
  }
  fail("no model; usage: node prepare.mjs MODEL.tflite ...");
}

// A model's name, its file of one size and the name of its estimator; ends with a sentence
// where the page cannot run them.
function check(path, index) {
  const name = basename(path, ".tflite");
  const alike = paths.findIndex((other) => basename(other, ".tflite") === name);
  if (alike !== index)
    fail(`${paths[alike]} and ${path} have one name; rename one of them`);
  const { scale, degradation } = fieldsOf(path);
  if (!scale)
    fail(`${path} does not say that it is a model of srlite; export it again`);
  if (degradation === "auto")
    fail(
      `${path} looks at whole pictures, but the page shows it tiles; export it without ` +
        "--degradation auto",
    );
  const content = read(path, (bytes) => withFixedSize(bytes, SIDE));
  if (degradation !== "input") return { name, content };
  const beside = (file) => file.replace(/(\.tflite)?$/, "_estimator.tflite");
  const places = [
    beside(path),
    beside(path.replace(/_int8(?=\.tflite$)/, "")),
    join(dirname(path), "estimator.tflite"),
    beside(paths[0]),
    SHIPPED,
  ];
  const estimator = resolve(places.find(existsSync) ?? places[0]);
  if (fieldsOf(estimator).estimates !== "degradation")
    fail(`${estimator} is not an estimator of srlite; export ${path} again`);
  if (!estimators.has(estimator)) estimators.set(estimator, `${name}_estimator.tflite`);
  return { name, content, estimator: estimators.get(estimator) };
}

// What a model file says about itself.
function fieldsOf(path) {
  return read(path, readMetadata) ?? {};
}

function read(path, use) {
  let bytes;
  try {
    bytes = readFileSync(path);
  } catch {
    fail(`there is no file ${path}`);
  }
  try {
    return use(bytes);
  } catch (error) {
    fail(`${path} is no .tflite that the page can use: ${error.message}`);
  }
}

function fail(sentence) {
  console.error(`error: ${sentence}`);
  process.exit(2);
}

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

// What the page offers, the model that it begins with first.
function modelsScript() {
  const list = models.map(({ name, estimator }) => ({
    name,
    words: WORDS[name] ?? "",
    file: `${name}.tflite`,
    estimator,
  }));
  return `export const MODELS = ${JSON.stringify(list, null, 2)};\n`;
}

// The version is a hash of everything that is served, so it changes when anything does.
function versionScript() {
  const paths = readdirSync(site, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const hash = createHash("sha256");
  const later = new Set(models.slice(1).map(({ name }) => `vendor/${name}.tflite`));
  for (const path of paths)
    hash.update(relative(site, path)).update(readFileSync(path));
  const files = paths
    .map((path) => relative(site, path).split(sep).join("/"))
    // A browser needs one of the runtimes and of the models; they are kept when used.
    .filter(
      (name) =>
        !name.includes("litert_wasm") &&
        !later.has(name) &&
        !/^(_headers|sw\.js)$/.test(name),
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
