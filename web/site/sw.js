// Keeps one release of the page, and answers from it, so that it opens without a network.
"use strict";

// `RELEASE`: its version, files and headers, written by prepare.mjs.
importScripts("vendor/version.js");

// All else here, such as pictures that links open, may change at any time.
const PARTS = new URL("vendor/", self.location).href;
// One host may have several such pages.
const PREFIX = `srlite ${self.location.pathname} `;
const NAME = PREFIX + RELEASE.version;

// A host may let browsers keep files of an older release.
const FRESH = { cache: "no-cache" };

self.addEventListener("install", (event) => {
  const requests = RELEASE.files.map((file) => new Request(file, FRESH));
  event.waitUntil(
    caches
      .open(NAME)
      .then((cache) => cache.addAll(requests))
      .then(() => self.skipWaiting()),
  );
});

self.addEventListener("activate", (event) => {
  event.waitUntil(removeOlder().then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const isOwn = new URL(event.request.url).origin === self.location.origin;
  if (isOwn && event.request.method === "GET") event.respondWith(answer(event.request));
});

async function removeOlder() {
  const names = await caches.keys();
  const older = names.filter((name) => name.startsWith(PREFIX) && name !== NAME);
  await Promise.all(older.map((name) => caches.delete(name)));
}

async function answer(request) {
  const cache = await caches.open(NAME);
  const kept = await cache.match(request, { ignoreSearch: true });
  if (kept) return withHeaders(kept);
  // Other pages of the host, and redirects to them, stay as they are.
  if (request.mode === "navigate") return fetch(request);
  const response = await fetch(request, FRESH);
  // A device without room for it does without.
  if (response.ok && request.url.startsWith(PARTS))
    await cache.put(request, response.clone()).catch(() => {});
  return withHeaders(response);
}

// Not every host can send the headers that threads and the content policy need.
function withHeaders(response) {
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(RELEASE.headers)) headers.set(name, value);
  const { status, statusText } = response;
  return new Response(response.body, { status, statusText, headers });
}
