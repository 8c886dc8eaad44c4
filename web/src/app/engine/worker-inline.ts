/** The worker within the page, for the one file that works from a file:// URL. */
import Inline from "./engine.worker.ts?worker&inline";

export function startWorker(): Worker {
  return new Inline();
}
