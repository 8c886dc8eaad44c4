/** The worker as a file beside the page; no module, as which Firefox starts workers only since 2023. */
export function startWorker(): Worker {
  return new Worker(new URL("./engine.worker.ts", import.meta.url));
}
