/** Runs the cluster that all tests share. */

import type { TestProject } from "vitest/node";
import { startCluster } from "./cluster.ts";

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const cluster = await startCluster();
  project.provide("cluster", { directory: cluster.directory, url: cluster.url.href });
  return cluster.stop;
}
