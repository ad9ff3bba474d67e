// Runs the model, so that the page stays free. A classic worker, because LiteRT.js loads
// its WebAssembly by importScripts, which module workers lack.
"use strict";

const RUNTIME = new URL("vendor/litert/", self.location).href;
// Levels by which a GPU may differ from the CPU, as the page may from Python.
const TOLERANCE = 2;

let litert, withInputSize, bytes, network, side;
// The estimator: its file, and the network of the size that was looked at last.
let estimatorBytes, estimator;

const answers = { load, look, run };
self.onmessage = async ({ data: { id, name, value } }) => {
  try {
    const result = await answers[name](value);
    const levels = result.levels ? [result.levels.buffer] : [];
    self.postMessage({ id, result }, levels);
  } catch (error) {
    self.postMessage({ id, error: String(error?.message ?? error) });
  }
};

async function load(files) {
  const metadata = await import("./metadata.js");
  withInputSize = metadata.withInputSize;
  bytes = await fetchFile(files.file);
  const { scale, overlap, step = 1, degradation } = metadata.readMetadata(bytes) ?? {};
  if (!scale) throw new Error("the model file does not say that it is one of srlite");
  const isTold = degradation === "input";
  if (isTold) estimatorBytes = await fetchFile(files.estimator);
  const threads = await loadRuntime();
  network = await compile("wasm");
  const shapes = network.getInputDetails().map(({ shape }) => shape);
  const [, height, width, channels] = shapes.find(({ length }) => length === 4);
  if (height !== width || channels !== 3)
    throw new Error("the model takes no RGB square");
  side = height;
  const graphics = await loadGraphics();
  const cpu = threads === 1 ? "the CPU, one thread" : `the CPU, ${threads} threads`;
  const engine = graphics ? "the GPU, by WebGPU" : cpu;
  return { scale, overlap, step, side, isTold, engine };
}

async function fetchFile(name) {
  const response = await fetch(new URL(`vendor/${name}`, self.location));
  if (!response.ok) throw new Error(`no file ${name} (${response.status})`);
  return new Uint8Array(await response.arrayBuffer());
}

// The number of threads.
async function loadRuntime() {
  litert = await import(`${RUNTIME}core.js`);
  let failure;
  for (const threads of self.crossOriginIsolated ? [true, false] : [false]) {
    // Emscripten would otherwise look for its files, and start its threads, at the
    // address of this worker.
    self.Module = {
      locateFile: (name) => RUNTIME + name,
      mainScriptUrlOrBlob: `${RUNTIME}litert_wasm_threaded_internal.js`,
    };
    try {
      await litert.loadLiteRt(RUNTIME, { threads });
      return threads ? navigator.hardwareConcurrency : 1;
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

function compile(accelerator, content = bytes) {
  return litert.loadAndCompile(content, {
    accelerator,
    gpuOptions: { precision: "fp32" },
  });
}

// Takes the GPU if it agrees with the CPU and is faster: drivers differ.
async function loadGraphics() {
  const adapter = await navigator.gpu?.requestAdapter();
  // A browser may imitate a GPU, which takes minutes.
  if (!adapter || adapter.info.isFallbackAdapter) return false;
  const numbers = (length) => Float32Array.from({ length }, (_, i) => (i * 0.37) % 1);
  const probe = { lr: numbers(side * side * 3), degradation: numbers(10) };
  let graphics;
  try {
    graphics = await compile("webgpu");
    if (!graphics.isFullyAccelerated) throw new Error("not every op runs on the GPU");
    const expected = await timed(network, probe);
    await predict(graphics, probe);
    const received = await timed(graphics, probe);
    const off = received.levels.some(
      (level, i) => Math.abs(level - expected.levels[i]) > TOLERANCE,
    );
    if (off || received.time > expected.time) throw new Error("no better than the CPU");
  } catch (error) {
    console.info(`WebGPU is not used: ${error.message}`);
    graphics?.delete();
    return false;
  }
  network.delete();
  network = graphics;
  return true;
}

async function timed(model, input) {
  const start = performance.now();
  const levels = await predict(model, input);
  return { levels, time: performance.now() - start };
}

async function run(input) {
  try {
    return { levels: await predict(network, input) };
  } catch (error) {
    if (network.options.accelerator !== "webgpu") throw error;
    // A GPU can be lost while it works.
    network = await compile("wasm");
    return {
      levels: await predict(network, input),
      engine: "the CPU, as WebGPU failed",
    };
  }
}

// Ten numbers for a part of a picture: how it was made.
async function look({ lr, height, width }) {
  const [, rows, columns] = estimator?.getInputDetails()[0].shape ?? [];
  if (rows !== height || columns !== width) {
    const next = await compile("wasm", withInputSize(estimatorBytes, height, width));
    estimator?.delete();
    estimator = next;
  }
  return { vector: await compute(estimator, { lr }) };
}

// RGBA levels of the enlarged square.
async function predict(model, input) {
  const values = await compute(model, input);
  const unit = values instanceof Uint8Array ? 1 : 255;
  const levels = new Uint8ClampedArray((values.length / 3) * 4).fill(255);
  // This array clips, and rounds halves to even, as NumPy does.
  for (let from = 0, to = 0; from < values.length; from += 3, to += 4) {
    levels[to] = unit * values[from];
    levels[to + 1] = unit * values[from + 1];
    levels[to + 2] = unit * values[from + 2];
  }
  return levels;
}

// What a model makes of a picture and, if it takes one, a degradation, in any order. A
// quantised one takes levels, and gives them.
async function compute(model, { lr, degradation }) {
  const inputs = model
    .getInputDetails()
    .map(({ shape: [...shape], dtype }) => {
      const values = shape.length === 4 ? lr : degradation;
      const isWhole = dtype === "uint8";
      return new litert.Tensor(isWhole ? toLevels(values) : values, shape);
    });
  let output;
  try {
    [output] = await model.run(inputs);
    return await output.data();
  } finally {
    inputs.forEach((input) => input.delete());
    output?.delete();
  }
}

// Rounds halves to even, as NumPy does.
function toLevels(values) {
  const levels = Uint8ClampedArray.from(values, (value) => 255 * value);
  return new Uint8Array(levels.buffer);
}
