// The service worker keeps the page for later, without a network.

// Waits for it on a first visit, so that everything passes through it and is kept.
// Returns whether it keeps the page.
export async function keepForOffline() {
  try {
    // Its list of files must not come from an old copy either.
    const options = { updateViaCache: "none" };
    const registration = await navigator.serviceWorker.register("sw.js", options);
    await settled(
      registration.active ?? registration.waiting ?? registration.installing,
    );
    return registration.active !== null;
  } catch (error) {
    console.info(`Not kept for offline use: ${error.message}`);
    return false;
  }
}

// Whether a model will open offline too: a device may have had no room for all of it.
export async function isKept({ file }) {
  const runtimes = ["", "_threaded", "_compat"].map(
    (kind) => `litert/litert_wasm${kind}_internal.wasm`,
  );
  const [model, ...found] = await Promise.all(
    [file, ...runtimes].map((name) => caches.match(`vendor/${name}`)),
  );
  return model !== undefined && found.some(Boolean);
}

function settled(worker) {
  return new Promise((resolve) => {
    const look = () => ["activated", "redundant"].includes(worker.state) && resolve();
    worker.addEventListener("statechange", look);
    look();
  });
}
