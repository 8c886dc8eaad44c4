import { expect, test } from "vitest";
import { contentSecurityPolicy } from "./content-security-policy.ts";

test("the server's policy lets its pages load and ask what is its own, and nothing else", () => {
  const directives = contentSecurityPolicy().split("; ");
  expect([...directives].sort()).toEqual([
    "base-uri 'none'",
    "connect-src 'self'",
    "default-src 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "img-src 'self' data:",
    "script-src 'self'",
    "style-src 'self'",
    "worker-src 'self'",
  ]);
});
