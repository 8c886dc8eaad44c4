/** Whether this is the verifier in one file. */
declare const __SINGLE__: boolean;

declare module "#engine-worker" {
  export function startWorker(): Worker;
}
