import { hash } from "node:crypto";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { createStaticKeys } from "../../../service/keys/static.ts";
import {
  ATTEMPT_LIFETIME,
  type Attempt,
  createAttempts,
  type FoundAttempt,
  MAX_ATTEMPTS,
} from "../../../service/login/attempts.ts";
import { MAX_RETURN_TO_LENGTH } from "../../../service/login/returnTo.ts";
import { createSealer, type Sealer } from "../../../service/session/sealer.ts";
import { Browser } from "../../support/browser.ts";
import { serve } from "../../support/httpServer.ts";
import { SECRET, sessionApp } from "../../support/sessionApp.ts";
import { attemptCookies } from "../../support/signIn.ts";

const NOW = 1_800_000_000;
const PATH = "/login/attempts";

function sealerAt(clock: () => number, environment = "test") {
  return createSealer({ keys: createStaticKeys(SECRET), environment, clock });
}

interface Options {
  readonly now?: () => number;
  readonly cookieSecure?: boolean;
  readonly environment?: string;
  readonly sealer?: Sealer;
}

/** An application that begins, finds and finishes attempts; `begun` has the begun ones. */
function store({
  now = () => NOW,
  cookieSecure = false,
  environment,
  sealer = sealerAt(now, environment),
}: Options = {}) {
  const attempts = createAttempts({ sealer, cookieSecure, clock: now });
  const begun: Attempt[] = [];
  const { app } = sessionApp({ clock: now }, (routes) => {
    routes.get(`${PATH}/begin`, (req, res) => {
      const returnTo = String(req.query.to ?? "/page");
      const attempt = attempts.create(req, { returnTo, otherAccount: true, automatic: false });
      begun.push(attempt);
      attempts.keep(req, res, attempt);
      res.end();
    });
    routes.get(`${PATH}/find`, async (req, res) => {
      res.json(await attempts.find(req, String(req.query.state)));
    });
    routes.get(`${PATH}/finish`, async (req, res) => {
      const found = await attempts.find(req, String(req.query.state));
      if (found.status === "begun") attempts.finish(res, found.attempt);
      res.end();
    });
  });
  return { app, begun };
}

async function find(
  browser: Browser,
  attempt: Pick<Attempt, "state"> | undefined,
): Promise<FoundAttempt> {
  const response = await browser.fetch(`${PATH}/find?state=${attempt?.state}`);
  return (await response.json()) as FoundAttempt;
}

/** What a request below /login sends. */
function header(browser: Browser): string {
  return [...attemptCookies(browser)].map((pair) => pair.join("=")).join("; ");
}

test("an attempt is found by its state, with its data", async () => {
  const { app, begun } = store();
  await using server = await serve(app);
  const browser = new Browser(server.url);
  await browser.fetch(`${PATH}/begin?to=/one`);
  await browser.fetch(`${PATH}/begin?to=/two`);
  const [one, two] = begun;
  expect(await find(browser, one)).toEqual({ status: "begun", attempt: one });
  expect(await find(browser, two)).toEqual({ status: "begun", attempt: two });
  expect(one).toMatchObject({ returnTo: "/one", otherAccount: true, automatic: false });
  expect(await find(browser, { state: "another" })).toEqual({
    status: "unknown",
    outcome: "none",
  });
});

// ASVS 3.3.3
test("its cookie is small, for this host only, and reveals none of its secrets", async () => {
  for (const cookieSecure of [false, true]) {
    const { app, begun } = store({ cookieSecure });
    await using server = await serve(app);
    const response = await new Browser(server.url).fetch(`${PATH}/begin?to=/notes`);
    const cookie = response.headers.getSetCookie().join();
    const name = cookieSecure ? "__Host-sign-in" : "sign-in";
    expect(cookie).toMatch(new RegExp(`^${name}-${NOW}-[\\w-]{12}=v1\\.`));
    expect(cookie).toMatch(/; Max-Age=600; Path=\/; .*HttpOnly; (?:Secure; )?SameSite=Lax$/);
    expect(cookie.includes("; Secure;")).toBe(cookieSecure);
    expect(cookie.split(";")[0]?.length).toBeLessThan(300);
    const { state, nonce, verifier, seed } = begun[0] as Attempt;
    expect(new Set([state, nonce, verifier, seed]).size).toBe(4);
    for (const secret of [state, nonce, verifier, seed]) {
      expect(secret).toMatch(/^[\w-]{43}(?:\.v1\.[\w-]+\.[\w-]+)?$/);
      expect(cookie).not.toContain(secret);
    }
  }
});

test("eight attempts are kept, and another one replaces the oldest", async () => {
  let now = NOW;
  const { app, begun } = store({ now: () => now });
  await using server = await serve(app);
  const browser = new Browser(server.url);
  for (let count = 0; count <= MAX_ATTEMPTS; count++) {
    await browser.fetch(`${PATH}/begin?to=/${count}`);
    now += 1;
  }
  expect(MAX_ATTEMPTS).toBe(8);
  expect(attemptCookies(browser).size).toBe(MAX_ATTEMPTS);
  const [oldest, ...others] = begun;
  expect(await find(browser, oldest)).toMatchObject({ status: "unknown" });
  for (const other of others) expect(await find(browser, other)).toMatchObject({ attempt: other });
});

test("of nine that begin within a second, the first is given up", async () => {
  const { app, begun } = store();
  await using server = await serve(app);
  const browser = new Browser(server.url);
  for (let count = 0; count <= MAX_ATTEMPTS; count++) await browser.fetch(`${PATH}/begin`);
  const found = await Promise.all(begun.map((attempt) => find(browser, attempt)));
  const expected = ["unknown", ...Array<string>(MAX_ATTEMPTS).fill("begun")];
  expect(found.map(({ status }) => status)).toEqual(expected);
});

const LONGEST = `/${"a".repeat(MAX_RETURN_TO_LENGTH - 1)}`;

// ASVS 3.3.5
test("the cookies of eight take less than 2 kB, and each is found with its path, however long and in whichever order they begin", async () => {
  const path = fc.integer({ min: 1, max: MAX_RETURN_TO_LENGTH });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(path, fc.constant(MAX_RETURN_TO_LENGTH)), { minLength: 8, maxLength: 8 }),
      fc.boolean(),
      async (lengths, atOnce) => {
        const { app, begun } = store({ cookieSecure: true });
        await using server = await serve(app);
        const browser = new Browser(server.url);
        const landings = [];
        for (const length of lengths) {
          const to = LONGEST.slice(0, length);
          const landing = await browser.send(`${PATH}/begin?${new URLSearchParams({ to })}`);
          if (atOnce) landings.push(landing);
          else browser.receive(landing);
        }
        for (const landing of landings) browser.receive(landing);
        expect(header(browser).length).toBeLessThan(2_000);
        for (const attempt of begun)
          expect(await find(browser, attempt)).toMatchObject({ attempt });
        expect(begun.map(({ returnTo }) => returnTo.length)).toEqual(lengths);
      },
    ),
    { numRuns: 10 },
  );
});

test("the state hides its path, and is of no use with another's", async () => {
  const { app, begun } = store();
  await using server = await serve(app);
  const browser = new Browser(server.url);
  await browser.fetch(`${PATH}/begin?to=/one`);
  await browser.fetch(`${PATH}/begin?to=/two`);
  await browser.fetch(`${PATH}/begin?to=/`);
  const [one, two, start] = begun.map(({ state }) => state.split(/\.(.*)/s));
  expect(start).toHaveLength(1);
  const states = [`${one?.[0]}.${two?.[1]}`, `${one?.[0]}`, `${begun[0]?.state}A`];
  for (const state of states) {
    expect(await find(browser, { state })).toEqual({ status: "unknown", outcome: "none" });
  }
  const decoded = begun.map(({ state }) => Buffer.from(state, "base64url").toString("latin1"));
  for (const text of [...decoded, ...begun.map(({ state }) => state)]) {
    expect(text).not.toMatch(/one|two/);
  }
});

test("each attempt expires on its own, and the next one clears its cookie", async () => {
  let now = NOW;
  const { app, begun } = store({ now: () => now });
  await using server = await serve(app);
  const browser = new Browser(server.url);
  await browser.fetch(`${PATH}/begin`);
  now += 100;
  await browser.fetch(`${PATH}/begin`);
  now = NOW + ATTEMPT_LIFETIME - 1;
  expect(await find(browser, begun[0])).toMatchObject({ status: "begun" });
  now += 1;
  expect(await find(browser, begun[0])).toEqual({ status: "unknown", outcome: "expired" });
  expect(await find(browser, begun[1])).toMatchObject({ status: "begun" });
  await browser.fetch(`${PATH}/begin`);
  expect(attemptCookies(browser).size).toBe(2);
});

test("a finished attempt is recognized without its secrets, and expires on time", async () => {
  let now = NOW;
  const { app, begun } = store({ now: () => now });
  await using server = await serve(app);
  const browser = new Browser(server.url);
  await browser.fetch(`${PATH}/begin`);
  now += 100;
  const response = await browser.fetch(`${PATH}/finish?state=${begun[0]?.state}`);
  expect(response.headers.getSetCookie().join()).toContain("Max-Age=500");
  const purpose = { returnTo: "/page", otherAccount: true, automatic: false };
  expect(await find(browser, begun[0])).toEqual({ status: "done", purpose });
  expect(attemptCookies(browser).size).toBe(1);
});

test("a cookie that does not open is ignored, and the reason is logged", async () => {
  const { app, begun } = store();
  await using server = await serve(app);
  const browser = new Browser(server.url);
  await browser.fetch(`${PATH}/begin`);
  const { cookies } = browser;
  const [[name = "", token = ""] = []] = [...attemptCookies(browser)];
  cookies.set(name, `${token.slice(0, -5)}AAAAA`);
  expect(await find(browser, begun[0])).toEqual({ status: "unknown", outcome: "tampered" });
  cookies.set(name, "nonsense");
  expect(await find(browser, begun[0])).toEqual({ status: "unknown", outcome: "malformed" });
  const other = store({ environment: "dev" });
  await using dev = await serve(other.app);
  const cookie = `${name}=${token}`;
  const response = await fetch(`${dev.url}${PATH}/find?state=${begun[0]?.state}`, {
    headers: { cookie },
  });
  expect(await response.json()).toEqual({ status: "unknown", outcome: "tampered" });
});

test("one attempt's cookie under another's name does not open", async () => {
  const { app, begun } = store();
  await using server = await serve(app);
  const browser = new Browser(server.url);
  await browser.fetch(`${PATH}/begin`);
  await browser.fetch(`${PATH}/begin`);
  const { cookies } = browser;
  const [[one = ""] = [], [, token = ""] = []] = [...attemptCookies(browser)];
  cookies.set(one, token);
  expect(await find(browser, begun[0])).toEqual({ status: "unknown", outcome: "tampered" });
});

test("any number of attempts and invented cookie names needs one key only", async () => {
  const sealer = sealerAt(() => NOW);
  const names = new Set<string>();
  const { app } = store({
    sealer: {
      ...sealer,
      seal(name, ...rest) {
        names.add(name);
        return sealer.seal(name, ...rest);
      },
      open(name, ...rest) {
        names.add(name);
        return sealer.open(name, ...rest);
      },
    },
  });
  await using server = await serve(app);
  const browser = new Browser(server.url);
  await browser.fetch(`${PATH}/begin`);
  await browser.fetch(`${PATH}/begin`);
  const [token = ""] = attemptCookies(browser).values();
  const tag = hash("sha256", "made up", "base64url").slice(0, 12);
  browser.cookies.set(`sign-in-1-${tag}`, token);
  const found = await find(browser, { state: "made up" });
  expect(found).toEqual({ status: "unknown", outcome: "tampered" });
  expect([...names]).toEqual(["sign-in"]);
});

test("a cookie of another version of the service is not an attempt", async () => {
  const { app, begun } = store();
  await using server = await serve(app);
  const browser = new Browser(server.url);
  await browser.fetch(`${PATH}/begin`);
  const [name = ""] = attemptCookies(browser).keys();
  for (const data of [{}, { f: 7 }, { r: "/page" }, { returnTo: "/page" }]) {
    const token = sealerAt(() => NOW).seal("sign-in", { iat: NOW, exp: NOW + 1, data }, name);
    browser.cookies.set(name, token);
    expect(await find(browser, begun[0])).toEqual({ status: "unknown", outcome: "malformed" });
  }
});

test("while the key can't be read, the response is 503 and the cookie stays", async () => {
  const sealer = {
    ...sealerAt(() => NOW),
    open: () => ({ outcome: "key_unavailable", kid: "7", retryAfter: 3 }) as const,
  };
  const attempts = createAttempts({ sealer, cookieSecure: false, clock: () => NOW });
  let state: string | undefined;
  const { app } = sessionApp({}, (routes) => {
    routes.get("/login/begin", (req, res) => {
      const attempt = attempts.create(req, {
        ...{ returnTo: "/page", otherAccount: false, automatic: false },
      });
      state = attempt.state;
      attempts.keep(req, res, attempt);
      res.end();
    });
    routes.get("/login/find", async (req, res) => {
      res.json(await attempts.find(req, state ?? ""));
    });
  });
  await using server = await serve(app);
  const browser = new Browser(server.url);
  await browser.fetch("/login/begin");
  const response = await browser.fetch("/login/find");
  expect([response.status, response.headers.get("retry-after")]).toEqual([503, "3"]);
  expect(response.headers.getSetCookie()).toEqual([]);
  expect(attemptCookies(browser).size).toBe(1);
});
