import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { RequestHandler } from "express";
import { application } from "../../../../service/application.ts";
import { startProvider } from "../../../service/login/application.ts";
import { endedHere } from "../../../support/endedHere.ts";
import { serve } from "../../../support/httpServer.ts";
import { runJson } from "./support/run.ts";
import { cookies, headers, type InstanceOptions, instance, instead, site } from "./support/site.ts";

let provider: Awaited<ReturnType<typeof startProvider>>;
beforeAll(async () => {
  provider = await startProvider();
});
afterAll(() => provider.close());

/** Verifies a site of three instances with one fault. */
async function verify(options: Partial<InstanceOptions>, args = ["--requests", "12"]) {
  const three = ["one", "two", "three"].map((name) =>
    instance({ oidc: provider.oidc, instance: name, ...options }),
  );
  await using broken = await site(...three);
  return await runJson([broken.url, ...args]);
}

test("reports nothing at a correct site", async () => {
  const { status, json, failed, skipped } = await verify({});
  expect(failed).toEqual([]);
  expect(status).toBe(0);
  expect(json).toMatchObject({ ok: true, session: "made" });
  expect(json.instances.map((tally) => tally.instance)).toEqual(["one", "three", "two"]);
  expect(skipped).toEqual(["strict-transport", "https"]);
});

test.each<[what: string, check: string, cause: string, damage: RequestHandler]>([
  [
    "a cookie that scripts can read",
    "session-cookie",
    "Scripts in the page can read the cookie",
    cookies((line) => (line.startsWith("session=") ? line.replace(/; httponly/i, "") : line)),
  ],
  [
    "a sign-in cookie that other sites may use",
    "sign-in-cookie",
    "other sites make",
    cookies((line) =>
      line.startsWith("sign-in-") ? line.replace(/SameSite=Lax/i, "SameSite=None") : line,
    ),
  ],
  [
    "a cookie for all hosts of a domain",
    "session-cookie",
    "other hosts get it",
    cookies((line) => (line.startsWith("session=") ? `${line}; Domain=localhost` : line)),
  ],
  [
    "a cookie that browsers drop",
    "cookie-size",
    "Browsers drop a cookie of more than 4096 bytes",
    cookies((line) =>
      line.startsWith("session=") ? `${line}; Comment=${"x".repeat(4096)}` : line,
    ),
  ],
  [
    "a session that ends with the browser",
    "lifetime",
    "when the browser is closed",
    cookies((line) =>
      line.startsWith("session=ey") ? line.replace(/; (max-age|expires)=[^;]*/gi, "") : line,
    ),
  ],
  [
    "a policy that lets injected scripts run",
    "content-security-policy",
    "can run there",
    headers((set, get) => {
      const policy = get("content-security-policy");
      set("content-security-policy", policy.replace("script-src", "script-src 'unsafe-inline'"));
    }),
  ],
  [
    "pages that others may frame",
    "content-security-policy",
    "frame",
    headers((set, get) => {
      const policy = get("content-security-policy");
      set("content-security-policy", policy.replace(/frame-ancestors [^;]*/, "frame-ancestors *"));
    }),
  ],
  [
    "a service that reveals its framework",
    "headers",
    "what the service is made with",
    headers((set) => set("x-powered-by", "Express")),
  ],
  [
    "cacheable responses",
    "caching",
    "A cache may keep what one user sees",
    headers((set) => set("cache-control", "public, max-age=60")),
  ],
  [
    "a clock that is ahead",
    "clock",
    "clock",
    headers((set) => set("date", new Date(Date.now() + 600_000).toUTCString())),
  ],
  [
    "401 as a page",
    "unauthorized",
    "no problem document",
    instead(
      (_method, path, cookie) => path === application.api && cookie === undefined,
      (res) => {
        res.set("cache-control", "no-store").set("x-content-type-options", "nosniff");
        res.set("referrer-policy", "same-origin").status(401).type("html").send("<p>Sign in.");
      },
    ),
  ],
  [
    "an API that is open to everyone",
    "unauthorized",
    "does not ask for a session",
    instead(
      (_method, path, cookie) => path === application.api && cookie === undefined,
      (res) => {
        res.set("cache-control", "no-store").set("x-content-type-options", "nosniff");
        res.set("referrer-policy", "same-origin").json({});
      },
    ),
  ],
  [
    "cross-site requests that are accepted",
    "csrf",
    "Requests that other sites can make are not refused",
    instead(
      (method, path) => method === "POST" && path === application.api,
      (res) => void res.set("cache-control", "no-store").json({}),
    ),
  ],
  [
    "a forged cookie that causes a server error",
    "forgeries",
    "taken for a fault of the service",
    (req, res, next) => {
      if (req.headers.cookie?.includes("not-a-session")) res.sendStatus(500);
      else next();
    },
  ],
  [
    "a forged cookie that is accepted",
    "forgeries",
    "is accepted",
    instead(
      (_method, _path, cookie) => cookie === "session=not-a-session",
      (res) => void res.json({}),
    ),
  ],
  [
    "a forged cookie that is cleared",
    "forgeries",
    "Clearing a cookie",
    (req, res, next) => {
      if (req.headers.cookie === "session=not-a-session") {
        res.status(401).clearCookie("session").json({});
      } else next();
    },
  ],
  [
    "a sign-out that clears nothing",
    "logout",
    "does not make the browser forget",
    instead(
      (method, path) => method === "POST" && path === "/logout",
      (res) => void res.set("cache-control", "no-store").redirect(303, "/"),
    ),
  ],
  [
    "an instance that is not ready",
    "health",
    "SECRET_KEY can't be read, or is shorter than 32 characters",
    instead(
      (_method, path) => path === "/health/ready",
      (res) => void res.status(503).json({ status: "not ready", reason: "no key is enabled" }),
    ),
  ],
  [
    "pages that don't lead to sign-in",
    "page-redirect",
    "don't send people",
    instead(
      (_method, path, cookie) => path === application.home && cookie === undefined,
      (res) =>
        void res.set("cache-control", "no-store").redirect("https://elsewhere.example/login"),
    ),
  ],
  [
    "a front end that hides which instance answers",
    "instances",
    "X-Instance is missing",
    (_req, res, next) => {
      const set = res.setHeader.bind(res);
      res.setHeader = (name, value) => (name === "X-Instance" ? res : set(name, value));
      next();
    },
  ],
])("reports %s", async (_what, check, cause, damage) => {
  const { status, failed, text } = await verify({ damage });
  expect(status).toBe(1);
  expect(failed).toContain(check);
  expect([check, ...(BESIDES[check] ?? [])]).toEqual(expect.arrayContaining([...failed]));
  expect(text(check)).toContain(cause);
});

/** Findings that necessarily follow. */
const BESIDES: Record<string, readonly string[]> = {
  unauthorized: ["content-security-policy"],
};

test("reports sessions that are too short", async () => {
  const { failed, text } = await verify({ lifetime: 60 });
  expect(failed).toEqual(["lifetime"]);
  expect(text("lifetime")).toContain("PERMANENT_SESSION_LIFETIME is short");
  expect(text("lifetime")).toContain(
    "`npx pulumi config set --stack STACK sessionLifetime 604800`, " +
      "then `npx pulumi up --stack STACK`",
  );
});

test("reports sessions that outlast their cookie in browsers", async () => {
  const { failed, text } = await verify({ lifetime: 40_000_000 });
  expect(failed).toEqual(["lifetime"]);
  expect(text("lifetime")).toContain("--stack STACK sessionLifetime 34560000`");
});

test("reports sessions in files of each instance", async () => {
  const { failed, skipped, text, json } = await verify({ sessionType: "filesystem" });
  expect(failed).toEqual(["sessions"]);
  expect(text("sessions")).toContain("SESSION_TYPE=filesystem");
  expect(skipped).toEqual(expect.arrayContaining(["csrf", "logout"]));
  expect(json.instances.filter(({ refused }) => refused > 0)).toHaveLength(2);
});

test("reports instances with different keys", async () => {
  const [one, two] = ["one", "two"].map((name) =>
    instance({ oidc: provider.oidc, instance: name, secret: name.repeat(20) }),
  );
  let turn = 0;
  await using broken = await serve((req, res) => {
    const signIn = req.url?.startsWith("/login") || turn++ % 2 === 0;
    return signIn ? one?.(req, res) : two?.(req, res);
  });
  const { failed, text, json } = await runJson([broken.url, "--instances", "2"]);
  expect(failed).toContain("sessions");
  expect(text("sessions")).toContain("The instances don't share one SECRET_KEY: only one can open");
  expect(json.instances).toEqual([
    { instance: "one", requests: expect.any(Number), refused: 0 },
    { instance: "two", requests: expect.any(Number), refused: expect.any(Number) },
  ]);
});

test("reports Secure cookies at an http site", async () => {
  const { failed, skipped, text } = await verify({ cookieSecure: true });
  expect(failed).toEqual(["sign-in"]);
  expect(text("sign-in")).toContain("SESSION_COOKIE_SECURE is true");
  expect(skipped).toContain("sessions");
});

test("reports that sign-in is not set up", async () => {
  const { failed, text } = await verify({ oidc: undefined });
  expect(failed).toEqual(["sign-in"]);
  expect(text("sign-in")).toContain("--stack STACK oidcIssuer ISSUER`");
  expect(text("sign-in")).toContain("--stack STACK --secret oidcClientSecret`");
});

test("does not claim that sessions work between instances if only one answered", async () => {
  await using single = await site(instance({ oidc: provider.oidc, instance: "only" }));
  const unasked = await runJson([single.url]);
  expect(unasked.skipped).toContain("instances");
  expect(unasked.status).toBe(0);
  const asked = await runJson([single.url, "--instances", "2"]);
  expect(asked.failed).toEqual(["instances"]);
  expect(asked.text("instances")).toContain("--requests");
  expect(asked.text("instances")).toContain("--stack STACK minInstances 2`");
});

test("sends at most the given number of requests", async () => {
  const { json } = await verify({}, ["--requests", "1", "--instances", "50"]);
  const few = json.requests;
  const more = await verify({}, ["--requests", "120", "--instances", "50"]);
  expect(more.json.requests - few).toBeGreaterThan(80);
  expect(more.json.requests - few).toBeLessThan(180);
});

/** Verifies a site that loses some of the API's responses. */
async function verifyLossy(isLost: (asked: number) => boolean) {
  await using lossy = await site(instance({ oidc: provider.oidc }));
  let asked = 0;
  let doing: string | undefined;
  const { text } = await runJson([lossy.url, "--requests", "200", "--instances", "50"], {
    progress: (text) => {
      doing = text;
    },
    fetch: async (url, init) => {
      const counts = /^(checking API|asking the API)/.test(doing ?? "");
      if (counts && isLost(asked++)) {
        throw new TypeError("fetch failed", { cause: { code: "ECONNRESET" } });
      }
      return fetch(url, init);
    },
  });
  return { asked, text };
}

test("continues if single responses are lost", async () => {
  const { asked, text } = await verifyLossy((asked) => asked % 5 === 4);
  expect(asked).toBeGreaterThanOrEqual(200);
  expect(text("server-errors")).toContain("40 x no answer (CONNECTION_LOST)");
});

test("stops soon if no response arrives any more", async () => {
  const { asked } = await verifyLossy(() => true);
  expect(asked).toBeLessThan(60);
});

test("a lost response fails the check that sent the request, and no other", async () => {
  await using running = await site(instance({ oidc: provider.oidc }));
  const { failed, text } = await runJson([running.url, "--requests", "12"], {
    fetch: async (url, init) => {
      if (String(url).endsWith("/logout")) {
        throw new TypeError("fetch failed", { cause: { code: "ECONNRESET" } });
      }
      return fetch(url, init);
    },
  });
  expect(failed).toEqual(["logout"]);
  expect(text("logout")).toContain("POST /logout: no answer (CONNECTION_LOST)");
  expect(text("logout")).toContain("Requests failed in the service or on the way to it.");
  expect(text("logout")).not.toContain("does not make the browser forget");
});

test("reports instances that don't learn of each other's sign-outs", async () => {
  const two = ["one", "two"].map((name) =>
    instance({
      oidc: provider.oidc,
      instance: name,
      ended: endedHere(() => Math.floor(Date.now() / 1000)),
    }),
  );
  await using broken = await site(...two);
  const begun = Date.now();
  // A minute of the clock takes a second.
  const clock = () => begun + 60 * (Date.now() - begun);
  const { failed, text } = await runJson([broken.url, "--requests", "12"], { clock });
  expect(failed).toContain("logout");
  expect(text("logout")).toMatch(/a copy of the cookie still works at (one|two)"/);
});
