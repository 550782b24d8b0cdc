import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type Archive, buildArchive } from "../../infra/bundle/archive.ts";
import { application } from "../../service/application.ts";
import { parseWebConfig } from "../../service/config.ts";
import { declared, environmentOf, WEB } from "../infra/select.ts";
import { LocalDeployment } from "../local/deployment.ts";
import { ada } from "../local/identity/users.ts";
import { keptFile } from "../local/runFolder.ts";
import { askMany } from "../support/askMany.ts";
import { answerOfProvider, signIn, Visitor } from "../support/signIn.ts";

// The five checks of the original session fix, applied to this deployment.

/** Working directory of all instances, so that files that they write are found here. */
let disk: string;
let archive: Archive;
let deployment: LocalDeployment;

beforeAll(async () => {
  disk = mkdtempSync(join(tmpdir(), "phoenix-seed-"));
  archive = buildArchive();
  deployment = await LocalDeployment.start({ archive, instances: 3, env: { TMPDIR: disk } });
});

afterAll(async () => {
  await deployment.close();
  rmSync(disk, { recursive: true, force: true });
});

/** The declared environment of a stack's web service. */
async function environmentIn(stack: "dev" | "prod" | "local"): Promise<Record<string, string>> {
  const { get } = await declared(stack);
  return Object.fromEntries(environmentOf(get(WEB)).map(({ name, value }) => [name, value ?? ""]));
}

/** Files in the unpacked deployments of this process. */
function unpackedFiles(): string[] {
  return readdirSync(keptFile("."), { recursive: true, encoding: "utf8" })
    .filter((path) => path.startsWith(`run-${process.pid}-`))
    .toSorted();
}

/** The Set-Cookie header of a sign-in's session. */
async function sessionCookieAt(site: string): Promise<string> {
  const visitor = new Visitor(site);
  const response = await visitor.fetch(await answerOfProvider(visitor, ada));
  const lines = response.headers.getSetCookie().filter((line) => /^[\w-]*session=/.test(line));
  expect(lines).toHaveLength(1);
  return lines[0] ?? "";
}

/** Name and attributes in lower case, without value and times. */
function shapeOf(setCookie: string): string[] {
  const [pair = "", ...attributes] = setCookie.split("; ");
  const names = attributes.map((attribute) => attribute.toLowerCase());
  return [pair.split("=")[0] ?? "", ...names.filter((name) => !/^(?:expires|max-age)/.test(name))];
}

test("1. session configuration is read correctly", async () => {
  for (const [stack, cookieSecure] of [
    ["dev", true],
    ["prod", true],
    ["local", false],
  ] as const) {
    const env = await environmentIn(stack);
    const config = parseWebConfig({
      ...env,
      ...(cookieSecure && { K_SERVICE: "phoenix", PUBLIC_URL: "https://phoenix.example" }),
    });
    expect(config).toMatchObject({
      environment: stack,
      sessionType: "cookie",
      cookieSecure,
      sessionLifetime: 7 * 24 * 60 * 60,
      secretKey: { form: "secretManager" },
    });
  }
});

test("2. the service starts with cookie-based sessions, and no session directory is ever created", async () => {
  expect(deployment.service.env).not.toHaveProperty("SESSION_TYPE");
  const unpacked = unpackedFiles();
  const visitor = await signIn(deployment.url);
  const body = new URLSearchParams({ _csrf: await visitor.csrfToken() });
  await askMany(visitor);
  await visitor.fetch("/logout", { method: "POST", body });
  expect(readdirSync(disk)).toEqual([]);
  expect(unpacked.length).toBeGreaterThan(5);
  expect(unpackedFiles()).toEqual(unpacked);
});

test("3. session data persists across requests, and across instances", async () => {
  const visitor = await signIn(deployment.url);
  const csrf = await visitor.csrfToken();
  const instances = new Set<string | null>();
  const answers = Array.from({ length: 60 }, async () => {
    const response = await visitor.fetch(application.home);
    const page = await response.text();
    expect([page.includes(csrf), page.includes(ada.email)]).toEqual([true, true]);
    instances.add(response.headers.get("x-instance"));
  });
  await Promise.all(answers);
  expect(instances).toEqual(new Set(deployment.fleet.instances().map(({ id }) => id)));
});

test("4. HttpOnly and SameSite are set on the session's cookie", async () => {
  const setCookie = await sessionCookieAt(deployment.url);
  expect(shapeOf(setCookie)).toEqual(expect.arrayContaining(["httponly", "samesite=lax"]));
  expect(setCookie).toMatch(/; max-age=604800(?:;|$)/);
});

test.each(["dev", "prod"] as const)("5. the session's cookie is Secure in %s", async (stack) => {
  const { ENVIRONMENT = "", SESSION_COOKIE_SECURE = "" } = await environmentIn(stack);
  const env = { ENVIRONMENT, SESSION_COOKIE_SECURE, ALLOWED_USERS: "@example.com" };
  await using deployed = await LocalDeployment.start({ archive, instances: 1, https: true, env });
  try {
    expect(shapeOf(await sessionCookieAt(deployed.url)).toSorted()).toEqual([
      "__Host-session",
      "httponly",
      "path=/",
      "samesite=lax",
      "secure",
    ]);
  } finally {
    await deployed.close();
  }
});

test("5. the session's cookie is not Secure in local, which has no https", async () => {
  expect(shapeOf(await sessionCookieAt(deployment.url)).toSorted()).toEqual([
    "httponly",
    "path=/",
    "samesite=lax",
    "session",
  ]);
});
