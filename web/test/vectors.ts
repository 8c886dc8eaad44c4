import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * The folder of the test vectors: COUNTERFOIL_VECTORS, or shared/vectors beside the project; undefined where they are absent, which is an
 * error with COUNTERFOIL_REQUIRE_VECTORS=1.
 */
export const vectors: string | undefined = find();

function find(): string | undefined {
  const named = process.env.COUNTERFOIL_VECTORS;
  const folder = named ?? resolve(fileURLToPath(import.meta.url), "../../../../shared/vectors");
  if (existsSync(folder)) {
    return folder;
  }
  if (named !== undefined || process.env.COUNTERFOIL_REQUIRE_VECTORS === "1") {
    throw new Error(`the test vectors are not in ${folder}`);
  }
  return undefined;
}
