import { isEmailAddress } from "../../service/contract/emailAddress.ts";
import { shown } from "../../service/pure/printable.ts";
import type { Settings } from "./settings.ts";

/** Who is told what is noted. */
export interface ObservationConfig {
  /** Empty: no alerts. */
  readonly alertEmails: readonly string[];
}

/** Levels at which the entries that alerts count are not written. */
const UNCOUNTED: readonly string[] = ["warn", "error", "fatal"];

export function parseObservation(
  settings: Settings,
  logLevel: string | undefined,
): ObservationConfig {
  const alertEmails = parseAlertEmails(settings);
  if (alertEmails.length > 0 && UNCOUNTED.includes(logLevel ?? "")) {
    settings.report(
      "logLevel",
      `is ${logLevel}, so that the entries that alerts count are never written`,
      settings.setTo("logLevel", "info"),
    );
  }
  return { alertEmails };
}

function parseAlertEmails(settings: Settings): string[] {
  const setting = "alertEmails";
  const emails = settings.list(setting);
  for (const email of emails.filter((entry) => !isEmailAddress(entry))) {
    settings.report(
      setting,
      `has the entry ${shown(email)}, which is no e-mail address`,
      settings.setLike(setting, "ADDRESSES", "oncall@example.com"),
    );
  }
  return [...new Set(emails)];
}
