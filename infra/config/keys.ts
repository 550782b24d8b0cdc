import { shown } from "../../service/pure/printable.ts";
import { leastRefreshInterval } from "./quota.ts";
import type { ServiceValues } from "./serviceSettings.ts";
import type { Settings } from "./settings.ts";

/** How often SECRET_KEY's versions are read and rotated, in seconds. */
export interface KeysConfig {
  /**
   * Between two refreshes by one instance: the setting, or the quota's minimum if that is longer.
   */
  readonly keyRefreshInterval: number;
  /** Undefined: keys are rotated by hand only. */
  readonly rotationPeriod: number | undefined;
}

const HOUR = 3600;
const DAY = 24 * HOUR;

/** @param instances The most that can run, in all regions together. */
export function parseKeys(
  settings: Settings,
  { keyActivationDelay, keyRefreshInterval: asked }: Partial<ServiceValues>,
  instances: number,
): KeysConfig {
  const delay = keyActivationDelay ?? Number.NaN;
  const keyRefreshInterval = withinQuota(settings, asked ?? Number.NaN, instances);
  // A key ring is at most two intervals old; the third is a margin.
  const leastDelay = 3 * keyRefreshInterval;
  if (delay < leastDelay) {
    settings.report(
      "keyActivationDelay",
      `is ${delay}, and a key could sign before every instance has read it: ` +
        `with ${instances} instances, each refreshes every ${keyRefreshInterval} seconds`,
      settings.setTo("keyActivationDelay", String(leastDelay)),
    );
  }
  return { keyRefreshInterval, rotationPeriod: parsePeriod(settings, delay) };
}

function withinQuota(settings: Settings, asked: number, instances: number): number {
  const least = leastRefreshInterval(instances);
  if (asked < least) {
    settings.note(
      `Each instance reads the keys every ${least} seconds, not every ${asked} as ` +
        `${settings.nameOf("keyRefreshInterval")} says: ${instances} instances would exceed their ` +
        "share of Secret Manager's quota.",
    );
  }
  return Math.max(asked, least);
}

/**
 * At least two hours, because the rotator adds no version while the newest is under an hour old.
 */
function parsePeriod(settings: Settings, activationDelay: number): number | undefined {
  const setting = "rotationPeriod";
  const value = settings.text(setting);
  if (value === "") return undefined;
  const match = /^(\d{1,4}(?=d)|\d{1,5}(?=h))([dh])$/.exec(value);
  if (match === null) {
    settings.report(
      setting,
      `is ${shown(value)}, not up to 9999 days (d) or 99999 hours (h)`,
      settings.setLike(setting, "PERIOD", "30d"),
    );
    return undefined;
  }
  const period = Number(match[1]) * (match[2] === "d" ? DAY : HOUR);
  if (period < 2 * HOUR || period <= activationDelay) {
    const hours = Math.max(2, Math.floor(activationDelay / HOUR) + 1);
    settings.report(
      setting,
      `is ${shown(value)}: it has to be at least two hours, and longer than ` +
        `${settings.nameOf("keyActivationDelay")}, or a key would be replaced before it signs`,
      settings.setTo(setting, `${hours}h`),
    );
  }
  return period;
}
