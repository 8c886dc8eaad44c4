/** Reads tiles and bundles from a log, as a tree of some size has them. Nothing of them is verified yet but their shape. */

import { VerifyError } from "../verify/checks.ts";
import { HASH_SIZE } from "../verify/hash.ts";
import { MAX_ENTRY_SIZE, parseBundle, parseTile, TILE_WIDTH, type TileId, tilePath } from "../verify/tile.ts";
import { LogError } from "./log.ts";

/** Reads what the log has at a path, of at most so many bytes. */
export type Read = (path: string, limit: number) => Promise<Uint8Array>;

/** The largest bundle: each entry has two bytes of length. */
const MAX_BUNDLE_SIZE = TILE_WIDTH * (MAX_ENTRY_SIZE + 2);

/** The hashes of a tile. */
export async function readTile(
  read: Read,
  id: TileId,
): Promise<{ readonly row: readonly Uint8Array[]; readonly bytes: number }> {
  const { bytes, width } = await readWide(read, id, TILE_WIDTH * HASH_SIZE);
  const row = parseTile(bytes);
  if (row.length !== width) {
    throw new VerifyError(`${tilePath({ ...id, width })} has ${row.length} hashes, expected ${width}`);
  }
  return { row: row.slice(0, id.width), bytes: bytes.length };
}

/** The entries of a bundle. */
export async function readBundle(
  read: Read,
  id: TileId,
): Promise<{ readonly entries: readonly Uint8Array[]; readonly bytes: number }> {
  const { bytes, width } = await readWide(read, id, MAX_BUNDLE_SIZE);
  return { entries: parseBundle(bytes, width).slice(0, id.width), bytes: bytes.length };
}

/** What is at the path of a tile or bundle; where a log that has grown keeps a partial one no more, the whole one. */
async function readWide(
  read: Read,
  id: TileId,
  limit: number,
): Promise<{ readonly bytes: Uint8Array; readonly width: number }> {
  try {
    return { bytes: await read(tilePath(id), limit), width: id.width };
  } catch (error) {
    // SPEC(tlog-tiles): "MAY fetch the full tile in parallel as a fallback in case the partial tile is not available anymore."
    if (id.width === TILE_WIDTH || !(error instanceof LogError) || error.status !== 404) {
      throw error;
    }
    return { bytes: await read(tilePath({ ...id, width: TILE_WIDTH }), limit), width: TILE_WIDTH };
  }
}
