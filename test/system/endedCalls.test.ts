import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { application } from "../../service/application.ts";
import { markObject, sessionHash } from "../../service/ended/marks.ts";
import { LocalDeployment } from "../local/deployment.ts";
import type { Browser } from "../support/browser.ts";
import { signIn } from "../support/signIn.ts";
import { forgedCookie } from "./fleetLoad.ts";

let deployment: LocalDeployment;

beforeAll(async () => {
  deployment = await LocalDeployment.start({ instances: 1 });
});

afterAll(() => deployment.close());

/** Replaces the instance with a new one, which knows nothing yet. */
async function restart(): Promise<void> {
  const [before] = deployment.fleet.instances();
  await deployment.fleet.add();
  await deployment.fleet.kill(before?.id);
}

/** As many marks of others' sessions, one each millisecond up to now. */
function fill(count: number): void {
  const { objects } = deployment.storage.standIn;
  const now = Date.now() / 1000;
  for (let index = 0; index < count; index += 1) {
    const who = { kind: "s", hash: sessionHash(randomBytes(16).toString("hex")) } as const;
    const name = markObject("feed", { who, time: now - index / 1000 }, "abcdefghij_");
    const [bucket = ""] = /[\w-]+$/.exec(deployment.service.env.ENDED_SESSIONS ?? "") ?? [];
    objects.create(bucket, { name, contentType: "text/plain" }, true);
  }
}

async function statusesOf(browser: Browser, count: number): Promise<Set<number>> {
  const asked = Array.from({ length: count }, () => browser.fetch(application.api));
  return new Set((await Promise.all(asked)).map(({ status }) => status));
}

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** A logout token of the provider, but for its signature. */
function unsignedLogoutToken(kid: string): string {
  const { issuer } = deployment.identityProvider;
  const now = Math.floor(Date.now() / 1000);
  const events = { "http://schemas.openid.net/event/backchannel-logout": {} };
  const claims = { iss: issuer, aud: "phoenix-local", sub: "ada", jti: kid, iat: now, events };
  const header = { alg: "RS256", typ: "logout+jwt", kid };
  const signature = randomBytes(256).toString("base64url");
  return `${encode(header)}.${encode({ ...claims, exp: now + 60 })}.${signature}`;
}

/** What strangers send at a time: nothing of it was sealed or signed by anybody. */
function strangersRequests(): Promise<Response>[] {
  const { url } = deployment;
  const send = (path: string, init: RequestInit = {}) =>
    fetch(url + path, { redirect: "manual", ...init });
  const kids = ["1", "2", "99", "123456789", "latest", "1.0"];
  const cookies = [
    "session=nonsense",
    `session=${"a".repeat(3000)}`,
    "sign-out=nonsense; data-aaaa=nonsense; sign-in-x=nonsense",
    ...kids.map((kid) => `session=${forgedCookie(kid, randomBytes(600))}`),
    ...kids.map((kid) => `sign-out=${forgedCookie(kid, randomBytes(100))}`),
  ];
  const paths = ["/", application.home, application.api, "/login", "/signed-out", "/health/ready"];
  const logout = (body: string | URLSearchParams) =>
    send("/login/backchannel", { method: "POST", body });
  return [
    ...cookies.flatMap((cookie) => paths.map((path) => send(path, { headers: { cookie } }))),
    ...["/logout", "/logout/everywhere", application.api].flatMap((path) =>
      cookies.map((cookie) => send(path, { method: "POST", headers: { cookie } })),
    ),
    ...["HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"].flatMap((method) =>
      [...paths, "/login/backchannel", "/nowhere"].map((path) => send(path, { method })),
    ),
    ...[...kids, randomBytes(8).toString("hex")].map((kid) =>
      logout(new URLSearchParams({ logout_token: unsignedLogoutToken(kid) })),
    ),
    logout("logout_token=nonsense"),
    logout(`logout_token=${"a".repeat(100_000)}`),
    send("/login/callback?code=1&state=2"),
  ];
}

test("nothing that strangers send causes a call to the list of the ended, also while a poll is due", async () => {
  const { standIn } = deployment.storage;
  const visitor = await signIn(deployment.url);
  standIn.fail({ fault: "unavailable" });
  const started = standIn.calls.list;
  await restart();
  // The start's poll and its retry fail; the next one is due a second later.
  while (standIn.calls.list < started + 2) await pause(10);
  standIn.heal();
  const before = { ...standIn.calls };
  const begun = performance.now();
  while (performance.now() - begun < 2000) {
    const answers = await Promise.all(strangersRequests());
    for (const { status } of answers) expect(status).toBeLessThan(500);
  }
  expect(standIn.calls).toEqual(before);
  expect(await statusesOf(visitor, 20)).toEqual(new Set([200]));
  expect(standIn.calls).toEqual({ ...before, list: before.list + 1 });
});

test("a start costs two lists, a session older than the horizon one read, a poll a list for each page that is full", async () => {
  const { calls } = deployment.storage.standIn;
  const visitor = await signIn(deployment.url);
  fill(2500);
  const before = { ...calls };
  await restart();
  for (let round = 0; round < 3; round += 1) {
    expect(await statusesOf(visitor, 20)).toEqual(new Set([200]));
  }
  expect(calls).toEqual({ ...before, list: before.list + 2, get: before.get + 1 });
  fill(3500);
  await signIn(deployment.url);
  // Those 3500, and of the earlier ones as many as the overlap holds.
  const pages = calls.list - before.list - 2;
  expect(pages).toBeGreaterThanOrEqual(4);
  expect(pages).toBeLessThanOrEqual(6);
  expect(calls.create).toBe(before.create);
});
