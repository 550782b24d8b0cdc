import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { type Archive, buildArchive } from "../../infra/bundle/archive.ts";
import { application } from "../../service/application.ts";
import { signInLink } from "../../service/login/returnTo.ts";
import { LocalDeployment } from "../local/deployment.ts";
import { ada, grace } from "../local/identity/users.ts";
import { askMany, untilSaved } from "../support/askMany.ts";
import { Browser } from "../support/browser.ts";
import { signIn, type Visitor } from "../support/signIn.ts";

let folder: string;
/** Working directory of all instances, so that files that they write are found here. */
let disk: string;
let archive: Archive;
let deployment: LocalDeployment;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "phoenix-system-"));
  disk = join(folder, "disk");
  mkdirSync(disk);
  archive = buildArchive();
  deployment = await LocalDeployment.start({ archive, instances: 3, env: { TMPDIR: disk } });
});

afterAll(async () => {
  await deployment.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Restores three instances before each test. */
beforeEach(async () => {
  while (deployment.fleet.instances().length < 3) await deployment.fleet.add();
});

/** Sends many parallel requests and expects no 401; returns the instances that answered. */
async function askWithout401(visitor: Visitor): Promise<Set<string>> {
  const answers = await askMany(visitor);
  expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
  expect(answers.flatMap(({ setCookie }) => setCookie)).toEqual([]);
  return new Set(answers.map(({ instance }) => instance));
}

function instanceIds(): string[] {
  return deployment.fleet.instances().map(({ id }) => id);
}

test("sign-in goes through the provider and returns to the requested page", async () => {
  const browser = new Browser(deployment.url);
  const asked = await browser.fetch(application.home);
  expect(asked.status).toBe(302);
  expect(asked.headers.get("location")).toBe(signInLink(application.home));
  const { url } = await browser.follow(application.home);
  expect(url.origin).toBe(deployment.identityProvider.issuer);

  const visitor = await signIn(deployment.url, ada, { returnTo: `${application.home}?from=here` });
  const { response } = await visitor.follow("/");
  const page = await response.text();
  expect([response.status, response.headers.get("content-type")]).toEqual([
    200,
    "text/html; charset=utf-8",
  ]);
  expect(page).toContain(ada.email);
  expect(page).not.toContain(grace.email);
});

test("seventy tabs that begin a sign-in at the same moment keep nobody out of the other pages", async () => {
  const visitor = await signIn(deployment.url);
  const tabs = Array.from({ length: 70 }, () => visitor.send("/login"));
  for (const landing of await Promise.all(tabs)) visitor.receive(landing);
  expect([...visitor.cookies].join("").length).toBeGreaterThan(15_000);
  expect((await visitor.fetch(application.home)).status).toBe(200);
});

test("forty parallel requests are answered by several instances without a 401", async () => {
  const visitor = await signIn(deployment.url);
  expect([...(await askWithout401(visitor))].toSorted()).toEqual(instanceIds().toSorted());
});

test("a session outlives the instance that created it, and works at one that starts later", async () => {
  const visitor = await signIn(deployment.url);
  const before = instanceIds();
  await askWithout401(visitor);
  for (const id of before) {
    await deployment.fleet.add();
    await deployment.fleet.kill(id);
  }
  const after = await askWithout401(visitor);
  expect(after.size).toBeGreaterThan(1);
  for (const id of before) expect(after).not.toContain(id);
});

test("scaling up and down loses no response", async () => {
  const visitors = await Promise.all([ada, grace].map((user) => signIn(deployment.url, user)));
  const asking = visitors.map(async (visitor) => {
    for (let round = 0; round < 5; round++) await askWithout401(visitor);
  });
  await deployment.fleet.kill();
  await deployment.fleet.add();
  await deployment.fleet.drain();
  await Promise.all(asking);
});

test("signing out at one instance signs the browser out of all", async () => {
  const visitor = await signIn(deployment.url);
  const body = new URLSearchParams({ _csrf: await visitor.csrfToken() });
  const answer = await visitor.fetch("/logout", { method: "POST", body });
  expect([answer.status, answer.headers.get("location")]).toEqual([303, "/signed-out"]);
  const answers = await askMany(visitor);
  expect(new Set(answers.map(({ instance }) => instance)).size).toBeGreaterThan(1);
  expect(new Set(answers.map(({ status, code }) => `${status} ${code}`))).toEqual(
    new Set(["401 sign_in_required"]),
  );
});

test("the original fault: sessions in files are lost as soon as another instance answers", async () => {
  const visitor = await signIn(deployment.url);
  await askWithout401(visitor);
  expect(readdirSync(disk)).toEqual([]);

  await deployment.roll({ env: { SESSION_TYPE: "filesystem" } });
  try {
    const victim = await signIn(deployment.url);
    await untilSaved(victim);
    const answers = await askMany(victim);
    const owners = new Set(
      answers.filter(({ status }) => status === 200).map(({ instance }) => instance),
    );
    const others = answers.filter(({ instance }) => !owners.has(instance));
    expect(owners.size).toBe(1);
    expect(new Set(others.map(({ instance }) => instance)).size).toBe(2);
    expect(new Set(others.map(({ status, code }) => `${status} ${code}`))).toEqual(
      new Set(["401 session_expired"]),
    );
    const kept = readdirSync(disk).filter((name) => readdirSync(join(disk, name)).length > 0);
    expect(kept).toEqual([`phoenix-sessions-${[...owners].join()}`]);
    await deployment.fleet.kill([...owners].join());
    expect(new Set((await askMany(victim)).map(({ status }) => status))).toEqual(new Set([401]));
  } finally {
    await deployment.roll({ env: { SESSION_TYPE: "None" } });
    rmSync(disk, { recursive: true, force: true });
    mkdirSync(disk);
  }
  // The earlier visitor is still signed in: that cookie never depended on a disk.
  await askWithout401(visitor);
  expect(readdirSync(disk)).toEqual([]);
});

test("a restart of the whole deployment with the same secret signs nobody out", async () => {
  const state = join(folder, "secrets.json");
  await using first = await LocalDeployment.start({ archive, instances: 1, state });
  const before = await signIn(first.url);
  await first.close();
  expect(existsSync(state)).toBe(true);

  // The provider keeps its address, because a session of another issuer is refused.
  const identityProvider = Number(new URL(first.identityProvider.issuer).port);
  const ports = { site: 0, identityProvider, secretManager: 0 };
  await using second = await LocalDeployment.start({ archive, instances: 1, state, ports });
  try {
    const after = new Browser(second.url);
    for (const [name, value] of before.cookies) after.cookies.set(name, value);
    expect((await askMany(after)).filter(({ status }) => status !== 200)).toEqual([]);
    // A deployment with another secret refuses the cookie.
    const elsewhere = new Browser(deployment.url);
    for (const [name, value] of before.cookies) elsewhere.cookies.set(name, value);
    const [refused] = await askMany(elsewhere, 1);
    expect(refused).toMatchObject({ status: 401, code: "session_expired", setCookie: [] });
  } finally {
    await second.close();
  }
});
