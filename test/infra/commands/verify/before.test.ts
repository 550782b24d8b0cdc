import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { Express } from "express";
import { startProvider } from "../../../service/login/application.ts";
import { signIn } from "../../../support/signIn.ts";
import { run, runJson } from "./support/run.ts";
import {
  behindTls,
  headers,
  type InstanceOptions,
  instance,
  type Site,
  site,
  versions,
} from "./support/site.ts";

let provider: Awaited<ReturnType<typeof startProvider>>;
let folder: string;
beforeAll(async () => {
  provider = await startProvider();
  folder = mkdtempSync(join(tmpdir(), "phoenix-verify-"));
});
afterAll(async () => {
  await provider.close();
  rmSync(folder, { recursive: true, force: true });
});

let files = 0;
function newFile(): string {
  return join(folder, `${files++}.json`);
}

function three(options: Partial<InstanceOptions>): Express[] {
  return [1, 2, 3].map(() => instance({ oidc: provider.oidc, ...options }));
}

const FEW = ["--requests", "12"];

async function save(running: Site, file: string): Promise<void> {
  const { status } = await run([running.url, "--save", file, ...FEW]);
  expect(status).toBe(0);
}

/** Verifies a site, deploys another version at the same address, and verifies again. */
async function deployment(
  before: Partial<InstanceOptions>,
  after: Partial<InstanceOptions> | readonly Express[],
) {
  await using running = await site(...three(before));
  const file = newFile();
  await save(running, file);
  const next = Array.isArray(after) ? after : three(after as Partial<InstanceOptions>);
  running.deploy(...next);
  return await runJson([running.url, "--before", file, ...FEW]);
}

test("a session from before a deployment that changes nothing works on every new instance", async () => {
  const { status, failed, skipped, text } = await deployment({}, {});
  expect(failed).toEqual([]);
  expect(status).toBe(0);
  expect(skipped).toEqual(["strict-transport", "https"]);
  expect(text("earlier-session")).toContain("works on 3 instances");
  expect(text("instances-replaced")).toContain("3 now, all of them new");
});

test("a rotation loses no session, and is not reported as a changed key", async () => {
  const { failed } = await deployment({ keys: versions(1) }, { keys: versions(1, 2) });
  expect(failed).toEqual([]);
});

test.each<
  [what: string, cause: string, before: Partial<InstanceOptions>, after: Partial<InstanceOptions>]
>([
  [
    "a value of SECRET_KEY that changed",
    "SECRET_KEY changed between the deployments",
    {},
    { secret: "another secret of thirty-two characters" },
  ],
  [
    "a value of SECRET_KEY that became a secret",
    "SECRET_KEY changed between the deployments",
    {},
    { keys: versions(1) },
  ],
  [
    "a version of SECRET_KEY that was disabled",
    "Version 1 of SECRET_KEY, which sealed the session, is disabled or destroyed; version 2 seals now.",
    { keys: versions(1) },
    { keys: versions(2) },
  ],
  [
    "a secret that was recreated",
    "SECRET_KEY was made anew",
    { keys: versions(1, 2, 3) },
    { keys: versions(1) },
  ],
  [
    "an environment of another name",
    "the environment's name changed",
    { environment: "dev" },
    { environment: "development" },
  ],
  [
    "an environment of another name, with the same secret",
    "the environment's name changed (ENVIRONMENT, the stack), or SECRET_KEY names another secret",
    { environment: "dev", keys: versions(1) },
    { environment: "development", keys: versions(1) },
  ],
  [
    "sessions in files that came with the deployment",
    "SESSION_TYPE=filesystem keeps a session in a file",
    {},
    { sessionType: "filesystem" },
  ],
])("names %s as the cause of lost sessions", async (_what, cause, before, after) => {
  const { status, failed, text } = await deployment(before, after);
  expect(status).toBe(1);
  expect(failed).toContain("earlier-session");
  expect(text("earlier-session")).toContain(cause);
  // Nothing else fails, except that sessions are lost.
  expect(failed.filter((id) => id !== "sessions")).toEqual(["earlier-session"]);
});

test("reports instances with different keys", async () => {
  const half = [
    instance({ oidc: provider.oidc, keys: versions(1, 2), instance: "new" }),
    instance({ oidc: provider.oidc, keys: versions(2), instance: "odd" }),
  ];
  const { failed, text } = await deployment({ keys: versions(1) }, half);
  expect(failed).toEqual(["earlier-session"]);
  expect(text("earlier-session")).toContain("don't share one SECRET_KEY: only new can open");
});

test("reports a shortened lifetime", async () => {
  const { failed, text } = await deployment({ lifetime: 604_800 }, { lifetime: 86_400 });
  expect(failed).toEqual(["lifetime-kept"]);
  expect(text("lifetime-kept")).toContain("7 days before, 24 h now");
  expect(text("lifetime-kept")).toContain("--stack STACK sessionLifetime 604800`");
});

test("names a shortened lifetime as the cause of a lost session that is older", async () => {
  await using running = await site(...three({ lifetime: 604_800 }));
  const file = newFile();
  await save(running, file);
  const saved = JSON.parse(readFileSync(file, "utf8"));
  const made = saved.savedAt - 7_200;
  writeFileSync(file, JSON.stringify({ ...saved, savedAt: made }), { mode: 0o600 });
  // Another key refuses the session, so that the test doesn't have to wait.
  running.deploy(...three({ lifetime: 3_600, secret: "another secret of thirty-two characters" }));
  const { text } = await runJson([running.url, "--before", file, ...FEW]);
  expect(text("earlier-session")).toContain("PERMANENT_SESSION_LIFETIME was shortened to 3600 s");
  expect(text("earlier-session")).toContain("--stack STACK sessionLifetime 604800`");
});

test("prints the command that enables a disabled version", async () => {
  const { text } = await deployment({ keys: versions(1) }, { keys: versions(2) });
  expect(text("earlier-session")).toContain(
    "`gcloud secrets versions enable 1 --secret SECRET --project PROJECT`",
  );
  expect(text("earlier-session")).toContain("`npm run rotate -- --stack STACK`");
});

test("reports missing security headers", async () => {
  const damage = headers((set, get) => {
    if (get("x-frame-options") !== "") set("x-frame-options", "DENY");
  });
  const before = { damage };
  const after: Partial<InstanceOptions> = {
    damage: (_req, res, next) => {
      const write = res.writeHead.bind(res);
      res.writeHead = ((...args: Parameters<typeof write>) => {
        res.removeHeader("x-frame-options");
        return write(...args);
      }) as typeof res.writeHead;
      next();
    },
  };
  const { failed, text } = await deployment(before, after);
  expect(failed).toEqual(["headers-kept"]);
  expect(text("headers-kept")).toContain("x-frame-options is gone");
});

test("reports earlier instances that still answer", async () => {
  const old = three({});
  await using running = await site(...old);
  const file = newFile();
  await save(running, file);
  const same = await runJson([running.url, "--before", file, ...FEW]);
  expect(same.text("instances-replaced")).toContain("nothing was deployed in between");
  expect(same.skipped).toContain("instances-replaced");
  running.deploy(...old.slice(0, 1), ...three({}).slice(1));
  const mixed = await runJson([running.url, "--before", file, ...FEW]);
  expect(mixed.failed).toEqual(["instances-replaced"]);
});

test("an expired session proves nothing", async () => {
  await using running = await site(...three({}));
  const file = newFile();
  await save(running, file);
  const { skipped, text } = await runJson([running.url, "--before", file, ...FEW], {
    clock: () => Date.now() + 605_000_000,
  });
  expect(skipped).toContain("earlier-session");
  expect(text("earlier-session")).toContain("has ended by itself");
});

test("names SESSION_COOKIE_SECURE if the cookie has another name now", async () => {
  await using running = await site(instance({ oidc: provider.oidc, cookieSecure: false }));
  const https = { fetch: behindTls(running.url) };
  const visitor = await signIn(running.url);
  const file = newFile();
  const env = { PHOENIX_SESSION: `session=${visitor.cookies.get("session")}` };
  await run(["https://phoenix.test", "--save", file, ...FEW], { ...https, env });
  running.deploy(instance({ oidc: provider.oidc, cookieSecure: true }));
  const { failed, text } = await runJson(["https://phoenix.test", "--before", file, ...FEW], https);
  expect(failed).toEqual(expect.arrayContaining(["earlier-session", "cookie-name"]));
  for (const check of ["earlier-session", "cookie-name"]) {
    expect(text(check)).toContain(
      "SESSION_COOKIE_SECURE changed the cookie's name from session to __Host-session",
    );
    expect(text(check)).toContain("--stack STACK sessionCookieSecure false`");
  }
});

test("at a deployed site, the session from before is enough to check with", async () => {
  const secure = { oidc: provider.oidc, cookieSecure: true };
  await using running = await site(instance(secure));
  const https = { fetch: behindTls(running.url) };
  const headers = { "X-Forwarded-Proto": "https" };
  const visitor = await signIn(running.url, undefined, { headers });
  const file = newFile();
  const env = { PHOENIX_SESSION: visitor.cookies.get("__Host-session") };
  await run(["https://phoenix.test", "--save", file, ...FEW], { ...https, env });

  running.deploy(instance(secure), instance(secure));
  const kept = await runJson(["https://phoenix.test", "--before", file, ...FEW], https);
  expect(kept.failed).toEqual([]);
  expect(kept.json.session).toBe("saved");
  expect(kept.text("logout")).toContain("it would end your session");

  running.deploy(instance({ ...secure, secret: "another secret of thirty-two characters" }));
  const lost = await runJson(["https://phoenix.test", "--before", file, ...FEW], https);
  expect(lost.failed).toEqual(["sessions", "earlier-session"]);
  expect(lost.text("earlier-session")).toContain("SECRET_KEY changed between the deployments, or");
});

test("headers in a saved file that are not an object are ignored", async () => {
  await using running = await site(...three({}));
  const file = newFile();
  await save(running, file);
  const saved = JSON.parse(readFileSync(file, "utf8"));
  writeFileSync(file, JSON.stringify({ ...saved, headers: ["x-frame-options"] }), { mode: 0o600 });
  const { text } = await runJson([running.url, "--before", file, ...FEW]);
  expect(text("headers-kept")).toContain('"outcome":"ok"');
});

test("the saved file is readable by its owner only, and replaces a readable one", async () => {
  await using running = await site(...three({}));
  const file = newFile();
  writeFileSync(file, "{}", { mode: 0o644 });
  const { err, status } = await run([running.url, "--save", file, ...FEW]);
  expect(status).toBe(0);
  expect(err).toContain("holds a session");
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({
    format: "phoenix-verify-1",
    site: running.url,
    cookie: { name: "session" },
    lifetime: 604_800,
  });
});

test("a saved session that others can read is refused", async () => {
  await using running = await site(...three({}));
  const file = newFile();
  await save(running, file);
  chmodSync(file, 0o640);
  const { err, status } = await run([running.url, "--before", file]);
  expect(status).toBe(2);
  expect(err).toContain("Others can read");
});

test("a saved session is not sent to another site", async () => {
  await using one = await site(...three({}));
  await using other = await site(...three({}));
  const file = newFile();
  await save(one, file);
  const cookies: (string | null)[] = [];
  const { err, status } = await run([other.url, "--before", file], {
    fetch: (url, init) => {
      cookies.push(new Headers(init?.headers).get("cookie"));
      return fetch(url, init);
    },
  });
  expect(status).toBe(2);
  expect(err).toContain("sent to no other site");
  expect(cookies.filter((cookie) => cookie !== null)).toEqual([]);
});

test.each([
  ["does not exist", undefined],
  ["is not JSON", "session"],
  ["belongs to another program", '{"format":"other"}'],
  ["has no cookie", '{"format":"phoenix-verify-1","site":"http://localhost","savedAt":1}'],
  [
    "contains more than a cookie's value",
    '{"format":"phoenix-verify-1","site":"http://localhost","savedAt":1,"cookie":{"name":"a","value":"b\\r\\nc: d"}}',
  ],
])("a file that %s is refused", async (_what, content) => {
  const file = newFile();
  if (content !== undefined) writeFileSync(file, content, { mode: 0o600 });
  const { err, status } = await run(["http://localhost:1", "--before", file]);
  expect(status).toBe(2);
  expect(err).toContain(file);
  expect(err).toMatch(/Name another file|Make one/);
});

test("without a session nothing is saved, and the command fails", async () => {
  await using running = await site(instance({ oidc: undefined }));
  const file = newFile();
  const { err, status } = await run([running.url, "--save", file]);
  expect(status).toBe(1);
  expect(err).toContain("Nothing was saved");
  expect(err).toContain("PHOENIX_SESSION");
  expect(() => statSync(file)).toThrow();
});

test("a file that can't be written is reported after the results", async () => {
  await using running = await site(...three({}));
  const { out, err, status } = await run([
    running.url,
    "--save",
    join(folder, "no", "such", "folder"),
    ...FEW,
  ]);
  expect(status).toBe(1);
  expect(out).toContain("failed");
  expect(err).toContain("can't be written (ENOENT). Name another file");
});
