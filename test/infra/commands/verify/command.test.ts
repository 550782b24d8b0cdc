import { createServer } from "node:net";
import { PassThrough } from "node:stream";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { applicationChecks } from "../../../../infra/commands/verify/application.ts";
import { createProgress, readHidden } from "../../../../infra/commands/verify/terminal.ts";
import { application } from "../../../../service/application.ts";
import { startProvider } from "../../../service/login/application.ts";
import { type RunningServer, serve } from "../../../support/httpServer.ts";
import { signIn } from "../../../support/signIn.ts";
import { type Report, run, runJson } from "./support/run.ts";
import { behindTls, instance, instead, site } from "./support/site.ts";

let provider: Awaited<ReturnType<typeof startProvider>>;
beforeAll(async () => {
  provider = await startProvider();
});
afterAll(() => provider.close());

const FEW = ["--requests", "12"];

test.each([
  [[], "Name the site"],
  [["localhost:8080"], "Name the site"],
  [["ftp://localhost"], "Name the site"],
  [["http://localhost", "http://localhost"], "one site"],
  [["http://ada:hunter2@localhost"], "Leave out user"],
  [["http://localhost/?session=hunter2"], "Leave out user, query"],
  [["http://localhost", "--page", "notes"], `--page takes a path, such as ${application.home}.`],
  [["http://localhost", "--api", "/api/../x?y"], `--api takes a path, such as ${application.api}.`],
  [["http://localhost", "--requests", "0"], "--requests takes a whole number from 1"],
  [["http://localhost", "--instances", "1.5"], "--instances takes"],
  [["http://localhost", "--timeout", "soon"], "--timeout takes"],
  [["http://localhost", "--resolve", "elsewhere.example"], "--resolve takes an IP address"],
  [["http://192.0.2.1", "--resolve", "127.0.0.1"], "--resolve is for a site with a name"],
  [["http://localhost", "--requests", "-1"], "--requests takes a whole number from 1"],
  [["http://localhost", "--requests"], "--requests needs a value."],
  [["http://localhost", "--save", ""], "--save takes the name of a file"],
  [["http://localhost", "--session", "hunter2"], "Unknown option --session."],
])("refuses the arguments %j", async (args, message) => {
  const { status, out, err } = await run(args);
  expect(status).toBe(2);
  expect(out).toBe("");
  expect(err).toContain(message);
  expect(err).toContain("--help");
  expect(err).not.toContain("hunter2");
});

test("reports all mistakes at once", async () => {
  const { err } = await run(["nowhere", "--requests", "x", "--timeout", "0"]);
  expect(err.split("\n")).toHaveLength(4);
});

test.each([["-h"], ["--wrong", "--help"]])("prints the help with %s %s", async (...args) => {
  expect(await run(args)).toMatchObject({ status: 0, err: "" });
});

test("--help explains the command and the saved file", async () => {
  const { status, out, err } = await run(["--help"]);
  expect(status).toBe(0);
  expect(err).toBe("");
  for (const word of ["PHOENIX_SESSION", "--save FILE", "0600", "--before FILE"]) {
    expect(out).toContain(word);
  }
});

/** The error about a site that can't be checked. */
async function sentenceAbout(url: string, args: readonly string[] = []) {
  const { status, out, err } = await run([url, ...args]);
  expect(status).toBe(1);
  expect(out).toBe("");
  expect(err.split("\n")).toHaveLength(1);
  return err;
}

test("reports that nothing listens", async () => {
  const gone = await serve(() => undefined);
  await gone[Symbol.asyncDispose]();
  expect(await sentenceAbout(gone.url)).toContain("Nothing listens at 127.0.0.1:");
});

test.each([
  ["ENOTFOUND", "No address is known for phoenix.test"],
  ["CERT_HAS_EXPIRED", "has expired"],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "NODE_EXTRA_CA_CERTS"],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "for another host than phoenix.test"],
  ["ECONNRESET", "hung up"],
  ["E_SOMETHING_ELSE", "can't be asked (E_SOMETHING_ELSE)"],
])("explains %s", async (code, sentence) => {
  const failing = () =>
    Promise.reject(new TypeError("fetch failed", { cause: Object.assign(new Error(), { code }) }));
  const { status, err } = await run(["https://phoenix.test"], { fetch: failing });
  expect(status).toBe(1);
  expect(err).toContain(sentence);
});

test("reports why a port can't be requested, with a remedy", async () => {
  expect(await sentenceAbout("http://localhost:1")).toMatch(
    /localhost:1 can't be asked \(bad port\): .*URL/,
  );
});

test("reports that a site has no TLS", async () => {
  await using plain = await serve((_req, res) => void res.end());
  const sentence = await sentenceAbout(plain.url.replace("http:", "https:"));
  expect(sentence).toContain("can't agree on TLS");
});

test("reports that a site does not speak HTTP", async () => {
  const mumbling = createServer((socket) => void socket.end("mumble mumble\r\n\r\n"));
  await new Promise<void>((resolve) => mumbling.listen(0, "127.0.0.1", resolve));
  const { port } = mumbling.address() as { port: number };
  const sentence = await sentenceAbout(`http://127.0.0.1:${port}`).finally(() => mumbling.close());
  expect(sentence).toContain("does not speak HTTP");
});

test("reports that a site does not answer in time", async () => {
  await using silent = await serve(() => undefined);
  expect(await sentenceAbout(silent.url, ["--timeout", "1"])).toContain("did not answer in time");
});

test.each<[what: string, status: number, headers: Record<string, string>, sentence: string]>([
  ["another site", 404, {}, "is not this service"],
  ["a page for every address", 200, { "content-type": "text/html" }, "Check the URL"],
  ["a service of which no instance starts", 503, {}, "SECRET_KEY that is missing or shorter"],
  [
    "a service that is not public",
    403,
    {},
    "`npx pulumi config set --stack STACK publicAccess invokerIamDisabled`",
  ],
  [
    "a site that has moved",
    301,
    { location: "https://elsewhere.example/" },
    "sends everyone to elsewhere.example",
  ],
])("recognizes %s", async (_what, status, headers, sentence) => {
  await using other = await serve((_req, res) => void res.writeHead(status, headers).end("{}"));
  expect(await sentenceAbout(other.url)).toContain(sentence);
  const { out } = await run([other.url, "--json"]);
  expect(JSON.parse(out)).toMatchObject({ ok: false, error: { message: expect.any(String) } });
});

test("prints a table, skipped checks with their reasons, and a count", async () => {
  await using running = await site(instance({ oidc: provider.oidc, instance: "only" }));
  const { status, out, err, progress } = await run([running.url, ...FEW]);
  expect(status).toBe(0);
  expect(err).toBe("");
  expect(out).toMatch(/^http:\/\/127\.0\.0\.1:\d+ {2}with a session made for this\n/);
  expect(out).toMatch(/^ {2}sessions +ok +\d+ requests that need one, none refused$/m);
  expect(out).toMatch(/^ {2}HSTS +skipped +the site is at an http address$/m);
  expect(out).toMatch(/^\d+ ok, 0 failed, 3 skipped\. \d+ requests in \d+(\.\d)? s\.$/m);
  expect(progress.join("\n")).toMatch(/asking the API: \d+ requests, answers from 1 instance$/m);
  expect(progress.at(-1)).toBe("");
});

test("prints cause and remedy of failed checks below the table", async () => {
  await using running = await site(instance({ oidc: provider.oidc, lifetime: 60 }));
  const { status, out } = await run([running.url, ...FEW]);
  expect(status).toBe(1);
  expect(out).toMatch(/^ {2}session lifetime +FAILED +60 s$/m);
  expect(out).toMatch(
    /\n\nsession lifetime\n {2}Cause {3}Sessions expire too quickly[\s\S]*\n {2}Remedy {2}Raise it/,
  );
  for (const line of out.split("\n")) expect(line.length).toBeLessThanOrEqual(100);
});

test("prints one JSON object", async () => {
  await using running = await site(instance({ oidc: provider.oidc, instance: "only" }));
  const { json, err } = await runJson([running.url, ...FEW]);
  expect(err).toBe("");
  expect(json).toEqual({
    site: running.url,
    ok: true,
    session: "made",
    requests: expect.any(Number),
    instances: [{ instance: "only", requests: expect.any(Number), refused: 0 }],
    checks: expect.any(Array),
  } satisfies { [Key in keyof Report]: unknown });
  for (const check of json.checks) {
    expect(check).toEqual({
      id: expect.stringMatching(/^[a-z-]+$/),
      outcome: expect.stringMatching(/^(ok|failed|skipped)$/),
      seen: expect.stringMatching(/./),
      findings: [],
    });
  }
});

test("prints a site's text without control characters", async () => {
  const reason = "no key \u001b[2J\u001b]0;owned\u0007 \u202eyek\u2028 is enabled";
  const damage = instead(
    (_method, path) => path === "/health/ready",
    (res) => void res.status(503).json({ code: reason }),
  );
  await using running = await site(instance({ oidc: provider.oidc, damage }));
  for (const args of [[], ["--json"]]) {
    const { out } = await run([running.url, ...FEW, ...args]);
    expect(out).toContain("no key");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(out).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2028]/);
    expect(out).not.toContain("\\u001b");
  }
});

test("prints no cookie, even if the site echoes it", async () => {
  const damage = instead(
    (method, path, cookie) => {
      said = cookie ?? said;
      return path === "/health/ready" && method === "GET";
    },
    (res) => void res.status(503).json({ code: said }),
  );
  const visitor = await signedIn();
  let said = `session=${visitor}`;
  await using running = await site(instance({ oidc: provider.oidc, damage }));
  const env = { PHOENIX_SESSION: visitor };
  const { out } = await run([running.url, ...FEW], { env });
  expect(out).toContain("(hidden)");
  expect(out).not.toContain(visitor);
});

test("reads only a bounded part of a response", async () => {
  let sent = 0;
  const damage = instead(
    (_method, path) => path === "/health/ready",
    (res) => {
      res.status(200).type("json");
      const more = () => {
        sent += 65_536;
        if (!res.destroyed && sent < 1e9 && res.write("x".repeat(65_536))) setImmediate(more);
      };
      res.on("drain", more);
      more();
    },
  );
  await using running = await site(instance({ oidc: provider.oidc, damage }));
  const { failed } = await runJson([running.url, ...FEW]);
  expect(failed).toEqual(["health"]);
  expect(sent).toBeLessThan(50e6);
});

/** The value of a session's cookie, from a site over https or not. */
async function signedIn(https = false): Promise<string> {
  await using running = await site(instance({ oidc: provider.oidc, cookieSecure: https }));
  const headers = https ? { "X-Forwarded-Proto": "https" } : {};
  const visitor = await signIn(running.url, undefined, { headers });
  return visitor.cookies.get(https ? "__Host-session" : "session") ?? "";
}

/** A deployed site, where only a person can sign in. */
async function deployed(): Promise<RunningServer & { readonly fetch: typeof fetch }> {
  const running = await site(
    ...["one", "two", "three"].map((name) =>
      instance({ oidc: provider.oidc, cookieSecure: true, instance: name }),
    ),
  );
  return { ...running, fetch: behindTls(running.url) };
}

test("checks a deployed site with a given session, which stays signed in", async () => {
  await using running = await deployed();
  const env = { PHOENIX_SESSION: await signedIn(true) };
  const paths: string[] = [];
  const { status, failed, skipped, text, json } = await runJson(["https://phoenix.test", ...FEW], {
    env,
    fetch: (url, init) => {
      paths.push(new URL(String(url)).pathname);
      return running.fetch(url, init);
    },
  });
  expect(failed).toEqual([]);
  expect(status).toBe(0);
  expect(json.session).toBe("pasted");
  expect(skipped).toEqual(expect.arrayContaining(["logout", "lifetime"]));
  expect(text("logout")).toContain("it would end your session");
  expect(paths).not.toContain("/logout");
  expect(text("https")).toContain("http leads to https");
  expect(text("strict-transport")).toContain("730 days");
});

test("accepts the cookie with or without its name, and refuses other text", async () => {
  await using running = await deployed();
  const value = await signedIn(true);
  const named = await runJson(["https://phoenix.test", ...FEW], {
    fetch: running.fetch,
    env: { PHOENIX_SESSION: `__Host-session=${value}\n` },
  });
  expect(named.failed).toEqual([]);
  const { status, err } = await run(["https://phoenix.test"], {
    fetch: running.fetch,
    env: { PHOENIX_SESSION: "two words\r\nX-Injected: hunter2" },
  });
  expect(status).toBe(2);
  expect(err).not.toContain("hunter2");
});

test("asks for a session if it can't sign in, and continues without one", async () => {
  await using running = await deployed();
  const { fetch } = running;
  const value = await signedIn(true);
  const questions: string[] = [];
  const given = await runJson(["https://phoenix.test", ...FEW], {
    fetch,
    askHidden: async (question) => {
      questions.push(question);
      return `${value}\n`;
    },
  });
  expect(questions).toEqual([expect.stringContaining("nothing is shown")]);
  expect(given.json.session).toBe("pasted");
  expect(given.failed).toEqual([]);

  for (const askHidden of [undefined, async () => ""]) {
    const none = await runJson(["https://phoenix.test"], {
      ...{ fetch, askHidden, applicationChecks },
    });
    expect(none.json.session).toBe("none");
    expect(none.failed).toEqual([]);
    expect(none.status).toBe(0);
    expect(none.skipped).toEqual(
      expect.arrayContaining([
        "page",
        "api",
        "sessions",
        "instances",
        ...applicationChecks.map(({ id }) => id),
        "csrf",
        "logout",
        "lifetime",
      ]),
    );
    expect(none.json.checks.find(({ id }) => id === "sign-in-cookie")?.outcome).toBe("ok");
  }
});

test("requests the given page and API path", async () => {
  await using running = await site(instance({ oidc: provider.oidc }));
  const { failed, text } = await runJson([
    ...[running.url, "--page", "/no-such-page", "--api", `${application.api}/`, ...FEW],
  ]);
  expect(failed).toEqual(["page", "page-redirect"]);
  expect(text("page")).toContain("GET /no-such-page: 404");
  expect(text("api")).toContain(`${application.api}/ answers`);
});

test("calls no session forged or ended that a path without sign-in lets in", async () => {
  await using running = await site(instance({ oidc: provider.oidc }));
  const { failed, skipped, text } = await runJson([running.url, "--api", "/api/none", ...FEW]);
  expect(failed).toEqual(["api", "unauthorized"]);
  expect(text("unauthorized")).toContain("Name another one with --page or --api.");
  expect(skipped).toEqual(expect.arrayContaining(["forgeries", "logout"]));
});

test("reports that a session which no instance accepts is invalid", async () => {
  await using running = await deployed();
  const { failed, text } = await runJson(["https://phoenix.test", ...FEW], {
    fetch: running.fetch,
    env: { PHOENIX_SESSION: "cut-off" },
  });
  expect(failed).toEqual(["sessions"]);
  expect(text("sessions")).toContain("cut off when it was copied");
});

test("a remote site can't redirect it to this machine", async () => {
  await using running = await deployed();
  const asked: string[] = [];
  await run(["https://phoenix.test"], {
    fetch: (url, init) => {
      asked.push(new URL(String(url)).host);
      return running.fetch(url, init);
    },
  });
  expect(new Set(asked)).toEqual(new Set(["phoenix.test"]));
});

test("never sends a session over http, except on this machine", async () => {
  await using running = await site(instance({ oidc: provider.oidc }));
  const cookies: (string | null)[] = [];
  const value = await signedIn();
  const { failed, skipped } = await runJson(["http://phoenix.test"], {
    env: { PHOENIX_SESSION: value },
    fetch: (url, init) => {
      cookies.push(new Headers(init?.headers).get("cookie"));
      const { pathname, search } = new URL(String(url));
      return fetch(new URL(pathname + search, running.url), init);
    },
  });
  expect(failed).toEqual(["https"]);
  expect(skipped).toContain("sessions");
  expect(cookies.join()).not.toContain(value);
});

test("reports a site that also answers over http", async () => {
  await using running = await deployed();
  const open = behindTls(running.url, () => new Response("hello"));
  const found = await runJson(["https://phoenix.test"], { fetch: open });
  expect(found.failed).toEqual(["https"]);
  const closed = behindTls(running.url, () => {
    throw new TypeError("fetch failed", { cause: { code: "ECONNREFUSED" } });
  });
  const none = await runJson(["https://phoenix.test"], { fetch: closed });
  expect(none.failed).toEqual([]);
  expect(none.text("https")).toContain("http is closed");
});

test("follows http to https at the same host", async () => {
  await using running = await deployed();
  const { json } = await runJson(["http://phoenix.test"], { fetch: running.fetch });
  expect(json.site).toBe("https://phoenix.test");
});

test("reports cookies of an https site that are also sent over http", async () => {
  await using running = await site(instance({ oidc: provider.oidc, cookieSecure: false }));
  const { failed, text } = await runJson(["https://phoenix.test"], {
    fetch: behindTls(running.url),
  });
  expect(failed).toEqual(["sign-in-cookie", "strict-transport"]);
  expect(text("sign-in-cookie")).toContain("SESSION_COOKIE_SECURE is not true");
  expect(text("sign-in-cookie")).toContain("--stack STACK sessionCookieSecure true`");
});

/** A fake terminal, and whether it echoes its input. */
function terminal(): PassThrough & { raw: boolean } {
  const input = Object.assign(new PassThrough(), {
    raw: false,
    setRawMode(raw: boolean) {
      input.raw = raw;
    },
  });
  return input;
}

test("a pasted session of any length is read without echo", async () => {
  const input = terminal();
  const value = "x".repeat(5_000);
  const read = readHidden(input);
  expect(input.raw).toBe(true);
  input.write(value.slice(0, 4_096));
  input.write(`${value.slice(4_096)}yz\u007f\u007f\r`);
  expect(await read).toBe(value);
  expect(input.raw).toBe(false);
});

test("Ctrl-C at the prompt ends the command and restores the terminal", async () => {
  const input = terminal();
  const read = readHidden(input);
  input.write("secret\u0003");
  await expect(read).rejects.toMatchObject({ code: "INTERRUPTED" });
  expect(input.raw).toBe(false);
});

test("progress is one line that is overwritten, and only on a terminal", () => {
  const written: string[] = [];
  const stream = { columns: 20, write: (text: string) => written.push(text) };
  createProgress(stream)("not a terminal");
  expect(written).toEqual([]);
  const progress = createProgress({ ...stream, isTTY: true });
  progress("asking a great many times");
  progress();
  expect(written).toEqual(["\r\u001b[Kasking a great many", "\r\u001b[K"]);
});
