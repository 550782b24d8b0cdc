import { expect, test } from "@jest/globals";
import { parseSignInSettings } from "../../../service/login/settings.ts";

const LAPTOP = { cloudRun: false, environment: "local" };
const DEV = { cloudRun: true, environment: "dev" };
const PROD = { cloudRun: true, environment: "prod" };
const GOOGLE = {
  OIDC_ISSUER: "https://accounts.google.com",
  OIDC_CLIENT_ID: "an id",
  OIDC_CLIENT_SECRET: "a secret",
};

function problemsOf(env: Record<string, string | undefined>, where = LAPTOP): string[] {
  const parsed = parseSignInSettings(env, where);
  return "problems" in parsed ? parsed.problems.map(({ setting }) => setting) : [];
}

function causesOf(env: Record<string, string | undefined>): string[] {
  const parsed = parseSignInSettings(env, LAPTOP);
  return "problems" in parsed ? parsed.problems.map(({ cause }) => cause) : [];
}

test("without the provider's settings there is no sign-in, which is valid", () => {
  const value = { oidc: undefined, allowedUsers: [] };
  expect(parseSignInSettings({}, LAPTOP)).toEqual({ value });
  expect(parseSignInSettings({ OIDC_ISSUER: "" }, DEV)).toEqual({ value });
});

test("with all of the provider's settings there is a provider", () => {
  const env = { ...GOOGLE, ALLOWED_USERS: "Ada@example.com, @example.org" };
  expect(parseSignInSettings(env, PROD)).toEqual({
    value: {
      oidc: {
        issuer: new URL("https://accounts.google.com"),
        clientId: "an id",
        clientSecret: "a secret",
        trustedDomains: [],
      },
      allowedUsers: ["ada@example.com", "@example.org"],
    },
  });
});

test("each missing setting of the provider is named", () => {
  expect(problemsOf({ ...GOOGLE, OIDC_CLIENT_SECRET: "" })).toEqual(["OIDC_CLIENT_SECRET"]);
  expect(problemsOf({ OIDC_CLIENT_ID: "an id" })).toEqual(["OIDC_ISSUER", "OIDC_CLIENT_SECRET"]);
  expect(causesOf({ OIDC_CLIENT_ID: "an id" })[0]).toBe(
    "is not set, and OIDC_CLIENT_ID is: sign-in needs all three",
  );
  const { OIDC_ISSUER, OIDC_CLIENT_SECRET } = GOOGLE;
  expect(causesOf({ OIDC_ISSUER, OIDC_CLIENT_SECRET })).toEqual([
    "is not set, and OIDC_ISSUER and OIDC_CLIENT_SECRET are: sign-in needs all three",
  ]);
});

test.each([
  "accounts.google.com",
  "ftp://accounts.google.com",
  "http://accounts.google.com",
  "http://localhost.evil.example",
  "http://127.0.0.1.evil.example",
  "https://user:password@accounts.google.com",
  "https://accounts.google.com/?tenant=1",
  "https://accounts.google.com/#here",
  "https://accounts.google.com/.well-known/openid-configuration",
])("%s is not an issuer", (OIDC_ISSUER) => {
  expect(problemsOf({ ...GOOGLE, OIDC_ISSUER })).toEqual(["OIDC_ISSUER"]);
});

test.each(["http://localhost:9000", "http://127.0.0.1:9000", "http://[::1]:9000"])(
  "%s is an issuer on a developer's machine, and not on Cloud Run",
  (OIDC_ISSUER) => {
    expect(problemsOf({ ...GOOGLE, OIDC_ISSUER })).toEqual([]);
    expect(problemsOf({ ...GOOGLE, OIDC_ISSUER }, DEV)).toEqual(["OIDC_ISSUER"]);
  },
);

test("white space around the client's ID or secret is refused", () => {
  const env = { ...GOOGLE, OIDC_CLIENT_ID: " an id", OIDC_CLIENT_SECRET: "a secret\n" };
  expect(problemsOf(env)).toEqual(["OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET"]);
});

test("prod requires an allow list, and other environments don't", () => {
  expect(problemsOf(GOOGLE, PROD)).toEqual(["ALLOWED_USERS"]);
  expect(problemsOf(GOOGLE, DEV)).toEqual([]);
});

test("a domain in the allow list needs a provider with a domain claim, or must be trusted", () => {
  const elsewhere = { ...GOOGLE, OIDC_ISSUER: "https://id.example" };
  const ALLOWED_USERS = "@acme.example, ada@other.example, @müller.example";
  const microsoft = {
    ...GOOGLE,
    OIDC_ISSUER: "https://login.microsoftonline.com/00000000-0000-4000-8000-000000000000/v2.0",
  };
  expect(problemsOf({ ...GOOGLE, ALLOWED_USERS })).toEqual([]);
  expect(problemsOf({ ...microsoft, ALLOWED_USERS })).toEqual([]);
  expect(problemsOf({ ...elsewhere, ALLOWED_USERS: "ada@other.example" })).toEqual([]);
  expect(problemsOf({ ALLOWED_USERS })).toEqual([]);
  expect(problemsOf({ ...elsewhere, ALLOWED_USERS })).toEqual(["OIDC_TRUSTED_DOMAINS"]);
  const stated = { ...elsewhere, ALLOWED_USERS, OIDC_TRUSTED_DOMAINS: "acme.example" };
  expect(causesOf(stated)[0]).toContain("xn--mller-kva.example");
  const all = { ...stated, OIDC_TRUSTED_DOMAINS: "Acme.example, @xn--mller-kva.example" };
  expect(parseSignInSettings(all, LAPTOP)).toMatchObject({
    value: { oidc: { trustedDomains: ["acme.example", "xn--mller-kva.example"] } },
  });
});

test.each([
  "https://login.microsoftonline.com/common/v2.0",
  "https://login.microsoftonline.com/organizations/v2.0",
  "https://login.microsoftonline.com/00000000-0000-4000-8000-000000000000",
  "https://login.microsoftonline.com/00000000-0000-4000-8000-000000000000/v2.0/",
  "https://login.microsoftonline.com/acme.example/v2.0",
  "https://accounts.google.com/o/oauth2",
  "https://id.example/realms/acme/",
])("%s is refused, because it is never the provider's issuer", (OIDC_ISSUER) => {
  expect(problemsOf({ ...GOOGLE, OIDC_ISSUER })).toEqual(["OIDC_ISSUER"]);
});

test("all problems are reported at once, and none contains the secret", () => {
  const env = {
    ...GOOGLE,
    OIDC_ISSUER: "nonsense",
    OIDC_CLIENT_SECRET: " hidden ",
    ALLOWED_USERS: "x",
  };
  const parsed = parseSignInSettings(env, PROD);
  expect(problemsOf(env, PROD)).toEqual(["OIDC_ISSUER", "OIDC_CLIENT_SECRET", "ALLOWED_USERS"]);
  expect(JSON.stringify(parsed)).not.toContain("hidden");
});
