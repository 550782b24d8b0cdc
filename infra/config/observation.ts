import { isEmail } from "./access.ts";
import { type Settings, shown } from "./settings.ts";

/** What is noted, and who is told. */
export interface ObservationConfig {
  readonly logLevel: string;
  /** Empty: no alerts. */
  readonly alertEmails: readonly string[];
}

const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal"] as const;
/** Levels at which the entries that alerts count are not written. */
const UNCOUNTED: readonly string[] = ["warn", "error", "fatal"];

export function parseObservation(settings: Settings): ObservationConfig {
  const logLevel = settings.oneOf("phoenix:logLevel", LOG_LEVELS);
  const alertEmails = parseAlertEmails(settings);
  if (alertEmails.length > 0 && UNCOUNTED.includes(logLevel)) {
    settings.report(
      "phoenix:logLevel",
      `is ${logLevel}, so that the entries that alerts count are never written`,
      settings.setTo("phoenix:logLevel", "info"),
    );
  }
  return { logLevel, alertEmails };
}

function parseAlertEmails(settings: Settings): string[] {
  const setting = "phoenix:alertEmails";
  const emails = settings.list(setting);
  for (const email of emails.filter((entry) => !isEmail(entry))) {
    settings.report(
      setting,
      `has the entry ${shown(email)}, which is no e-mail address`,
      settings.setLike(setting, "ADDRESSES", "oncall@example.com"),
    );
  }
  return [...new Set(emails)];
}
