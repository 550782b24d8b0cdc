import { expect, test } from "@jest/globals";
import { createAdmission } from "../../../service/login/stillAdmitted.ts";
import { credentialData } from "../../support/sessionApp.ts";

const ISSUER = "https://accounts.example";

function credential(changes = {}) {
  return { ...credentialData("ada", { iss: ISSUER, ...changes }), iat: 0, exp: 1 };
}

function admission({ issuer, users = [] }: { issuer?: string; users?: string[] }) {
  const oidc =
    issuer === undefined
      ? undefined
      : { issuer: new URL(issuer), clientId: "phoenix", clientSecret: "secret" };
  return createAdmission({ oidc, allowedUsers: users });
}

test("sessions of users on the list are accepted, by address or by an account of the domain", () => {
  const admitted = admission({ users: ["ada@example.com", "@acme.example"] });
  expect(admitted(credential())).toBe(true);
  expect(admitted(credential({ user_email: "grace@acme.example" }))).toBe(true);
});

// ASVS 7.4.2
test.each([
  ["was removed from the list", { user_email: "grace@example.com" }],
  ["has no address", { user_email: undefined }],
  [
    "has an address at the domain, but no account of it",
    { user_email: "x@acme.example", of_domain: false },
  ],
])("a session whose user %s is refused", (_what, changes) => {
  const admitted = admission({ users: ["ada@example.com", "@acme.example"] });
  expect(admitted(credential(changes))).toBe(false);
});

test("without a list all sessions are accepted, with and without an address", () => {
  expect(admission({})(credential({ user_email: undefined }))).toBe(true);
});

test("sessions of another provider are refused, however the issuer is written", () => {
  expect(admission({ issuer: "https://other.example" })(credential())).toBe(false);
  expect(admission({ issuer: ISSUER })(credential())).toBe(true);
  expect(admission({ issuer: `${ISSUER}/` })(credential())).toBe(true);
  const tenant = "https://login.example/tenant";
  expect(admission({ issuer: tenant })(credential({ iss: tenant }))).toBe(true);
  expect(admission({ issuer: tenant })(credential({ iss: `${tenant}2` }))).toBe(false);
});
