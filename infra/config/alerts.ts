import { isEmailAddress } from "../../service/contract/emailAddress.ts";
import { shown } from "../../service/pure/printable.ts";
import type { Settings } from "./settings.ts";

/** Who gets alerts. */
export interface AlertsConfig {
  readonly alertEmails: readonly string[];
  /** Existing notification channels: `projects/P/notificationChannels/N`. */
  readonly alertChannels: readonly string[];
}

/** Log levels that suppress the entries that alerts count. */
const UNCOUNTED: readonly string[] = ["warn", "error", "fatal"];

/** Notification channels of an alert policy: https://cloud.google.com/monitoring/quotas */
const MOST_RECIPIENTS = 16;

export function parseAlerts(settings: Settings, logLevel: string | undefined): AlertsConfig {
  const alertEmails = parseAlertEmails(settings);
  const alertChannels = parseAlertChannels(settings);
  if (alertEmails.length + alertChannels.length > 0 && UNCOUNTED.includes(logLevel ?? "")) {
    settings.report(
      "logLevel",
      `is ${logLevel}, which suppresses the log entries that alerts count`,
      settings.setTo("logLevel", "info"),
    );
  }
  const recipients = alertEmails.length + alertChannels.length;
  if (recipients > MOST_RECIPIENTS) {
    settings.report(
      "alertEmails",
      `and ${settings.nameOf("alertChannels")} have ${recipients} entries, and an alert can have ${MOST_RECIPIENTS}`,
      `${settings.setLike("alertEmails", "ADDRESSES", "oncall@example.com")}, a group's address`,
    );
  }
  return { alertEmails, alertChannels };
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

function parseAlertChannels(settings: Settings): string[] {
  const setting = "alertChannels";
  const channels = settings.list(setting);
  const name = /^projects\/[a-z0-9.:-]+\/notificationChannels\/\d+$/;
  for (const channel of channels.filter((entry) => !name.test(entry))) {
    settings.report(
      setting,
      `has the entry ${shown(channel)}, which is not the full name of a channel`,
      `${settings.setTo(setting, "CHANNELS")} with names that \`gcloud beta monitoring channels list ` +
        "--format 'value(name)'` shows, with commas between",
    );
  }
  return [...new Set(channels)];
}
