// The page as its reader sees it.
import { Comparison } from "./comparison.js";
import { Dial } from "./dial.js";
import { openModel } from "./model.js";
import { isKept, keepForOffline } from "./offline.js";
import { MAX_PIXELS, PictureError, readPicture, TooLargeError } from "./picture.js";
import { see } from "./seeing.js";
import { enlarge } from "./tiling.js";
import { MODELS } from "./vendor/models.js";
import { Zip } from "./zip.js";

const LOADING = "Loading the model …";
const get = (id) => document.getElementById(id);
const comparison = new Comparison(get("result"));
const dial = new Dial(get("made"), () => work(repaint));
let current = null; // the work: its AbortController
let picture = null; // the one that is shown
let tooLarge = null; // the file whose middle is offered
let zip = new Zip(); // of the results of several pictures
let place = ""; // among several, for the status
let repeat = null; // opens again what was opened last

get("limit").textContent = `${(MAX_PIXELS / 1e6).toFixed(1)} million pixels`;
for (const { name, words } of MODELS)
  get("model").add(new Option(words ? `${name}: ${words}` : name, name));
get("model").parentElement.hidden = MODELS.length < 2;
const keeping = keepForOffline();
let model; // a promise
start();
openLinked();

for (const [button, input] of [
  ["choose", "file"],
  ["take", "camera"],
]) {
  get(button).addEventListener("click", () => get(input).click());
  get(input).addEventListener("change", ({ target }) => {
    open([...target.files]);
    target.value = ""; // so that the same file can be chosen again
  });
}
get("model").addEventListener("change", () => {
  model.then(({ close }) => close()).catch(() => {});
  start();
  repeat?.();
});
get("sample").addEventListener("click", () => openAddress("vendor/sample.png"));
get("middle").addEventListener("click", () => open([tooLarge], true));
get("cancel").addEventListener("click", () => {
  current.abort();
  repeat = null;
  finish("Cancelled.", false);
});
get("save").addEventListener("click", () =>
  save(() => comparison.toPng(), picture.saveAs),
);
get("all").addEventListener("click", () => save(() => zip.toBlob(), "enlarged.zip"));

document.addEventListener("paste", (event) => open([...event.clipboardData.files]));
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
  open([...event.dataTransfer.files]);
});

// Loads the model that is chosen.
function start() {
  current?.abort();
  current = null;
  show({ work: false, middle: false, result: false, several: false });
  get("engine").textContent = "";
  tell(LOADING);
  const mine = (model = load(MODELS[get("model").selectedIndex], (engine) => {
    if (mine === model) get("engine").textContent = `Runs on ${engine}.`;
  }));
  mine.then(
    ({ scale, isTold }) => {
      if (mine !== model) return;
      get("scale").textContent = scale;
      show({ told: isTold });
      // What was refused meanwhile stays to be read.
      if (get("status").textContent === LOADING) tell("Ready.");
    },
    (error) => mine === model && fail(error.message),
  );
}

async function load(files, onEngine) {
  const isPageKept = await keeping;
  try {
    const opened = await openModel(files, onEngine);
    const offline = isPageKept && (await isKept(files));
    get("offline").textContent = offline ? "Works without a network from now on." : "";
    return opened;
  } catch (error) {
    throw new PictureError(`The model does not start: ${error.message}.`);
  }
}

// Opens what the page's own address names, as ?picture=photos/a.jpg: a picture of the
// same host, so that no other hears of it.
function openLinked() {
  const name = new URLSearchParams(location.search).get("picture");
  if (name === null) return;
  const address = URL.canParse(name, location) && new URL(name, location);
  if (address?.origin === location.origin) openAddress(address);
  else
    work(() => {
      throw new PictureError("A link opens only pictures of this page's own host.");
    });
}

function openAddress(address) {
  repeat = () => openAddress(address);
  begin(async (signal) => {
    const name = nameIn(address);
    tell("Fetching the picture …");
    let response;
    try {
      response = await fetch(address, { signal });
    } catch {
      signal.throwIfAborted();
      throw new PictureError(`${name} cannot be fetched: this host does not answer.`);
    }
    if (!response.ok) throw new PictureError(`There is no ${name} on this host.`);
    return enlargeFile(new File([await response.blob()], name), signal);
  });
}

function nameIn(address) {
  const name = new URL(address, location).pathname.split("/").pop();
  try {
    return decodeURIComponent(name);
  } catch {
    return name; // It is no UTF-8.
  }
}

function open(files, onlyMiddle = false) {
  if (!files.length) return;
  repeat = () => open(files, onlyMiddle);
  begin((signal) =>
    files.length > 1
      ? enlargeAll(files, signal)
      : enlargeFile(files[0], signal, onlyMiddle),
  );
}

// Works on other pictures than before.
function begin(task) {
  zip = new Zip();
  picture = null;
  show({ result: false, several: false });
  work(task);
}

// Does a task that returns a sentence, and stops what was done before.
async function work(task) {
  current?.abort();
  const mine = (current = new AbortController());
  place = "";
  show({ middle: false, done: false, work: true });
  get("left").textContent = "";
  try {
    const sentence = await task(mine.signal);
    if (!mine.signal.aborted) finish(sentence, picture !== null);
  } catch (error) {
    if (mine.signal.aborted) return;
    current = null;
    show({ work: false, result: false, middle: error instanceof TooLargeError });
    fail(sentenceOf(error));
  }
}

async function enlargeFile(file, signal, onlyMiddle = false) {
  get("progress").removeAttribute("value");
  tell("Reading the picture …");
  tooLarge = file;
  const read = await readPicture(file, onlyMiddle);
  const opened = await model;
  signal.throwIfAborted();
  const stem = (file.name || "picture").replace(/\.[^.]*$/, "");
  picture = { saveAs: `${stem}_x${opened.scale}.png`, ...read };
  if (opened.isTold) {
    tell("Looking at the picture …");
    const seen = await see(read.pixels, opened.look);
    signal.throwIfAborted();
    dial.begin(seen);
  }
  return paint(signal);
}

// A picture that cannot be enlarged stops no other.
async function enlargeAll(files, signal) {
  const refusals = new Set();
  for (const [i, file] of files.entries()) {
    place = `${i + 1} of ${files.length}: `;
    try {
      await enlargeFile(file, signal);
      picture.entry = await zip.add(picture.saveAs, await comparison.toPng());
    } catch (error) {
      signal.throwIfAborted();
      refusals.add(sentenceOf(error));
      // What the model left unfinished is not shown, as if it were done.
      if (!(error instanceof PictureError)) picture = null;
    }
    signal.throwIfAborted();
    show({ done: false });
  }
  place = "";
  if (!zip.count) throw new PictureError([...refusals].join(" "));
  return [`Done: ${zip.count} of ${files.length} pictures.`, ...refusals].join(" ");
}

// Enlarges the picture, as it was made by what the dial says; says so.
async function paint(signal) {
  const opened = await model;
  const { pixels, wasTransparent } = picture;
  const size = sizeText(opened.scale, pixels);
  if (!comparison.begin(pixels, opened.scale)) {
    picture = null;
    throw new TooLargeError(`This browser has no room for a result of ${size}.`);
  }
  tell(`Enlarging to ${size} …`);
  show({ result: true });
  const start = performance.now();
  const paintTile = (tile) => {
    comparison.paint(tile);
    const seconds = (performance.now() - start) / 1000;
    const left = (seconds / tile.done) * (tile.all - tile.done);
    get("progress").value = tile.done / tile.all;
    get("left").textContent =
      `Tile ${tile.done} of ${tile.all}, about ${timeText(left)} left`;
  };
  const made = opened.isTold ? dial.told : undefined;
  await enlarge(pixels, opened, paintTile, signal, made);
  comparison.end();
  const note = wasTransparent ? " What was transparent is on white." : "";
  return `Done: ${size}.${note}`;
}

// Enlarges the picture again; the ZIP that holds it gets what is shown.
async function repaint(signal) {
  const sentence = await paint(signal);
  if (picture.entry) await zip.put(picture.entry, await comparison.toPng());
  return sentence;
}

function finish(text, isDone) {
  current = null;
  const hadFocus = document.activeElement === get("cancel");
  show({ work: false, result: isDone, done: isDone, several: zip.count > 0 });
  // A button that vanishes under the focus would send the keyboard back to the top.
  if (hadFocus) get(isDone ? "save" : "choose").focus();
  place = "";
  tell(text);
}

async function save(make, name) {
  try {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await make());
    link.download = name;
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
  get("status").textContent = place + text;
  get("status").classList.remove("error");
}

function fail(text) {
  tell(text);
  get("status").classList.add("error");
}

function sentenceOf(error) {
  return error instanceof PictureError
    ? error.message
    : `The model stopped: ${error.message}.`;
}
