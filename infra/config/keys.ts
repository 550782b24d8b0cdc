import { leastRefreshInterval } from "./quota.ts";
import { type Settings, shown } from "./settings.ts";

/** How SECRET_KEY's versions are used and renewed. Times are seconds. */
export interface KeysConfig {
  /** For how long a new version is accepted before it signs. */
  readonly keyActivationDelay: number;
  /** Between two readings of the list of versions by one instance: what is set, or the quota's. */
  readonly keyRefreshInterval: number;
  /** Undefined: keys are rotated by hand only. */
  readonly rotationPeriod: number | undefined;
}

/** The service remembers for a minute that a version was absent; a key must not sign within it. */
const LEAST_DELAY = 61;

const HOUR = 3600;
const DAY = 24 * HOUR;

export function parseKeys(settings: Settings, maxInstances: number): KeysConfig {
  const keyRefreshInterval = parseRefreshInterval(settings, maxInstances);
  const keyActivationDelay = settings.integer(
    "phoenix:keyActivationDelay",
    LEAST_DELAY,
    DAY,
    "seconds",
  );
  // A ring is at most twice the interval old, and the list that it was read from may lag a little.
  const leastDelay = 3 * keyRefreshInterval;
  if (keyActivationDelay < leastDelay) {
    settings.report(
      "phoenix:keyActivationDelay",
      `is ${keyActivationDelay}, so that a key could sign before every instance has read it: ` +
        `with ${maxInstances} instances each reads the list every ${keyRefreshInterval} seconds`,
      settings.setTo("phoenix:keyActivationDelay", String(leastDelay)),
    );
  }
  const rotationPeriod = parsePeriod(settings, keyActivationDelay);
  return { keyActivationDelay, keyRefreshInterval, rotationPeriod };
}

function parseRefreshInterval(settings: Settings, maxInstances: number): number {
  const set = settings.integer("phoenix:keyRefreshInterval", 10, HOUR, "seconds");
  const least = leastRefreshInterval(maxInstances);
  if (set < least) {
    settings.note(
      `Each instance reads the list of keys every ${least} seconds, not every ${set} as ` +
        `phoenix:keyRefreshInterval says: ${maxInstances} instances would take up more of Secret ` +
        "Manager's quota than they may.",
    );
  }
  return Math.max(set, least);
}

/** Two hours at least: the rotator takes a version that is younger than one as "already rotated". */
function parsePeriod(settings: Settings, activationDelay: number): number | undefined {
  const setting = "phoenix:rotationPeriod";
  const value = settings.text(setting);
  if (value === "") return undefined;
  const match = /^(\d{1,5})([dh])$/.exec(value);
  if (match === null) {
    settings.report(
      setting,
      `is ${shown(value)}, not days or hours`,
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
        "phoenix:keyActivationDelay, or a key would be replaced before it signs",
      settings.setTo(setting, `${hours}h`),
    );
  }
  return period;
}
