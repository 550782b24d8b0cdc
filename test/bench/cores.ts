import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** The cores of the server and of the load generator. */
export interface Placement {
  /** Prefix of the server's command; empty if processes can't be pinned. */
  readonly server: readonly string[];
  readonly generator: readonly string[];
  /** The placement in words. */
  readonly description: string;
}

const NOWHERE: Placement = {
  server: [],
  generator: [],
  description: "server and load generator are not pinned to cores: taskset is not here",
};

/** Pins with taskset (util-linux), if this process has two cores. */
export function placement(): Placement {
  const cores = allowedCores();
  const [server, generator] = cores;
  if (spawnSync("taskset", ["--version"]).status !== 0) return NOWHERE;
  if (server === undefined || generator === undefined) {
    return { ...NOWHERE, description: "server and load generator share the one core there is" };
  }
  return {
    server: ["taskset", "-c", String(server)],
    generator: ["taskset", "-c", String(generator)],
    description: `server on core ${server}, load generator on core ${generator}, of ${cores.length}`,
  };
}

function allowedCores(): number[] {
  try {
    const [, list = ""] =
      /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
    return parseCores(list);
  } catch {
    return [];
  }
}

/** The kernel's notation of a set of cores, such as `0-3,8`. */
export function parseCores(list: string): number[] {
  return list.split(",").flatMap((part) => {
    const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(part) ?? [];
    const from = Number(first);
    return Number.isNaN(from)
      ? []
      : Array.from({ length: Number(last) - from + 1 }, (_, index) => from + index);
  });
}
