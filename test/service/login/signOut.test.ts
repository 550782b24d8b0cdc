import { expect, test } from "@jest/globals";
import type { Express } from "express";
import { inject } from "light-my-request";
import { createEndedBench, type EndedBench } from "../../support/endedBench.ts";
import { application } from "./application.ts";

/** Two instances that share the list of ended sessions. */
function createFleet() {
  const bench = createEndedBench(Date.now() / 1000);
  const start = (ended = bench.instance()) => application({ oidc: undefined, ended });
  return { bench, one: start(), other: start() };
}

/** A cookie jar. */
class Cookies {
  readonly #values = new Map<string, string>();

  keep(lines: readonly string[]): void {
    for (const line of lines) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (/max-age=0|expires=Thu, 01 Jan 1970/i.test(line)) this.#values.delete(name);
      else this.#values.set(name, value);
    }
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  get header(): string {
    return [...this.#values].map(([name, value]) => `${name}=${value}`).join("; ");
  }
}

async function ask(app: Express, cookies: Cookies, url: string, method: "GET" | "POST" = "GET") {
  const token = method === "GET" ? "" : await csrfToken(app, cookies);
  const headers = { cookie: cookies.header, "x-csrf-token": token, accept: "text/html" };
  const response = await inject(app, { url, method, headers });
  cookies.keep([response.headers["set-cookie"] ?? []].flat());
  return response;
}

async function csrfToken(app: Express, cookies: Cookies): Promise<string> {
  const { body } = await inject(app, { url: "/session", headers: { cookie: cookies.header } });
  return JSON.parse(body).csrf_token ?? "";
}

async function signedIn(app: Express, details = {}): Promise<Cookies> {
  const cookies = new Cookies();
  const response = await inject(app, { url: "/plant", method: "POST", payload: details });
  cookies.keep([response.headers["set-cookie"] ?? []].flat());
  return cookies;
}

/** A stolen copy of cookies. */
function copyOf(cookies: Cookies): Cookies {
  const copy = new Cookies();
  copy.keep(cookies.header.split("; "));
  return copy;
}

async function isAccepted(app: Express, cookies: Cookies): Promise<boolean> {
  const { statusCode } = await ask(app, cookies, "/api/thing");
  return statusCode === 200;
}

async function later(bench: EndedBench): Promise<void> {
  await bench.time.advance(20);
}

// ASVS 7.4.1
test("signing out ends the session on this instance at once and on others within 20 s", async () => {
  const { bench, one, other } = createFleet();
  const cookies = await signedIn(one.app);
  const copy = copyOf(cookies);
  expect(await isAccepted(other.app, copy)).toBe(true);
  const response = await ask(one.app, cookies, "/logout", "POST");
  expect([response.statusCode, response.headers.location]).toEqual([303, "/signed-out"]);
  expect(cookies.header).toBe("");
  expect(await isAccepted(one.app, copy)).toBe(false);
  await later(bench);
  expect(await isAccepted(other.app, copy)).toBe(false);
});

test("a refused session stays in the browser: its cookie is not touched", async () => {
  const { one } = createFleet();
  const cookies = await signedIn(one.app);
  const copy = copyOf(cookies);
  await ask(one.app, cookies, "/logout", "POST");
  const { headers } = await inject(one.app, { url: "/page", headers: { cookie: copy.header } });
  expect(headers["set-cookie"]).toBeUndefined();
});

test("a sign-out that can't be written clears the cookie, shows a notice, and is retried", async () => {
  const { bench, one, other } = createFleet();
  const cookies = await signedIn(one.app);
  const copy = copyOf(cookies);
  await isAccepted(other.app, copy);
  bench.standIn.fail({ fault: "unavailable" });
  const response = await ask(one.app, cookies, "/logout", "POST");
  expect([response.statusCode, response.headers.location]).toEqual([303, "/signed-out"]);
  expect([cookies.has("session"), cookies.has("sign-out")]).toEqual([false, true]);
  expect(one.lines).toContainEqual(expect.objectContaining({ event: "sign_out_not_written" }));
  expect((await ask(one.app, cookies, "/")).body).toBe("not yet");
  const page = await ask(one.app, cookies, "/signed-out");
  expect(page.body).toContain("has not reached all parts of the service yet");
  expect(cookies.has("sign-out")).toBe(true);

  bench.standIn.heal();
  expect((await ask(other.app, cookies, "/")).body).toBe("start page");
  expect(cookies.has("sign-out")).toBe(false);
  await later(bench);
  expect(await isAccepted(other.app, copy)).toBe(false);
});

test("a sign-out that is slow to write is answered in time, and retried", async () => {
  const { bench, other } = createFleet();
  const ended = bench.instance();
  const { promise: never } = Promise.withResolvers<void>();
  const slow = application({
    oidc: undefined,
    ended: { ...ended, endSession: () => never },
    abortAfter: () => AbortSignal.abort(),
  });
  const cookies = await signedIn(slow.app);
  const copy = copyOf(cookies);
  const response = await ask(slow.app, cookies, "/logout", "POST");
  expect([response.statusCode, response.headers.location]).toEqual([303, "/signed-out"]);
  expect([cookies.has("session"), cookies.has("sign-out")]).toEqual([false, true]);
  expect(slow.lines).toContainEqual(expect.objectContaining({ event: "sign_out_not_written" }));
  // The retry does not keep the browser's next request waiting either.
  expect((await ask(slow.app, cookies, "/")).body).toBe("not yet");

  await ask(other.app, cookies, "/");
  expect(cookies.has("sign-out")).toBe(false);
  expect(await isAccepted(other.app, copy)).toBe(false);
});

test("several pending sign-outs are kept, and a forged one does nothing", async () => {
  const { bench, one } = createFleet();
  const cookies = new Cookies();
  const copies: Cookies[] = [];
  bench.standIn.fail({ fault: "unavailable", on: ["create"] });
  for (let i = 0; i < 3; i += 1) {
    const signed = await signedIn(one.app);
    copies.push(copyOf(signed));
    cookies.keep(signed.header.split("; "));
    await ask(one.app, cookies, "/logout", "POST");
  }
  bench.standIn.heal();
  const late = application({ oidc: undefined, ended: bench.instance() });
  await ask(late.app, cookies, "/");
  for (const copy of copies) expect(await isAccepted(late.app, copy)).toBe(false);

  const { create } = bench.standIn.calls;
  const forged = new Cookies();
  forged.keep(["sign-out=v1.abc.def"]);
  expect((await ask(late.app, forged, "/")).body).toBe("start page");
  expect(bench.standIn.calls.create).toBe(create);
});

test("a copied cookie of a pending sign-out causes one write per instance", async () => {
  const { bench, one, other } = createFleet();
  const cookies = await signedIn(one.app);
  bench.standIn.fail({ fault: "unavailable" });
  await ask(one.app, cookies, "/logout", "POST");
  const copy = copyOf(cookies);
  bench.standIn.heal();
  const before = bench.standIn.calls.create;
  for (let i = 0; i < 5; i += 1) await ask(other.app, copyOf(copy), "/");
  expect(bench.standIn.calls.create - before).toBe(2);
});

test("concurrent copies of a pending sign-out's cookie share one write", async () => {
  const { bench, one, other } = createFleet();
  const cookies = await signedIn(one.app);
  bench.standIn.fail({ fault: "unavailable" });
  await ask(one.app, cookies, "/logout", "POST");
  bench.standIn.heal();
  const before = bench.standIn.calls.create;
  const copies = Array.from({ length: 5 }, () => copyOf(cookies));
  await Promise.all(copies.map((copy) => ask(other.app, copy, "/")));
  expect(bench.standIn.calls.create - before).toBe(2);
  for (const copy of copies) expect(copy.has("sign-out")).toBe(false);
});

// ASVS 7.5.2
test("signing out everywhere ends all sessions of the user, and no other user's", async () => {
  const { bench, one, other } = createFleet();
  const [here, there] = [await signedIn(one.app), await signedIn(other.app)];
  const somebody = await signedIn(one.app, { user_id: "grace" });
  const response = await ask(one.app, here, "/logout/everywhere", "POST");
  expect([response.statusCode, response.headers.location]).toEqual([303, "/signed-out"]);
  expect(here.header).toBe("");
  await later(bench);
  expect(await isAccepted(other.app, there)).toBe(false);
  expect(await isAccepted(other.app, somebody)).toBe(true);
});

test("signing out everywhere needs a session and its CSRF token", async () => {
  const { bench, one } = createFleet();
  const cookies = await signedIn(one.app);
  const without = { url: "/logout/everywhere", method: "POST" } as const;
  for (const cookie of [cookies.header, ""]) {
    expect((await inject(one.app, { ...without, headers: { cookie } })).statusCode).toBe(403);
  }
  expect(await isAccepted(one.app, cookies)).toBe(true);
  expect(bench.standIn.calls.create).toBe(0);
});

test("signing out everywhere that can't be written ends no session, and shows an error", async () => {
  const { bench, one } = createFleet();
  const cookies = await signedIn(one.app);
  bench.standIn.fail({ fault: "forbidden", on: ["create"] });
  const response = await ask(one.app, cookies, "/logout/everywhere", "POST");
  expect(response.statusCode).toBe(503);
  expect(response.headers["retry-after"]).toBe("10");
  expect(response.body).toContain("you may still be signed in");
  expect(await isAccepted(one.app, cookies)).toBe(true);
});

test("signing out everywhere that is slow to write is answered in time, and a second attempt succeeds", async () => {
  const bench = createEndedBench(Date.now() / 1000);
  const ended = bench.instance();
  const written = Promise.withResolvers<void>();
  let limit = AbortSignal.abort();
  const { app } = application({
    oidc: undefined,
    ended: {
      ...ended,
      async endPeople(...who) {
        await written.promise;
        await ended.endPeople(...who);
      },
    },
    abortAfter: () => limit,
  });
  const cookies = await signedIn(app);
  const token = await csrfToken(app, cookies);
  // The page's script submits the form again if the first request fails.
  const post = { url: "/logout/everywhere", method: "POST" } as const;
  const headers = { cookie: cookies.header, "sec-fetch-site": "same-origin" };
  const first = await inject(app, { ...post, headers: { ...headers, "x-csrf-token": token } });
  expect(first.statusCode).toBe(503);
  limit = new AbortController().signal;
  written.resolve();
  const second = await inject(app, { ...post, headers: { ...headers, "x-csrf-token": token } });
  expect(second.statusCode).toBe(303);
  // The second response was lost too. The session has ended, and the form's token with it.
  const third = await inject(app, { ...post, headers, payload: { _csrf: token } });
  expect([third.statusCode, third.headers.location]).toEqual([303, "/signed-out"]);
  const fromElsewhere = { ...headers, "sec-fetch-site": "cross-site" };
  expect((await inject(app, { ...post, headers: fromElsewhere })).statusCode).toBe(403);
});

test("with an ended session signing out everywhere fails, and does not claim success", async () => {
  const { one } = createFleet();
  const cookies = await signedIn(one.app);
  const copy = copyOf(cookies);
  await ask(one.app, cookies, "/logout", "POST");
  const headers = { cookie: copy.header, "sec-fetch-site": "same-origin" };
  const response = await inject(one.app, { url: "/logout/everywhere", method: "POST", headers });
  expect(response.statusCode).toBe(403);
});

test("a user can sign out everywhere once a minute", async () => {
  const { bench, one } = createFleet();
  await ask(one.app, await signedIn(one.app), "/logout/everywhere", "POST");
  const { create } = bench.standIn.calls;
  // A session that begins after the mark.
  const iat = Math.floor(Date.now() / 1000) + 5;
  const again = await signedIn(one.app, { iat });
  const response = await ask(one.app, again, "/logout/everywhere", "POST");
  expect(response.statusCode).toBe(429);
  expect(response.headers["retry-after"]).toBe("60");
  expect(bench.standIn.calls.create).toBe(create);
  expect(await isAccepted(one.app, again)).toBe(true);
});

test("concurrent requests to sign out everywhere write once", async () => {
  const { bench, one, other } = createFleet();
  const cookies = await signedIn(one.app);
  const copies = Array.from({ length: 5 }, () => copyOf(cookies));
  const responses = await Promise.all(
    copies.map((copy) => ask(one.app, copy, "/logout/everywhere", "POST")),
  );
  expect(responses.map(({ statusCode }) => statusCode)).toEqual([303, 303, 303, 303, 303]);
  expect(bench.standIn.calls.create).toBe(2);
  await later(bench);
  expect(await isAccepted(other.app, cookies)).toBe(false);
});
