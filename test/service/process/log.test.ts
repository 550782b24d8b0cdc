import { get } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { LOG_LEVELS } from "../../../service/contract/serviceSettings.ts";
import type { SessionKeys } from "../../../service/keys/sessionKeys.ts";
import { createStaticKeys } from "../../../service/keys/static.ts";
import { createLog } from "../../../service/process/log.ts";
import { ada } from "../../local/identity/users.ts";
import { Browser } from "../../support/browser.ts";
import { type RunningServer, serve } from "../../support/httpServer.ts";
import { SECRET } from "../../support/sessionApp.ts";
import { answerOfProvider, attemptCookies, Visitor } from "../../support/signIn.ts";
import { CLIENT, startProvider } from "../login/application.ts";
import { INSTANCE, PROJECT, type WebApp, type WebAppOptions, webApp } from "../webApp.ts";

/** Values of Cloud Logging's LogSeverity. */
const SEVERITIES = { trace: "DEBUG", debug: "DEBUG", info: "INFO", warn: "WARNING" };

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";
const TRACEPARENT = `00-${TRACE}-${SPAN}-01`;

/** The whole web service, and the log lines of its requests. */
async function start(options: WebAppOptions = {}) {
  const web = webApp(options);
  const server = await serve(web.listener);
  return { ...web, ...server, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

async function lastLine(web: Pick<WebApp, "lines">) {
  return (await web.lines()).at(-1);
}

test("each level is logged as a severity of Cloud Logging, and lower levels are omitted", () => {
  const lines: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line)) };
  const log = createLog({ level: "trace", destination });
  for (const level of LOG_LEVELS) log[level as "info"]({ event: level }, `a ${level} line`);
  expect(lines).toEqual(
    LOG_LEVELS.map((level) => ({
      severity: { ...SEVERITIES, error: "ERROR", fatal: "CRITICAL" }[level],
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      event: level,
      message: `a ${level} line`,
    })),
  );
  lines.length = 0;
  const quiet = createLog({ level: "warn", destination });
  quiet.info("not this");
  quiet.error("but this");
  expect(lines.map(({ message }) => message)).toEqual(["but this"]);
});

test("each entry is one line, whatever it contains", () => {
  const lines: string[] = [];
  const log = createLog({ level: "info", destination: { write: (line) => void lines.push(line) } });
  log.info({ event: 'a\nb"c', err: new Error("over\nlines") }, 'd\r\ne" \u2028');
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^[^\n]*\n$/);
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({ event: 'a\nb"c', message: 'd\r\ne" \u2028' });
});

test("a request's line has the request, the response, the client and the session's outcome", async () => {
  await using web = await start();
  const headers = {
    "user-agent": "a browser",
    "x-forwarded-for": "203.0.113.9",
    traceparent: TRACEPARENT,
  };
  await fetch(`${web.url}/api/note?secret=hunter2`, { headers });
  expect(await web.lines()).toEqual([
    {
      severity: "INFO",
      time: expect.any(String),
      httpRequest: {
        requestMethod: "GET",
        requestUrl: "/api/note",
        status: 401,
        latency: expect.stringMatching(/^\d+\.\d{6}s$/),
        remoteIp: "203.0.113.9",
        userAgent: "a browser",
      },
      instance: INSTANCE,
      session: "none",
      "logging.googleapis.com/trace": `projects/${PROJECT}/traces/${TRACE}`,
      "logging.googleapis.com/spanId": SPAN,
      message: "GET /api/note 401",
    },
  ]);
});

test.each(["info", "error"])(
  "at the level %s, the line of a refused prefetch says so, and that of another 503 does not",
  async (level) => {
    const keys: SessionKeys = {
      ...createStaticKeys(SECRET),
      readiness: () => ({ ready: false, code: "KEYS_NOT_READ_YET" }),
    };
    await using web = await start({ level, keys });
    const lineOf = async (path: string, headers = {}) => {
      const before = (await web.lines()).length;
      await fetch(`${web.url}${path}`, { headers });
      return (await web.lines()).slice(before).filter((line) => "httpRequest" in line);
    };
    expect(await lineOf("/login", { "sec-purpose": "prefetch" })).toMatchObject([
      { event: "prefetch_refused", httpRequest: { requestUrl: "/login", status: 503 } },
    ]);
    const [line] = await lineOf("/health/ready");
    expect(line).toMatchObject({ httpRequest: { status: 503 } });
    expect(line).not.toHaveProperty("event");
  },
);

test("a request's lines stay below 2 kB, whatever the client sends", async () => {
  await using web = await start();
  const headers = { "user-agent": '"'.repeat(6_000), traceparent: TRACEPARENT };
  for (const path of [`/${"a".repeat(7_000)}`, `/api/${'"'.repeat(7_000)}`]) {
    const before = (await web.lines()).length;
    await fetch(`${web.url}${path}`, { headers });
    const written = (await web.lines()).slice(before).map((line) => JSON.stringify(line));
    expect(written.join("").length).toBeLessThan(2_000);
  }
});

describe("the trace", () => {
  test.each([
    "",
    "nonsense",
    `00-${TRACE}-${SPAN}`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${TRACE.slice(1)}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}x-01`,
    `${TRACE}/1;o=1`,
  ])("is left out if traceparent is %j", async (traceparent) => {
    await using web = await start();
    await fetch(web.url, { headers: { traceparent } });
    expect(Object.keys((await lastLine(web)) ?? {}).filter((key) => key.includes("/"))).toEqual([]);
  });

  test("is omitted without a project", async () => {
    await using web = await start({ project: undefined });
    await fetch(web.url, { headers: { traceparent: TRACEPARENT } });
    expect(JSON.stringify(await web.lines())).not.toContain(TRACE);
  });

  test("links an error's line to its request", async () => {
    const keys = {
      ...createStaticKeys(SECRET),
      refresh: () => Promise.reject(new Error("broken")),
    };
    await using web = await start({ keys });
    await fetch(web.url, { headers: { traceparent: TRACEPARENT } });
    const [error, request, ...others] = await web.lines();
    expect(others).toEqual([]);
    expect(error).toMatchObject({ severity: "ERROR", message: "GET / failed" });
    expect(request).toMatchObject({ severity: "ERROR", message: "GET / 500" });
    for (const line of [error, request]) {
      expect(line).toMatchObject({
        "logging.googleapis.com/trace": `projects/${PROJECT}/traces/${TRACE}`,
      });
    }
  });
});

test("health probes are logged at level debug", async () => {
  await using web = await start();
  await fetch(`${web.url}/health/live`);
  expect(await lastLine(web)).toMatchObject({ severity: "DEBUG" });
  await using usual = await start({ level: "info" });
  await fetch(`${usual.url}/health/live`);
  expect(await usual.lines()).toEqual([]);
});

test("a client that disconnects before the response is logged as aborted", async () => {
  const asked = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  const keys = {
    ...createStaticKeys(SECRET),
    refresh: () => {
      asked.resolve();
      return go.promise;
    },
  };
  await using web = await start({ keys });
  const request = get(web.url).on("error", () => {});
  await asked.promise;
  await new Promise((resolve) => request.once("close", resolve).destroy());
  expect(await lastLine(web)).toMatchObject({
    severity: "INFO",
    aborted: true,
    message: "GET / 200 (client left)",
  });
  go.resolve();
});

describe("the log of a whole visit", () => {
  let provider: Awaited<ReturnType<typeof startProvider>>;
  let web: Awaited<ReturnType<typeof start>>;
  let site: RunningServer;
  /** Secrets that must not be in the log, by description. */
  const secrets = new Map<string, string>();

  beforeAll(async () => {
    provider = await startProvider();
    web = await start({ oidc: provider.oidc });
    site = web;
    const visitor = new Visitor(site.url);
    const callback = new URL(await answerOfProvider(visitor, ada, "/notes?private=hunter2"));
    secrets.set("the sign-in's cookie", [...attemptCookies(visitor).values()].join());
    for (const name of ["code", "state"]) {
      secrets.set(`the callback's ${name}`, callback.searchParams.get(name) ?? "");
    }
    await visitor.fetch(callback.href);
    await visitor.fetch("/notes?private=hunter2");
    const csrf = await visitor.csrfToken();
    const headers = { "content-type": "application/json", "x-csrf-token": csrf };
    const body = '{"note":"the note is private"}';
    await visitor.fetch("/api/note", { method: "PUT", headers, body });
    const session = visitor.cookies.get("session") ?? "";
    secrets.set("the session's cookie", session);
    const { sealed } = JSON.parse(Buffer.from(session, "base64").toString()) as { sealed: string };
    secrets.set("the sealed token", sealed);
    for (const part of sealed.split(".").slice(2)) secrets.set("the token's content", part);
    secrets.set("what the application keeps", "the note is private");
    secrets.set("the CSRF token", csrf);
    secrets.set("the key", SECRET);
    secrets.set("the client secret", CLIENT.clientSecret);
    secrets.set("the e-mail address", ada.email);
    secrets.set("the query", "hunter2");
    // Requests that fail, with the same secrets.
    await visitor.fetch(callback.href);
    await new Browser(site.url).fetch(callback.href);
    await new Browser(site.url, { headers: { cookie: `session=${session}x` } }).fetch("/api/note");
    await visitor.fetch("/logout", { method: "POST", headers, body: "" });
  });

  afterAll(async () => {
    await web[Symbol.asyncDispose]();
    await provider.close();
  });

  test("contains none of its secrets, even in part", async () => {
    const log = (await web.written()).join("");
    expect(secrets.size).toBe(12);
    for (const [what, secret] of secrets) {
      expect([what, secret.length > 6]).toEqual([what, true]);
      for (const part of [secret, secret.slice(0, 24), secret.slice(-24)]) {
        expect([what, log.includes(part)]).toEqual([what, false]);
      }
    }
    expect(log).not.toMatch(/[?&](?:code|state|token|returnTo)=/);
  });

  test("contains each session's outcome, key and age", async () => {
    const outcomes = new Set(
      (await web.lines()).flatMap(({ session }) => (session === undefined ? [] : [session])),
    );
    expect(outcomes).toEqual(new Set(["none", "ok", "malformed"]));
    const served = (await web.lines()).find(({ session }) => session === "ok");
    expect(served).toMatchObject({
      kid: createStaticKeys(SECRET).signer()?.kid,
      session_age: expect.any(Number),
    });
  });

  test("contains who signed in, by the provider's opaque id", async () => {
    expect(await web.lines()).toContainEqual(
      expect.objectContaining({ event: "signed_in", user_id: ada.sub, severity: "INFO" }),
    );
  });
});
