import { defineConfig } from "vitest/config";

export default defineConfig({
  // Some tests go through thousands of vectors, on a machine that may be busy.
  test: { include: ["test/**/*.test.ts"], testTimeout: 300_000 },
});
