import { afterAll, beforeAll, expect, test } from "@jest/globals";
import clips from "../../../service/reels/clips/clips.json" with { type: "json" };
import { LocalDeployment } from "../../local/deployment.ts";
import { signIn } from "../../support/signIn.ts";
import { listClips, loadClips } from "./loadClips.ts";

const IDS = clips.map(({ id }) => id);

let deployment: LocalDeployment;
beforeAll(async () => {
  deployment = await LocalDeployment.start({ instances: 3 });
});
afterAll(() => deployment.close());

test("forty parallel requests for clips' URLs are answered by several instances without a 401", async () => {
  const visitor = await signIn(deployment.url);
  const loaded = await loadClips(visitor, IDS);
  expect(loaded.filter(({ status }) => status !== 200)).toEqual([]);
  expect(loaded.flatMap(({ setCookie }) => setCookie)).toEqual([]);
  const instances = new Set(loaded.map(({ instance }) => instance));
  expect(instances).toEqual(new Set(deployment.fleet.instances().map(({ id }) => id)));
});

test("clips load from any instance, whole and in parts", async () => {
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

test("a reel that was saved at one instance is found at every other", async () => {
  const visitor = await signIn(deployment.url);
  const csrf = await visitor.csrfToken();
  const reel = (await listClips(visitor)).map(({ id }) => id).slice(0, 5);
  const saved = await visitor.fetch("/api/reel", {
    method: "POST",
    headers: { "content-type": "application/json", "x-csrf-token": csrf },
    body: JSON.stringify({ clips: reel }),
  });
  expect(saved.status).toBe(200);
  const instances = new Set<string>();
  const answers = Array.from({ length: 60 }, async () => {
    const { response } = await visitor.follow("/api/reel");
    const { clips, instance } = (await response.json()) as { clips: string[]; instance: string };
    expect(clips).toEqual(reel);
    instances.add(instance);
  });
  await Promise.all(answers);
  expect(instances).toEqual(new Set(deployment.fleet.instances().map(({ id }) => id)));
  expect(await visitor.csrfToken()).toBe(csrf);
});

test("saves in flight during a sign-out never restore the session, in any order of the responses", async () => {
  const visitor = await signIn(deployment.url);
  const copy = visitor.clone();
  const headers = {
    "x-csrf-token": await visitor.csrfToken(),
    "content-type": "application/json",
  };
  const body = JSON.stringify({ clips: [clips[0]?.id] });
  const save = () => visitor.send("/api/reel", { method: "POST", headers, body });
  const early = Array.from({ length: 8 }, save);
  const signingOut = visitor.send("/logout", { method: "POST", headers, body: "{}" });
  const late = Array.from({ length: 8 }, save);
  const signedOut = await signingOut;
  expect(signedOut.response.status).toBe(303);
  const saves = await Promise.all([...early, ...late]);
  // 401 comes from the instance that ended the session.
  for (const { response } of saves) expect([200, 401]).toContain(response.status);
  expect(saves.some(({ response }) => response.ok)).toBe(true);
  visitor.receive(signedOut);
  for (const answer of saves.reverse()) visitor.receive(answer);
  expect(visitor.cookies.has("session")).toBe(false);
  expect((await visitor.fetch("/api/reel")).status).toBe(401);

  const here = signedOut.response.headers.get("x-instance");
  const { port } = deployment.fleet.instances().find(({ id }) => id === here) ?? {};
  const cookie = `session=${copy.cookies.get("session")}`;
  const copied = await fetch(`http://127.0.0.1:${port}/api/reel`, { headers: { cookie } });
  expect(copied.status).toBe(401);
});
