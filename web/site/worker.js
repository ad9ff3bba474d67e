// Runs the model, so that the page stays free. A classic worker, because LiteRT.js loads
// its WebAssembly by importScripts, which module workers lack.
"use strict";

const RUNTIME = new URL("vendor/litert/", self.location).href;
const MODEL = new URL("vendor/model.tflite", self.location).href;
// Levels by which a GPU may differ from the CPU, as the page may from Python.
const TOLERANCE = 2;

let litert, bytes, network, side, scale;

const answers = { load, run };
self.onmessage = async ({ data: { id, name, value } }) => {
  try {
    const result = await answers[name](value);
    const levels = result.levels ? [result.levels.buffer] : [];
    self.postMessage({ id, result }, levels);
  } catch (error) {
    self.postMessage({ id, error: String(error?.message ?? error) });
  }
};

async function load() {
  const { readMetadata } = await import("./metadata.js");
  const response = await fetch(MODEL);
  if (!response.ok) throw new Error(`no model file (${response.status})`);
  bytes = new Uint8Array(await response.arrayBuffer());
  const { scale: times, overlap } = readMetadata(bytes) ?? {};
  if (!times) throw new Error("the model file does not say that it is one of srlite");
  scale = times;
  const threads = await loadRuntime();
  network = await compile("wasm");
  const [, height, width, channels] = network.getInputDetails()[0].shape;
  if (height !== width || channels !== 3)
    throw new Error("the model takes no RGB square");
  side = height;
  const graphics = await loadGraphics();
  const cpu = threads === 1 ? "the CPU, one thread" : `the CPU, ${threads} threads`;
  const engine = graphics ? "the GPU, by WebGPU" : cpu;
  return { scale, overlap, side, engine };
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

function compile(accelerator) {
  return litert.loadAndCompile(bytes, {
    accelerator,
    gpuOptions: { precision: "fp32" },
  });
}

// Takes the GPU where it computes what the CPU does, and sooner: drivers differ.
async function loadGraphics() {
  const adapter = await navigator.gpu?.requestAdapter();
  // A browser may imitate a GPU, which takes minutes.
  if (!adapter || adapter.info.isFallbackAdapter) return false;
  const probe = Float32Array.from(
    { length: side * side * 3 },
    (_, i) => (i * 0.37) % 1,
  );
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

// RGBA levels of scale * side pixels along each axis.
async function predict(model, input) {
  const lr = new litert.Tensor(input, [1, side, side, 3]);
  let sr;
  try {
    [sr] = await model.run([lr]);
    const values = await sr.data();
    const levels = new Uint8ClampedArray((values.length / 3) * 4).fill(255);
    // This array clips, and rounds halves to even, as NumPy does.
    for (let from = 0, to = 0; from < values.length; from += 3, to += 4) {
      levels[to] = 255 * values[from];
      levels[to + 1] = 255 * values[from + 1];
      levels[to + 2] = 255 * values[from + 2];
    }
    return levels;
  } finally {
    lr.delete();
    sr?.delete();
  }
}
