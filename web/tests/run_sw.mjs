// Runs the service worker of a page of a host, kept by an older release, beside another
// page, on a device without room for more. Prints which caches are removed, and which of the addresses on standard input,
// pairs of path and mode as JSON, get the host's answer as it stands, or its text.
import { readFileSync } from "node:fs";
import { runInThisContext } from "node:vm";

const host = "https://host";
const answers = {};
const made = (version) => `srlite /a/sw.js ${version}`;
const stored = [made(1), made(2), "srlite /b/sw.js 1", "other"];
const removed = [];
const kept = new Map([[`${host}/a/`, new Response("the page")]]);
Object.assign(globalThis, {
  self: {
    location: new URL(`${host}/a/sw.js`),
    addEventListener: (kind, answer) => (answers[kind] = answer),
    clients: { claim: () => {} },
  },
  RELEASE: { version: "2", files: [], headers: { "X-Ours": "1" } },
  importScripts: () => {},
  caches: {
    open: async () => ({
      match: async ({ url }) => kept.get(url),
      put: async () => {
        throw new DOMException("the device is full", "QuotaExceededError");
      },
    }),
    keys: async () => stored,
    delete: async (name) => removed.push(name),
  },
});
const script = new URL("../site/sw.js", import.meta.url);
runInThisContext(readFileSync(script, "utf8"));
await new Promise((resolve) => answers.activate({ waitUntil: resolve }));

const same = [];
const read = [];
for (const [path, mode] of JSON.parse(readFileSync(0))) {
  // What a browser gets where a host redirects a page.
  const redirect = { type: "opaqueredirect", status: 0, headers: new Headers() };
  const answer = mode === "navigate" ? redirect : new Response("a picture");
  globalThis.fetch = async () => answer;
  const request = { url: host + path, mode, method: "GET" };
  const given = await new Promise((resolve) =>
    answers.fetch({ request, respondWith: resolve }),
  );
  if (given === answer) same.push(path);
  else if ((await given.text()) === "a picture") read.push(path);
}
console.log(JSON.stringify({ removed, same, read }));
