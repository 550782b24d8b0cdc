import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { type InjectOptions, inject, type Response } from "light-my-request";
import { ada } from "../local/identity/users.ts";
import { startIdentityProvider } from "../local/identityProvider.ts";
import { anyPath, anyUrl } from "../support/arbitraries.ts";
import { expectSoundAnswer } from "./sound.ts";
import { cookieOf, createTarget, type Target, tokenFor } from "./target.ts";

const CLIENT = { clientId: "phoenix", clientSecret: "a secret of the tests" };
const COOKIE = `session=${cookieOf(tokenFor(ada))}`;

let provider: Awaited<ReturnType<typeof startIdentityProvider>>;
let target: Target;

beforeAll(async () => {
  provider = await startIdentityProvider({ port: 0, ...CLIENT });
  target = createTarget({ oidc: { issuer: new URL(provider.issuer), ...CLIENT } });
});
afterAll(() => provider.close());

async function send(request: InjectOptions): Promise<Response> {
  return inject(target.app, { headers: { host: "phoenix.example" }, ...request });
}

function expectSound(response: Response, request: unknown): void {
  expectSoundAnswer(response, request, provider.issuer);
}

const PATHS = [
  "/",
  "/login",
  "/login/callback",
  "/logout",
  "/notes",
  "/notes/%2e%2e/",
  "/api/note",
  "/API/NOTE",
  "/api/note/",
  "/api/%ff",
  "/api/%",
  "/api",
  "/static/style.css",
  "/static/",
  "/static/notes/page.js",
  "/static/..%2f..%2fserver.ts",
  "/static/%2e%2e/server.ts",
  "/static/%00",
  "/static/%",
  `/static/${"a".repeat(5_000)}`,
  "/health/live",
  "/health/ready",
  "/.git/config",
  "/.env",
  "//evil.example/",
  "/\\evil.example",
  "/%0d%0aset-cookie:a=b",
];

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"];

const printable = fc.string({
  unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
  maxLength: 60,
});
/** Characters that Node allows in a header: any byte except control characters. */
const headerText = fc.string({
  unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)),
  maxLength: 60,
});

const nastyValue = fc.oneof(
  headerText,
  fc.constantFrom(
    "",
    "*",
    ",",
    ";;;;",
    "q=x",
    "a/b;q=9",
    "__proto__",
    "null",
    "-1",
    "9".repeat(400),
    "\u00ff".repeat(200),
    "a, ".repeat(500),
    "(".repeat(500),
  ),
);

const KNOWN_HEADERS = [
  "accept",
  "accept-encoding",
  "accept-language",
  "authorization",
  "content-encoding",
  "content-type",
  "cookie",
  "expect",
  "forwarded",
  "host",
  "if-match",
  "if-modified-since",
  "if-none-match",
  "if-range",
  "if-unmodified-since",
  "origin",
  "range",
  "referer",
  "traceparent",
  "user-agent",
  "x-csrf-token",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
  "x-http-method-override",
  "x-original-url",
  "x-requested-with",
];

const headers = fc.dictionary(fc.constantFrom(...KNOWN_HEADERS), nastyValue, { maxKeys: 5 });

const query = fc.oneof(
  fc.constant(""),
  printable.map((text) => `?${text.replaceAll(" ", "+")}`),
  fc.constantFrom(
    "?returnTo=/a&returnTo=//evil.example",
    "?returnTo[]=/a&returnTo[x]=y",
    "?__proto__=1&constructor=2&hasOwnProperty=3",
    "?token=a&token=b",
    "?token[a]=b",
    "?token=%",
    "?state=%00&code=%ff",
    `?${"a&".repeat(2_000)}`,
    `?token=${"v1.3.".padEnd(6_000, "A")}`,
    "?#fragment",
    "??",
  ),
);

const jsonBody = fc.oneof(
  fc.json({ maxDepth: 4 }),
  fc.constantFrom(
    "null",
    "[]",
    '{"note":null}',
    '{"note":{"length":3}}',
    '{"note":{"toString":null}}',
    '{"__proto__":{"note":"milk"}}',
    '{"constructor":{"prototype":{"note":[]}}}',
    '{"note":"milk","note":7}',
    `{"note":[${'"milk",'.repeat(1_000)}"milk"]}`,
    `{"_csrf":{"toString":"x"}}`,
    "[".repeat(8_000),
    `"${"a".repeat(20_000)}"`,
    "{",
    "\ufeff{}",
    "NaN",
    "\u0000",
  ),
);

const body = fc.oneof(
  fc.record({ type: fc.constant("application/json"), payload: jsonBody }),
  fc.record({
    type: fc.constant("application/x-www-form-urlencoded"),
    payload: fc.oneof(
      printable,
      fc.constantFrom(
        "_csrf=a&_csrf=b",
        "_csrf[a]=b",
        "%",
        "%00=%ff",
        "a=1&".repeat(1_500),
        "__proto__=1&_csrf=",
      ),
    ),
  }),
  fc.record({
    type: fc.constantFrom(
      "application/json; charset=utf-16",
      "application/json; charset=utf-7",
      "application/json; charset=utf-32",
      "application/json; charset=nonsense",
      "application/x-www-form-urlencoded; charset=utf-16",
      "application/x-www-form-urlencoded; charset=iso-8859-1",
      "application/vnd.api+json",
      "multipart/form-data; boundary=x",
      "multipart/form-data",
      "text/plain",
      "text/xml",
      "/",
      "application/json;;",
      "application/json\t; charset",
    ),
    payload: fc.oneof(jsonBody, printable),
  }),
);

const request = fc
  .record({
    method: fc.constantFrom(...METHODS),
    path: fc.oneof(
      fc.constantFrom(...PATHS),
      anyPath.map((path) => `/${path.slice(1)}`),
    ),
    query,
    headers,
    body: fc.option(body, { nil: undefined }),
    signedIn: fc.boolean(),
  })
  .map(({ method, path, query: search, headers: extra, body: sent, signedIn }) => ({
    method: method as "GET",
    url: path + search,
    headers: {
      host: "phoenix.example",
      ...(signedIn && { cookie: COOKIE }),
      ...(sent && { "content-type": sent.type }),
      ...extra,
    },
    ...(sent && { payload: sent.payload }),
  }));

test("no request causes a server error, a stack trace, a cookie or a redirect elsewhere", async () => {
  await fc.assert(
    fc.asyncProperty(request, async (asked) => expectSound(await send(asked), asked)),
    { numRuns: 700 },
  );
});

test("each path answers each method without a server error, with a session and without", async () => {
  for (const url of PATHS) {
    for (const method of METHODS as "GET"[]) {
      for (const cookie of ["", COOKIE]) {
        const asked = { method, url, headers: { host: "phoenix.example", cookie } };
        expectSound(await send(asked), { method, url, signedIn: cookie !== "" });
      }
    }
  }
});

describe("returnTo", () => {
  test("never redirects away from the service, from the link to the end of sign-in", async () => {
    const place = fc.oneof(
      anyUrl,
      printable,
      fc.constantFrom("//evil.example", "/\\evil.example", "javascript:alert(1)", "/a%0d%0ab"),
    );
    const search = fc
      .array(fc.tuple(fc.constantFrom("returnTo", "returnTo[]", "returnto", "prompt"), place), {
        maxLength: 3,
      })
      .map((pairs) => new URLSearchParams(pairs));
    await fc.assert(
      fc.asyncProperty(search, async (parameters) => {
        const response = await send({ url: `/login?${parameters}` });
        expect(response.statusCode).toBe(302);
        const leadsTo = new URL(String(response.headers.location));
        expect(leadsTo.origin).toBe(new URL(provider.issuer).origin);
        expect(URL.parse(leadsTo.searchParams.get("redirect_uri") ?? "")).toMatchObject({
          pathname: "/login/callback",
          search: "",
        });
        const state = leadsTo.searchParams.get("state") ?? "";
        const [, proof = "", token] = /^([\w-]{43})(?:\.(.+))?$/.exec(state) ?? [];
        expect(proof).not.toBe("");
        // Without a path the sign-in ends at the start page.
        if (token === undefined) return;
        const opened = await target.sealer.open("sign-in", token, proof);
        if (opened.outcome !== "ok") throw new Error(opened.outcome);
        const returnTo = String(opened.sealed.data.path);
        const url = new URL(returnTo, "https://phoenix.example/login/callback");
        expect(url.origin).toBe("https://phoenix.example");
        expect(returnTo).toMatch(/^\/[!-~]*$/);
      }),
      { numRuns: 100 },
    );
  });
});

test("the limit for a compressed body applies to its decompressed size", async () => {
  const { gzipSync, brotliCompressSync } = await import("node:zlib");
  const bomb = Buffer.alloc(8_000_000, " ");
  const bodies: [string, Buffer][] = [
    ["gzip", gzipSync(bomb)],
    ["br", brotliCompressSync(bomb)],
    ["gzip", Buffer.from("no gzip")],
    ["nonsense", Buffer.from("{}")],
  ];
  for (const [encoding, payload] of bodies) {
    const response = await send({
      method: "PUT",
      url: "/api/note",
      headers: { cookie: COOKIE, "content-type": "application/json", "content-encoding": encoding },
      payload,
    });
    expectSound(response, { encoding });
    expect([400, 413, 415]).toContain(response.statusCode);
  }
});

test("none of these requests was logged as an error", () => {
  const broken = target.lines.filter(({ severity }) => /ERROR|CRITICAL/.test(String(severity)));
  expect(broken).toEqual([]);
});
