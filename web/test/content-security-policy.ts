/** What the log's pages may do, as its server says: read from its source, so that tests serve them under no other policy. */

import { readFileSync } from "node:fs";
import { resolve } from "node:path";

export function contentSecurityPolicy(): string {
  const source = readFileSync(resolve(import.meta.dirname, "../embed/src/lib.rs"), "utf8");
  const [, text] = /pub const CONTENT_SECURITY_POLICY: &str = "([^"]*)";/.exec(source) ?? [];
  if (text === undefined) {
    throw new Error("embed/src/lib.rs has no CONTENT_SECURITY_POLICY");
  }
  // A line that ends in a backslash goes on with what is not blank.
  return text.replace(/\\\n\s*/g, "");
}
