import { defineConfig } from "vitest/config";

/** The pages in a real Chromium, against a real log: needs dist/ (npm run build) and a binary that was built after it. */
export default defineConfig({
  test: {
    include: ["test/browser/**/*.test.ts"],
    globalSetup: "test/browser/setup.ts",
    testTimeout: 60_000,
    hookTimeout: 240_000,
    fileParallelism: false,
  },
});
