import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { type Archive, buildArchive } from "../../infra/bundle/archive.ts";
import clips from "../../service/reels/clips/clips.json" with { type: "json" };
import { LocalDeployment } from "../local/deployment.ts";
import { ada, grace } from "../local/identity/users.ts";
import { Browser } from "../support/browser.ts";
import { listClips, loadClips, untilSaved } from "../support/loadClips.ts";
import { signIn, type Visitor } from "../support/signIn.ts";

const IDS = clips.map(({ id }) => id);

let folder: string;
/** The disk of every instance: what they write is seen here. */
let disk: string;
let archive: Archive;
let deployment: LocalDeployment;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "phoenix-system-"));
  disk = join(folder, "disk");
  mkdirSync(disk);
  archive = buildArchive();
  deployment = await LocalDeployment.start({ archive, instances: 3, env: { TMPDIR: disk } });
}, 60_000);

afterAll(async () => {
  await deployment.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Each test has three instances, whatever the one before did to them. */
beforeEach(async () => {
  while (deployment.fleet.instances().length < 3) await deployment.fleet.add();
});

/** Loads many clips and expects that each is there; returns who answered. */
async function loadWithout401(visitor: Visitor): Promise<Set<string>> {
  const loaded = await loadClips(visitor, IDS);
  expect(loaded.filter(({ status }) => status !== 200)).toEqual([]);
  expect(loaded.flatMap(({ setCookie }) => setCookie)).toEqual([]);
  return new Set(loaded.map(({ instance }) => instance));
}

function instanceIds(): string[] {
  return deployment.fleet.instances().map(({ id }) => id);
}

test("sign-in goes to the provider and comes back to the page that was asked for", async () => {
  const browser = new Browser(deployment.url);
  const asked = await browser.fetch("/reel-maker");
  expect(asked.status).toBe(302);
  expect(asked.headers.get("location")).toBe("/login?returnTo=%2Freel-maker");
  const { url } = await browser.follow("/reel-maker");
  expect(url.origin).toBe(deployment.identityProvider.issuer);

  const visitor = await signIn(deployment.url, ada, { returnTo: "/reel-maker?from=here" });
  const { response } = await visitor.follow("/");
  const page = await response.text();
  expect([response.status, response.headers.get("content-type")]).toEqual([
    200,
    "text/html; charset=utf-8",
  ]);
  expect(page).toContain(ada.email);
  expect(page).not.toContain(grace.email);
});

test("forty clips' URLs load through several instances without one 401", async () => {
  const visitor = await signIn(deployment.url);
  expect([...(await loadWithout401(visitor))].toSorted()).toEqual(instanceIds().toSorted());
});

test("a session outlives the instance that made it, and is good on one that starts later", async () => {
  const visitor = await signIn(deployment.url);
  const before = instanceIds();
  await loadWithout401(visitor);
  for (const id of before) {
    await deployment.fleet.add();
    await deployment.fleet.kill(id);
  }
  const after = await loadWithout401(visitor);
  expect(after.size).toBeGreaterThan(1);
  for (const id of before) expect(after).not.toContain(id);
}, 30_000);

test("instances that come and go while clips load cost nobody a clip", async () => {
  const visitors = await Promise.all([ada, grace].map((user) => signIn(deployment.url, user)));
  const loading = visitors.map(async (visitor) => {
    for (let round = 0; round < 5; round++) await loadWithout401(visitor);
  });
  await deployment.fleet.kill();
  await deployment.fleet.add();
  await deployment.fleet.drain();
  await Promise.all(loading);
}, 30_000);

test("the clips themselves load from any instance, whole and in parts", async () => {
  const visitor = await signIn(deployment.url);
  expect(await listClips(visitor)).toEqual(clips);
  const [{ id, bytes } = { id: "", bytes: 0 }] = clips;
  const [loaded] = await loadClips(visitor, [id], 1);
  const url = `${deployment.url}${loaded?.url}`;
  const whole = await fetch(url);
  const content = Buffer.from(await whole.arrayBuffer());
  expect([whole.status, whole.headers.get("content-type"), content.length]).toEqual([
    200,
    "video/mp4",
    bytes,
  ]);
  const answered = new Set<string | null>();
  const parts = await Promise.all(
    Array.from({ length: 40 }, async (_, index) => {
      const from = Math.floor((index * bytes) / 40);
      const to = Math.floor(((index + 1) * bytes) / 40) - 1;
      const part = await fetch(url, { headers: { range: `bytes=${from}-${to}` } });
      answered.add(part.headers.get("x-instance"));
      expect([part.status, part.headers.get("content-range")]).toEqual([
        206,
        `bytes ${from}-${to}/${bytes}`,
      ]);
      return Buffer.from(await part.arrayBuffer());
    }),
  );
  expect(Buffer.concat(parts).equals(content)).toBe(true);
  expect(answered.size).toBeGreaterThan(1);
  expect((await fetch(url.replace("token=", "token=x"))).status).toBe(403);
});

test("signing out at one instance signs this browser out of all", async () => {
  const visitor = await signIn(deployment.url);
  const body = new URLSearchParams({ _csrf: await visitor.csrfToken() });
  const answer = await visitor.fetch("/logout", { method: "POST", body });
  expect([answer.status, answer.headers.get("location")]).toEqual([303, "/"]);
  const loaded = await loadClips(visitor, IDS);
  expect(new Set(loaded.map(({ instance }) => instance)).size).toBeGreaterThan(1);
  expect(new Set(loaded.map(({ status, code }) => `${status} ${code}`))).toEqual(
    new Set(["401 sign_in_required"]),
  );
});

test("the original fault: sessions in files are lost as soon as another instance answers", async () => {
  const visitor = await signIn(deployment.url);
  await loadWithout401(visitor);
  expect(readdirSync(disk)).toEqual([]);

  await deployment.roll({ env: { SESSION_TYPE: "filesystem" } });
  try {
    const victim = await signIn(deployment.url);
    await untilSaved(victim);
    const loaded = await loadClips(victim, IDS);
    const owners = new Set(
      loaded.filter(({ status }) => status === 200).map(({ instance }) => instance),
    );
    const others = loaded.filter(({ instance }) => !owners.has(instance));
    expect(owners.size).toBe(1);
    expect(new Set(others.map(({ instance }) => instance)).size).toBe(2);
    expect(new Set(others.map(({ status, code }) => `${status} ${code}`))).toEqual(
      new Set(["401 session_expired"]),
    );
    const kept = readdirSync(disk).filter((name) => readdirSync(join(disk, name)).length > 0);
    expect(kept).toEqual([`phoenix-sessions-${[...owners].join()}`]);
    await deployment.fleet.kill([...owners].join());
    expect(new Set((await loadClips(victim, IDS)).map(({ status }) => status))).toEqual(
      new Set([401]),
    );
  } finally {
    await deployment.roll({ env: { SESSION_TYPE: "None" } });
    rmSync(disk, { recursive: true, force: true });
    mkdirSync(disk);
  }
  // Whoever had signed in before is signed in still: their cookie never depended on a disk.
  await loadWithout401(visitor);
  expect(readdirSync(disk)).toEqual([]);
}, 30_000);

test("a restart of the whole deployment with the same secret signs nobody out", async () => {
  const state = join(folder, "secrets.json");
  const first = await LocalDeployment.start({ archive, instances: 1, state });
  const before = await signIn(first.url);
  await first.close();
  expect(existsSync(state)).toBe(true);

  const second = await LocalDeployment.start({ archive, instances: 1, state });
  try {
    const after = new Browser(second.url);
    for (const [name, value] of before.cookies) after.cookies.set(name, value);
    expect((await loadClips(after, IDS)).filter(({ status }) => status !== 200)).toEqual([]);
    // A deployment with another secret takes the same cookie for none.
    const elsewhere = new Browser(deployment.url);
    for (const [name, value] of before.cookies) elsewhere.cookies.set(name, value);
    const [refused] = await loadClips(elsewhere, IDS, 1);
    expect(refused).toMatchObject({ status: 401, code: "session_expired", setCookie: [] });
  } finally {
    await second.close();
  }
}, 30_000);
