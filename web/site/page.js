import { Comparison } from "./comparison.js";
import { openModel } from "./model.js";
import { keepForOffline } from "./offline.js";
import { MAX_PIXELS, PictureError, readPicture, TooLargeError } from "./picture.js";
import { enlarge } from "./tiling.js";

const get = (id) => document.getElementById(id);
const comparison = new Comparison(get("result"));
let current = null; // the picture in work: its AbortController
let tooLarge = null; // the file whose middle is offered
let savedName = "";

get("limit").textContent = `${(MAX_PIXELS / 1e6).toFixed(1)} million pixels`;
tell("Loading the model …");
const model = start();
model.then(
  () => current || tell("Ready."),
  (error) => fail(error.message),
);

for (const [button, input] of [
  ["choose", "file"],
  ["take", "camera"],
]) {
  get(button).addEventListener("click", () => get(input).click());
  get(input).addEventListener("change", ({ target }) => {
    open(target.files[0]);
    target.value = ""; // so that the same file can be chosen again
  });
}
get("sample").addEventListener("click", async () => {
  const response = await fetch("vendor/sample.png");
  open(new File([await response.blob()], "sample.png"));
});
get("middle").addEventListener("click", () => open(tooLarge, true));
get("cancel").addEventListener("click", () => {
  current.abort();
  finish("Cancelled.");
});
get("save").addEventListener("click", save);

document.addEventListener("paste", (event) => open(event.clipboardData.files[0]));
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  get("entry").classList.add("over");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) get("entry").classList.remove("over");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  get("entry").classList.remove("over");
  open(event.dataTransfer.files[0]);
});

async function start() {
  const isKept = await keepForOffline();
  try {
    const opened = await openModel((engine) => {
      get("engine").textContent = `Runs on ${engine}.`;
    });
    get("offline").textContent = isKept ? "Works without a network from now on." : "";
    get("scale").textContent = opened.scale;
    return opened;
  } catch (error) {
    throw new PictureError(`The model does not start: ${error.message}.`);
  }
}

async function open(file, onlyMiddle = false) {
  if (!file) return;
  current?.abort();
  const mine = (current = new AbortController());
  show({ middle: false, result: false, done: false, work: true });
  get("progress").removeAttribute("value");
  get("left").textContent = "";
  try {
    tell("Reading the picture …");
    const { pixels, wasTransparent } = await readPicture(file, onlyMiddle);
    const opened = await model;
    if (mine !== current) return;
    const size = sizeText(opened.scale, pixels);
    if (!comparison.begin(pixels, opened.scale)) {
      throw new TooLargeError(`This browser has no room for a result of ${size}.`);
    }
    tell(`Enlarging to ${size} …`);
    show({ result: true });
    await paintTiles(opened, pixels, mine.signal);
    comparison.end();
    savedName = `${(file.name || "picture").replace(/\.[^.]*$/, "")}_x${opened.scale}.png`;
    const note = wasTransparent ? " What was transparent is on white." : "";
    finish(`Done: ${size}.${note}`, true);
  } catch (error) {
    if (mine !== current || mine.signal.aborted) return;
    current = null;
    show({ work: false, result: false, middle: error instanceof TooLargeError });
    tooLarge = file;
    const isKnown = error instanceof PictureError;
    fail(isKnown ? error.message : `The model stopped: ${error.message}.`);
  }
}

async function paintTiles(opened, pixels, signal) {
  const start = performance.now();
  const paint = (tile) => {
    comparison.paint(tile);
    const seconds = (performance.now() - start) / 1000;
    const left = (seconds / tile.done) * (tile.all - tile.done);
    get("progress").value = tile.done / tile.all;
    get("left").textContent =
      `Tile ${tile.done} of ${tile.all}, about ${timeText(left)} left`;
  };
  await enlarge(pixels, opened, paint, signal);
}

function finish(text, isDone = false) {
  current = null;
  const hadFocus = document.activeElement === get("cancel");
  show({ work: false, result: isDone, done: isDone });
  // A button that vanishes under the focus would send the keyboard back to the top.
  if (hadFocus) get(isDone ? "save" : "choose").focus();
  tell(text);
}

async function save() {
  try {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await comparison.toPng());
    link.download = savedName;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  } catch {
    fail("There is not enough memory to make the file.");
  }
}

// Shows or hides the parts of the page that have the classes `when-<name>`.
function show(parts) {
  for (const [name, isShown] of Object.entries(parts)) {
    for (const element of document.querySelectorAll(`.when-${name}`)) {
      element.hidden = !isShown;
    }
  }
}

function timeText(seconds) {
  return seconds < 100 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`;
}

function sizeText(scale, { width, height }) {
  return `${scale * width} × ${scale * height} pixels`;
}

function tell(text) {
  get("status").textContent = text;
  get("status").classList.remove("error");
}

function fail(text) {
  tell(text);
  get("status").classList.add("error");
}
