import { createHash } from "node:crypto";
import { rmSync } from "node:fs";
import { resolve } from "node:path";
import type { Plugin } from "vite";
import { viteSingleFile } from "vite-plugin-singlefile";
import { defineConfig } from "vitest/config";

/** The oldest browsers in which the pages work: of 2021, and of Apple's from March 2022. index.html says so to older ones. */
const oldest = ["chrome96", "edge96", "firefox94", "safari15.4"];

/**
 * Two builds: the pages that a log serves (dist/index.html and hashed files in dist/assets), and with `--mode single` the verifier as one
 * file (dist/verifier.html) that works from a file:// URL without a network.
 */
export default defineConfig(({ mode }) => {
  const single = mode === "single";
  return {
    // Relative, because a log may be served below any prefix.
    base: "./",
    define: { __SINGLE__: JSON.stringify(single) },
    resolve: {
      alias: {
        "#engine-worker": resolve(import.meta.dirname, `src/app/engine/worker-${single ? "inline" : "file"}.ts`),
      },
    },
    // A worker that is a module cannot be started from a blob on a page of a file:// URL, nor in browsers before 2023.
    worker: { format: "iife" },
    plugins: single ? [viteSingleFile({ removeViteModuleLoader: true }), sealed()] : [emptied()],
    build: {
      // The folder itself stays: what builds the binary watches it.
      emptyOutDir: false,
      target: oldest,
      modulePreload: { polyfill: false },
      assetsInlineLimit: 0,
      ...(single && { rolldownOptions: { input: "verifier.html" } }),
    },
    // Some tests go through thousands of vectors, on a machine that may be busy.
    test: { include: ["test/**/*.test.ts"], exclude: ["test/browser/**"], testTimeout: 300_000 },
  };
});

/** Takes away what an earlier build left. */
function emptied(): Plugin {
  return {
    name: "emptied",
    apply: ({ build }, { command }) => command === "build" && build?.write !== false,
    buildStart() {
      for (const name of ["assets", "index.html", "verifier.html"]) {
        rmSync(resolve(import.meta.dirname, "dist", name), { recursive: true, force: true });
      }
    },
  };
}

/** Puts a Content-Security-Policy into the one file: its own script and style by their hashes, its own worker, and nothing else. */
function sealed(): Plugin {
  return {
    name: "sealed",
    apply: "build",
    enforce: "post",
    generateBundle: {
      order: "post",
      handler(_options, bundle) {
        const page = bundle["verifier.html"];
        if (page?.type !== "asset" || Object.keys(bundle).length !== 1) {
          throw new Error(`expected one file, got ${Object.keys(bundle).join(", ")}`);
        }
        const html = page.source.toString();
        const hashes = (element: string) =>
          [...html.matchAll(new RegExp(`<${element}[^>]*>([\\s\\S]*?)</${element}>`, "g"))].map(
            ([, text = ""]) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`,
          );
        const policy = [
          "default-src 'none'",
          `script-src ${hashes("script").join(" ")}`,
          `style-src ${hashes("style").join(" ")}`,
          "img-src data:",
          "worker-src blob:",
          "base-uri 'none'",
          "form-action 'none'",
        ].join("; ");
        const meta = `<meta http-equiv="Content-Security-Policy" content="${policy}">`;
        page.source = html.replace('<meta charset="utf-8">', () => `<meta charset="utf-8">\n    ${meta}`);
        if (!page.source.includes(meta)) {
          throw new Error("the page has no place for its policy");
        }
      },
    },
  };
}
