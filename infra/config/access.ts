import { shown } from "../../service/pure/printable.ts";
import type { Settings } from "./settings.ts";

/** The only setting that is secret. */
export const CLIENT_SECRET = "oidcClientSecret";

/**
 * Reports a client secret that is in the stack's file in plaintext.
 *
 * @param encrypted Full names of the values that are encrypted in the stack's file; undefined where
 * there is no such file.
 */
export function checkEncryption(
  settings: Settings,
  encrypted: readonly string[] | undefined,
): void {
  if (encrypted === undefined || encrypted.includes(settings.nameOf(CLIENT_SECRET))) return;
  if (settings.text(CLIENT_SECRET) === "") return;
  settings.report(
    CLIENT_SECRET,
    `is readable for everyone in Pulumi.${settings.deployment.environment}.yaml`,
    `${settings.setSecret(CLIENT_SECRET)}, and have the provider make a new one if the file has left this machine`,
  );
}

const PUBLIC_ACCESS = ["invokerIamDisabled", "allUsers", "private"] as const;

/** Who may call the web service. */
export type PublicAccess = (typeof PUBLIC_ACCESS)[number];

export function parsePublicAccess(settings: Settings): PublicAccess {
  const setting = "publicAccess";
  const value = settings.text(setting);
  const access = PUBLIC_ACCESS.find((each) => each === value);
  if (access === undefined) {
    settings.report(
      setting,
      `is ${shown(value)}, not one of ${PUBLIC_ACCESS.join(", ")}`,
      `${settings.setTo(setting, "WHO")}: invokerIamDisabled lets everyone in. If the organization's ` +
        "policy run.managed.requireInvokerIam forbids it, use allUsers. If " +
        "iam.allowedPolicyMemberDomains forbids that too, or not everyone may get in, use private",
    );
  }
  return access ?? "private";
}
