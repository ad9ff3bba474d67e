// The model in its worker, as functions that return promises.
import { toVector } from "./degradation.js";

// Starts the worker of one of `MODELS`. `run` takes the pixels of `tiling.cut` and, for a
// conditional model (`isTold`), how the picture was made; `look` is for `seeing.see`.
// `engine` names what computes, and `onEngine` is called when that changes. `close` ends
// the worker at once.
export async function openModel(files, onEngine) {
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

  // A cancelled picture may still hold the model with its last tile.
  function askInTurn(name, value) {
    last = last.catch(() => {}).then(() => ask(name, value, [value.lr.buffer]));
    return last;
  }

  async function run(lr, made) {
    const degradation = made && toVector(made);
    const { levels, engine } = await askInTurn("run", { lr, degradation });
    if (engine) onEngine(engine);
    return levels;
  }

  async function look(part) {
    return (await askInTurn("look", part)).vector;
  }

  const facts = await ask("load", files);
  onEngine(facts.engine);
  return { ...facts, run, look, close: () => worker.terminate() };
}
