import { shown } from "../../service/pure/printable.ts";
import type { PlacementConfig } from "./placement.ts";
import type { Settings } from "./settings.ts";

/** Instances of the web service in each region, and their size. */
export interface CapacityConfig {
  readonly minInstances: number;
  readonly maxInstances: number;
  /** Requests that one instance serves at once. */
  readonly concurrency: number;
  readonly cpu: string;
  /** Such as `512Mi`. */
  readonly memory: string;
}

/**
 * Memory that Cloud Run allows for each number of CPUs, in MiB:
 * https://cloud.google.com/run/docs/configuring/services/memory-limits
 */
const MEMORY: Readonly<Record<string, readonly [least: number, most: number]>> = {
  "1": [128, 4096],
  "2": [128, 8192],
  "4": [2048, 16384],
  "6": [4096, 24576],
  "8": [4096, 32768],
};

export function parseCapacity(
  settings: Settings,
  { environment, regions }: Pick<PlacementConfig, "environment" | "regions">,
): CapacityConfig {
  const instances = parseInstances(settings, environment);
  if (regions.length > 1 && instances.minInstances === 0) {
    settings.note(
      `${settings.nameOf("minInstances")} is 0: a region without an instance does not fail over.`,
    );
  }
  return {
    ...instances,
    concurrency: settings.integer("concurrency", 1, 1000),
    ...parseSize(settings),
  };
}

function parseInstances(settings: Settings, environment: string) {
  const minInstances = settings.integer("minInstances", 0, 1000);
  const maxInstances = settings.integer("maxInstances", 1, 1000);
  if (minInstances > maxInstances) {
    settings.report(
      "maxInstances",
      `is ${maxInstances}, less than ${settings.nameOf("minInstances")}, ${minInstances}`,
      settings.setTo("maxInstances", String(minInstances)),
    );
  }
  if (environment === "prod" && minInstances === 0) {
    settings.report(
      "minInstances",
      "is 0, and in prod the first visitor after a pause would wait for a cold start",
      settings.setTo("minInstances", "1"),
    );
  }
  return { minInstances, maxInstances };
}

function parseSize(settings: Settings) {
  const cpu = settings.oneOf("cpu", ["1", "2", "4", "6", "8"]);
  return { cpu, memory: parseMemory(settings, cpu) };
}

function parseMemory(settings: Settings, cpu: string): string {
  const setting = "memory";
  const memory = settings.text(setting);
  const match = /^([1-9]\d{0,4})(Mi|Gi)$/.exec(memory);
  if (match === null) {
    settings.report(
      setting,
      `is ${shown(memory)}, not a whole number of Mi or Gi`,
      settings.setLike(setting, "SIZE", "512Mi"),
    );
    return memory;
  }
  const mebibytes = Number(match[1]) * (match[2] === "Gi" ? 1024 : 1);
  // An invalid number of CPUs has been reported already.
  const [least, most] = MEMORY[cpu] ?? [0, Number.POSITIVE_INFINITY];
  if (mebibytes < least || mebibytes > most) {
    settings.report(
      setting,
      `is ${shown(memory)}, not ${least}Mi to ${most}Mi, which is what ${cpu} CPU can have`,
      settings.setTo(setting, `${mebibytes < least ? least : most}Mi`),
    );
  }
  return memory;
}
