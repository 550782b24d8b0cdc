import { expect, test } from "@jest/globals";
import {
  ALL_SETTINGS,
  readSetting,
  type SettingName,
} from "../../../service/contract/serviceSettings.ts";

const CLOUD_RUN = { cloudRun: true, environment: "dev" };

/** The message for a refused value. */
function refusal(name: SettingName, text: string): string {
  const [, { variable }] = ALL_SETTINGS.find(([each]) => each === name) ?? ["", { variable: "" }];
  const parsed = readSetting({ [variable]: text }, name, CLOUD_RUN);
  if ("value" in parsed) return "taken";
  return parsed.problems
    .map(({ setting, cause, remedy }) => `${setting} ${cause}. ${remedy}.`)
    .join();
}

test("the message for a value out of bounds suggests the nearest bound", () => {
  expect(refusal("sessionLifetime", "59")).toBe(
    'PERMANENT_SESSION_LIFETIME is "59", not a whole number of seconds from 60 to 34560000. Set it to 60: npx pulumi config set --stack dev sessionLifetime 60.',
  );
  expect(refusal("keyRefreshInterval", "1e3")).toMatch(
    /is "1e3", not a whole number .* default\.$/,
  );
});

test("every entry that is neither an address nor a domain is named", () => {
  expect(refusal("allowedUsers", "ada@example.com, example.com, *, @ok.example")).toBe(
    'ALLOWED_USERS has the entries "example.com", "*", which are neither e-mail addresses nor ' +
      "@domains. Set it to USERS, such as @example.org,ada@example.com.",
  );
});

test("the URL of a discovery document is refused as an issuer", () => {
  const document = "https://id.example/.well-known/openid-configuration";
  expect(refusal("oidcIssuer", document)).toContain("the issuer that it begins with");
});

test("a message quotes any refused value on one short line", () => {
  const text = `\u001b[2J\u202e${"x".repeat(1000)}\n`;
  const said = refusal("logLevel", text);
  expect(said).toMatch(/^LOG_LEVEL is "\\u001b\[2J\\u202ex+…", not one of /);
  expect(said.length).toBeLessThan(300);
});
