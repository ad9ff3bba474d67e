// The page in a real Chromium. tests/test_web.py serves it and calls this with a JSON of
// addresses and files.
import assert from "node:assert/strict";
import { cpSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test as bareTest } from "node:test";
import { chromium } from "playwright-core";
import { faintTexts, nameless } from "./access.mjs";
import { bring, differencesOf } from "./pictures.mjs";

const setup = JSON.parse(process.env.SRLITE_WEB_TEST);
const LONG = { timeout: 90_000 };
// Of a test, in milliseconds: a browser that hangs should fail it.
const PATIENCE = 180_000;
const test = (name, body) => bareTest(name, { timeout: PATIENCE }, body);
const requests = [];
const complaints = [];
let context, page;

before(async () => {
  context = await chromium.launchPersistentContext(join(setup.folder, "profile"), {
    executablePath: setup.chromium,
    headless: true,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  context.on("request", (request) => requests.push(request.url()));
  context.on("console", (message) => {
    if (/content security policy/i.test(message.text()))
      complaints.push(message.text());
  });
  context.on("weberror", (error) => complaints.push(String(error.error())));
  await context.addInitScript(() => {
    self.violations = [];
    self.asked = []; // of the model
    const post = Worker.prototype.postMessage;
    Worker.prototype.postMessage = function (message, ...more) {
      self.asked.push(message.name);
      return post.call(this, message, ...more);
    };
    document.addEventListener("securitypolicyviolation", (event) => {
      self.violations.push(event.blockedURI);
    });
  });
  [page] = context.pages();
});

after(() => context?.close(), { timeout: PATIENCE });

// Waits for a status, and fails at once where an error is shown instead.
async function status(pattern) {
  const handle = await page.waitForFunction(
    (source) => {
      const element = document.querySelector("#status");
      const text = element.textContent;
      const isWanted = new RegExp(source).test(text);
      return (isWanted || element.classList.contains("error")) && text;
    },
    pattern.source,
    LONG,
  );
  const text = await handle.jsonValue();
  assert.match(text, pattern);
  return text;
}

async function open(url) {
  await page.goto(url);
  await status(/^Ready/);
}

const choose = (...names) =>
  page.setInputFiles(
    "#file",
    names.map((name) => join(setup.folder, name)),
  );

const differences = (expected) =>
  differencesOf(page, join(setup.folder, expected.raw), expected.size);

test("loads, on threads", async () => {
  await open(setup.url);
  assert.ok(await page.evaluate(() => crossOriginIsolated));
  assert.match(await page.textContent("#engine"), /\d+ threads|one thread/);
});

test("is worked by the keyboard", async () => {
  const focused = () => page.evaluate(() => document.activeElement.id);
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "choose");
  const outline = await page.evaluate(
    () => getComputedStyle(document.activeElement).outlineStyle,
  );
  assert.equal(outline, "solid");
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "sample");
  await page.keyboard.press("Enter");
  await status(/^Done: 512 × 512 pixels/);
  await page.keyboard.press("Tab");
  if (setup.other) {
    assert.equal(await focused(), "model");
    await page.keyboard.press("Tab");
  }
  assert.equal(await focused(), "view");
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "edge");
  const edge = () =>
    page.evaluate(() =>
      getComputedStyle(document.querySelector("#stage")).getPropertyValue("--edge"),
    );
  assert.equal(await edge(), "50%");
  await page.keyboard.press("Home");
  assert.equal(await edge(), "0%");
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "save");
});

test("gives the sample as Python does, on canvas and in the file", async () => {
  const { largest } = await differences(setup.pictures.sample);
  assert.ok(largest <= 2, `${largest} levels`);
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.keyboard.press("Enter"),
  ]);
  assert.equal(download.suggestedFilename(), "sample_x4.png");
  await download.saveAs(join(setup.folder, "saved.png"));
});

test("tells the model what is seen of a picture, once", async () => {
  const [looks, runs] = await page.evaluate(() =>
    ["look", "run"].map((name) => self.asked.filter((asked) => asked === name).length),
  );
  assert.ok(runs > 0);
  assert.equal(looks, setup.isTold ? 1 : 0);
  assert.equal(await page.isVisible("#made"), setup.isTold);
  if (!setup.isTold) return;
  const { seen } = setup.pictures.sample;
  assert.equal(await page.textContent("#seen"), `Seen: ${seen}`);
});

const isTold = { skip: !setup.isTold && "the model is told nothing", timeout: PATIENCE };

bareTest("tells the model what the dial says, by the keyboard", isTold, async () => {
  const { sample, dialled } = setup.pictures;
  await page.focus("#seen");
  await page.keyboard.press("Enter");
  const jpeg = page.getByRole("slider", { name: "JPEG quality", exact: true });
  await jpeg.fill(String(setup.dial.jpeg));
  assert.equal(await jpeg.getAttribute("aria-valuetext"), String(setup.dial.jpeg));
  const noise = page.getByRole("slider", { name: "Noise", exact: true });
  await noise.fill("0");
  assert.equal(await noise.getAttribute("aria-valuetext"), "none");
  await noise.fill(String(setup.dial.noise));
  assert.equal(
    await noise.getAttribute("aria-valuetext"),
    `${setup.dial.noise} levels`,
  );
  assert.equal(
    await page.textContent("#seen"),
    `Seen: ${sample.seen}; told: ${dialled.told}`,
  );
  const again = async (expected) => {
    await page.focus("#again");
    await page.keyboard.press("Enter");
    await status(/^Done: 512 × 512 pixels/);
    assert.equal(await page.evaluate(() => document.activeElement.id), "again");
    const { largest } = await differences(expected);
    assert.ok(largest <= 2, `${largest} levels`);
  };
  await again(dialled);
  assert.ok((await differences(sample)).largest > 2, "the dial changes nothing");
  await page.click("#auto");
  assert.equal(await page.textContent("#seen"), `Seen: ${sample.seen}`);
  await again(sample);
  const looks = await page.evaluate(
    () => self.asked.filter((name) => name === "look").length,
  );
  assert.equal(looks, 1);
});

test("has names for what can be worked, and text that can be read", async () => {
  assert.deepEqual(await page.evaluate(nameless), []);
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    assert.deepEqual(await page.evaluate(faintTexts), [], colorScheme);
  }
  await page.emulateMedia({ colorScheme: null });
});

test("can be installed", async () => {
  const session = await context.newCDPSession(page);
  const { installabilityErrors } = await session.send("Page.getInstallabilityErrors");
  assert.deepEqual(installabilityErrors, []);
  await session.detach();
});

test("fits a screen of 360 pixels", async () => {
  await page.setViewportSize({ width: 360, height: 640 });
  const overhang = () =>
    page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
  assert.equal(await overhang(), 0);
  await page.click("#actual");
  const isLarge = await page.evaluate(
    () => document.querySelector("#stage").clientWidth === 512,
  );
  assert.ok(isLarge);
  assert.equal(await overhang(), 0);
  await page.click("#actual");
  await page.setViewportSize({ width: 1280, height: 720 });
});

for (const [name, how] of [
  ["wide", "chosen"],
  ["turned", "dropped"],
  ["clear", "pasted"],
]) {
  test(`gives a ${name} picture, ${how}, as Python does`, async () => {
    const picture = setup.pictures[name];
    if (how === "chosen") {
      await choose(picture.file);
    } else {
      const content = readFileSync(join(setup.folder, picture.file)).toString("base64");
      await page.evaluate(bring, [how, picture.file, content]);
    }
    const text = await status(new RegExp(`^Done: ${picture.size.join(" × ")} pixels`));
    assert.equal(/transparent/.test(text), name === "clear");
    const { largest, mean } = await differences(picture);
    // Decoders of JPEG differ by a level or so before the model sees the picture.
    if (name === "turned") assert.ok(mean <= 1, `${mean} levels on average`);
    else assert.ok(largest <= 2, `${largest} levels`);
  });
}

test("enlarges several pictures, and gives a ZIP of them", async () => {
  await choose("wide.png", "notes.png", "clear.png");
  const text = await status(/^Done: 2 of 3 pictures\./);
  assert.match(text, /\. notes\.png is not a picture that this browser can read\.$/);
  assert.ok((await differences(setup.pictures.clear)).largest <= 2);
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "Save all as ZIP" }).click(),
  ]);
  assert.equal(download.suggestedFilename(), "enlarged.zip");
  await download.saveAs(join(setup.folder, "enlarged.zip"));
  if (setup.isTold) {
    await page.evaluate(() => {
      document.querySelector("#made").open = true;
    });
    await page.getByRole("slider", { name: "Noise", exact: true }).fill("16");
    await page.click("#again");
    await status(/^Done: /);
    const files = [];
    for (const [button, name] of [
      ["#all", "again.zip"],
      ["#save", "again.png"],
    ]) {
      const [download] = await Promise.all([
        page.waitForEvent("download"),
        page.click(button),
      ]);
      await download.saveAs(join(setup.folder, name));
      files.push(readFileSync(join(setup.folder, name)));
    }
    assert.ok(files[0].includes(files[1]), "the ZIP lacks what is shown");
  }
  await choose("notes.png", "notes.png");
  await page.waitForSelector("#status.error");
  assert.ok(await page.isHidden("#all"));
});

test("opens a picture of its own host by a link, and of no other", async () => {
  await page.goto(`${setup.url}?picture=vendor/sample.png`);
  await status(/^Done: 512 × 512 pixels/);
  const changing = join(setup.site, "à b.png");
  for (const [day, { file, size }] of [setup.pictures.wide, setup.pictures.clear].entries()) {
    cpSync(join(setup.folder, file), changing);
    utimesSync(changing, 86_400 * day, 86_400 * day); // HTTP counts in whole seconds.
    await page.goto(`${setup.url}?picture=à b.png`);
    await status(new RegExp(`^Done: ${size.join(" × ")} pixels`));
  }
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("#save")]);
  assert.equal(download.suggestedFilename(), "à b_x4.png");
  await context.setOffline(true);
  await page.goto(`${setup.url}?picture=à b.png`);
  await page.waitForSelector("#status.error");
  assert.match(await page.textContent("#status"), /^à b\.png cannot be fetched/);
  await context.setOffline(false);
  await page.goto(`${setup.url}?picture=vendor/none.png`);
  await page.waitForSelector("#status.error");
  assert.equal(await page.textContent("#status"), "There is no none.png on this host.");
  await page.goto(`${setup.url}?picture=${setup.plainUrl}vendor/sample.png`);
  await page.waitForSelector("#status.error");
  assert.match(await page.textContent("#status"), /only pictures of this page's own/);
  await open(setup.url);
});

const isChosen = { skip: !setup.other && "there is one model", timeout: PATIENCE };

bareTest("enlarges by another model, at once and again", isChosen, async () => {
  const { name, file, raw, size } = setup.other;
  await choose(file);
  await status(/^Done: /);
  await page.getByLabel("Model").selectOption(name);
  await page.waitForFunction(() => self.asked.at(-1) !== "run");
  await status(/^Done: /);
  const { largest, mean } = await differencesOf(page, join(setup.folder, raw), size);
  // Sums in 8 bits depend on where a tile ends, and decoders of JPEG differ by a level.
  assert.ok(largest <= 16 && mean <= 1, `${largest} and ${mean} levels`);
  assert.match(await page.textContent("#seen"), /^Seen: .*JPEG about/);
  await open(setup.url);
});

test("refuses what is no picture, by one sentence", async () => {
  await choose("notes.png");
  await page.waitForSelector("#status.error");
  assert.equal(
    await page.textContent("#status"),
    "notes.png is not a picture that this browser can read.",
  );
  assert.ok(await page.isHidden("#result"));
});

test("refuses what is too large, and offers its middle; cancels", async () => {
  await choose("large.png");
  await page.waitForSelector("#status.error");
  assert.equal(
    await page.textContent("#status"),
    "The picture has 2049 × 2048 pixels; at most 4,194,304 fit in memory.",
  );
  await page.click("#middle");
  await status(/^Enlarging to 4096 × 4096 pixels/);
  await page.focus("#cancel");
  const start = Date.now();
  await page.keyboard.press("Enter");
  await status(/^Cancelled\.$/);
  assert.ok(Date.now() - start < 1500, "cancelling waits for the tile");
  assert.ok(await page.isHidden("#result"));
  assert.equal(await page.evaluate(() => document.activeElement.id), "choose");
  await page.click("#sample");
  await status(/^Done: 512 × 512 pixels/);
});

test("gives the middle of what this browser has no room for", async () => {
  await choose("long.png");
  await page.waitForSelector("#status.error");
  assert.match(await page.textContent("#status"), /no room for a result of 80000 × 32/);
  await page.click("#middle");
  await status(/^Done: 4096 × 32 pixels/);
});

test("opens and works offline after the first visit", async () => {
  await context.setOffline(true);
  await open(setup.url);
  await page.click("#sample");
  await status(/^Done: 512 × 512 pixels/);
  await context.setOffline(false);
});

test("brings its headers to a host that sends none", async () => {
  await open(setup.plainUrl);
  assert.equal(await page.evaluate(() => crossOriginIsolated), false);
  assert.match(await page.textContent("#engine"), /one thread/);
  await open(setup.plainUrl);
  assert.equal(await page.evaluate(() => crossOriginIsolated), true);
});

test("says why the model does not start, each time it is needed", async () => {
  const sentence = `The model does not start: no file ${setup.model}.tflite (404).`;
  const shown = () =>
    page.waitForFunction(
      (text) => document.querySelector("#status.error")?.textContent === text,
      sentence,
    );
  await page.goto(setup.brokenUrl);
  await shown();
  await page.evaluate(() => document.querySelector("#status").replaceChildren());
  await page.click("#sample");
  await shown();
  assert.ok(await page.isHidden("#progress"));
});

test("keeps one release alone", async () => {
  await open(setup.plainUrl);
  await page.evaluate(() => caches.open("srlite /sw.js older"));
  const script = join(setup.site, "vendor", "version.js");
  const text = readFileSync(script, "utf8");
  writeFileSync(script, text.replace(/"version": "\w+"/, '"version": "newer"'));
  const names = await page.evaluate(async () => {
    await (await navigator.serviceWorker.ready).update();
    for (let tries = 0; tries < 200; tries++) {
      const names = await caches.keys();
      if (names.length === 1 && names[0] === "srlite /sw.js newer") return names;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return caches.keys();
  });
  assert.deepEqual(names, ["srlite /sw.js newer"]);
});

test("asked nobody else for anything, and its policy would not let it", async () => {
  const origins = [setup.url, setup.plainUrl, setup.brokenUrl].map(
    (url) => new URL(url).origin,
  );
  const strange = requests.filter(
    (url) => !/^(blob|data):/.test(url) && !origins.includes(new URL(url).origin),
  );
  assert.deepEqual(strange, []);
  const isFetched = (name) => requests.some((url) => url.endsWith(`/vendor/${name}`));
  assert.ok(isFetched(`${setup.model}.tflite`));
  assert.equal(isFetched(`${setup.model}_estimator.tflite`), setup.isTold);
  assert.deepEqual(await page.evaluate(() => self.violations), []);
  assert.deepEqual(complaints, []);
  const isSent = await page.evaluate(
    (url) =>
      fetch(url, { mode: "no-cors" }).then(
        () => true,
        () => false,
      ),
    setup.url,
  );
  assert.equal(isSent, false);
  assert.notDeepEqual(await page.evaluate(() => self.violations), []);
});
