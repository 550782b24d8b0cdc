import { isEmail } from "./access.ts";
import { type Settings, setTo, shown } from "./settings.ts";

/** What is noted, and who is told. */
export interface ObservationConfig {
  readonly logLevel: string;
  /** Empty: no alerts. */
  readonly alertEmails: readonly string[];
}

/** The first is what a wrong value is mended with. */
const LOG_LEVELS = ["info", "trace", "debug", "warn", "error", "fatal"] as const;
/** Levels at which the entries that alerts count are written. */
const COUNTED: readonly string[] = ["trace", "debug", "info"];

export function parseObservation(settings: Settings): ObservationConfig {
  const logLevel = settings.oneOf("phoenix:logLevel", LOG_LEVELS);
  const alertEmails = parseAlertEmails(settings);
  if (alertEmails.length > 0 && !COUNTED.includes(logLevel)) {
    settings.report(
      "phoenix:logLevel",
      `is ${logLevel}, so that the entries that alerts count are never written`,
      setTo("phoenix:logLevel", "info"),
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
      setTo(setting, "oncall@example.com"),
    );
  }
  return [...new Set(emails)];
}
