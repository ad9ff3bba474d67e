// The service worker keeps the page for later, without a network.

// Waits for it on a first visit, so that everything passes through it and is kept.
// Returns whether the page will open offline too.
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

function settled(worker) {
  return new Promise((resolve) => {
    const look = () => ["activated", "redundant"].includes(worker.state) && resolve();
    worker.addEventListener("statechange", look);
    look();
  });
}
