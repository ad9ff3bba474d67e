// The service worker keeps the page for later, without a network.

// A first visit waits for it, so that everything passes through it and is kept. How long
// at most, in milliseconds: some browsers have it and still do not let it work.
const PATIENCE = 15_000;

// Returns whether the page will open offline too.
export async function keepForOffline() {
  const { serviceWorker } = navigator;
  if (!serviceWorker) return false;
  const control = new Promise((resolve) => {
    serviceWorker.addEventListener("controllerchange", resolve, { once: true });
  });
  const patience = new Promise((resolve) => setTimeout(resolve, PATIENCE));
  try {
    // Its list of files must not come from an old copy either.
    await serviceWorker.register("sw.js", { updateViaCache: "none" });
    if (!serviceWorker.controller) await Promise.race([control, patience]);
  } catch (error) {
    console.info(`Not kept for offline use: ${error.message}`);
  }
  return Boolean(serviceWorker.controller);
}
