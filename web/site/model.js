// The model in its worker, as functions that return promises.

// Starts the worker. `run` takes the pixels of `tiling.cut`; `engine` tells what
// computes, and `onEngine` hears when that changes.
export async function openModel(onEngine) {
  const worker = new Worker(new URL("worker.js", import.meta.url), { name: "model" });
  const waiting = new Map();
  let count = 0;
  let last = Promise.resolve();

  worker.onmessage = ({ data: { id, result, error } }) => {
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) resolve(result);
    else reject(new Error(error));
  };
  worker.onerror = (event) => {
    const error = new Error(event.message || "the worker did not start");
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };

  function ask(name, value, transfer = []) {
    return new Promise((resolve, reject) => {
      waiting.set(++count, { resolve, reject });
      worker.postMessage({ id: count, name, value }, transfer);
    });
  }

  async function run(input) {
    // A cancelled picture may still hold the model with its last tile.
    last = last.catch(() => {}).then(() => ask("run", input, [input.buffer]));
    const { levels, engine } = await last;
    if (engine) onEngine(engine);
    return levels;
  }

  const facts = await ask("load");
  onEngine(facts.engine);
  return { ...facts, run };
}
