import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { type InjectOptions, inject, type Response } from "light-my-request";
import { createClipUrls } from "../../service/reels/clipUrl.ts";
import { ada } from "../local/identity/users.ts";
import { startIdentityProvider } from "../local/identityProvider.ts";
import { clock, cookieOf, createTarget, type Target, tokenFor } from "./target.ts";

const CLIENT = { clientId: "phoenix", clientSecret: "a secret of the tests" };
const COOKIE = `session=${cookieOf(tokenFor(ada))}`;
const VIDEO = readFileSync(join(import.meta.dirname, "../../service/reels/clips/embers.mp4"));

let provider: Awaited<ReturnType<typeof startIdentityProvider>>;
let target: Target;
let media: string;

beforeAll(async () => {
  provider = await startIdentityProvider({ port: 0, ...CLIENT });
  target = createTarget({ oidc: { issuer: new URL(provider.issuer), ...CLIENT } });
  media = createClipUrls({ sealer: target.sealer, clock }).sign("embers.mp4", clock() + 300);
});
afterAll(() => provider.close());

async function send(request: InjectOptions): Promise<Response> {
  return inject(target.app, { headers: { host: "phoenix.example" }, ...request });
}

/** What holds for each answer, whatever was asked. */
function expectSound(response: Response, request: unknown): void {
  const { statusCode, headers } = response;
  const context = { request, statusCode, headers };
  const text = response.rawPayload.length < 100_000 ? response.payload : "";
  const problems = [
    statusCode >= 500 && "a fault of the server's",
    statusCode < 200 && "no answer",
    headers["set-cookie"] !== undefined && !onlySignIn(headers["set-cookie"]) && "a session cookie",
    headers["content-security-policy"] === undefined && "no Content-Security-Policy",
    headers["x-content-type-options"] !== "nosniff" && "no nosniff",
    headers["access-control-allow-origin"] !== undefined && "open to other origins",
    headers["x-powered-by"] !== undefined && "tells what it is made with",
    /node_modules|\bat \S+ \(|\.ts:\d|\.js:\d/.test(text) && "a stack",
    !staysHere(headers.location) && "leads elsewhere",
  ].filter(Boolean);
  expect({ ...context, problems }).toMatchObject({ problems: [] });
}

function onlySignIn(setCookie: string | string[]): boolean {
  return [setCookie].flat().every((line) => /^sign-in=/.test(line));
}

function staysHere(location: string | undefined): boolean {
  if (location === undefined) return true;
  const { origin } = new URL(location, "http://phoenix.example");
  return origin === "http://phoenix.example" || origin === provider.issuer;
}

const PATHS = [
  "/",
  "/login",
  "/login/callback",
  "/logout",
  "/reel-maker",
  "/api/clips",
  "/api/clips/embers/url",
  "/api/clips/__proto__/url",
  "/api/clips/%2e%2e/url",
  "/api/clips/%ff/url",
  "/api/clips/%/url",
  "/api/reel",
  "/API/REEL",
  "/api/reel/",
  "/api",
  "/media/embers.mp4",
  "/media/..%2fclips.json",
  "/media/%00",
  "/media/%E0%A4%A",
  "/static/style.css",
  "/static/",
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
/** What Node lets into a header: any byte but the control characters. */
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
    '{"clips":null}',
    '{"clips":{"length":3}}',
    '{"clips":[null]}',
    '{"clips":["__proto__"]}',
    '{"clips":[["embers"]]}',
    '{"__proto__":{"clips":["embers"]}}',
    '{"constructor":{"prototype":{"clips":[]}}}',
    '{"clips":["embers"],"clips":7}',
    `{"clips":[${'"embers",'.repeat(1_000)}"embers"]}`,
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
      fc.webPath().map((path) => `/${path.slice(1)}`),
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

test("whatever is asked for, the answer is sound: no fault, no stack, no cookie, no way out", async () => {
  await fc.assert(
    fc.asyncProperty(request, async (asked) => expectSound(await send(asked), asked)),
    { numRuns: 700 },
  );
});

test("each path answers each method soundly, with a session and without", async () => {
  for (const url of PATHS) {
    for (const method of METHODS as "GET"[]) {
      for (const cookie of ["", COOKIE]) {
        const asked = { method, url, headers: { host: "phoenix.example", cookie } };
        expectSound(await send(asked), { method, url, signedIn: cookie !== "" });
      }
    }
  }
});

describe("a file", () => {
  const UNITS = "bytes=";

  /**
   * RFC 9110, 14.2, for a single range: what part it is; undefined if it is to be ignored. An end
   * that is longer than the file is none here: the library refuses it, where it could send the file.
   */
  function partOf(range: string): [number, number] | "none" | undefined {
    const [, first = "", last = ""] = /^bytes=(\d*)-(\d*)$/.exec(range) ?? [];
    if (first === "" && last === "") return undefined;
    const size = VIDEO.length;
    if (first === "") {
      const length = Number(last);
      return length === 0 || length > size ? "none" : [size - length, size - 1];
    }
    if (last !== "" && Number(last) < Number(first)) return undefined;
    return Number(first) >= size
      ? "none"
      : [Number(first), Math.min(size - 1, Number(last || size - 1))];
  }

  const position = fc.oneof(
    fc.nat(VIDEO.length + 10).map(String),
    fc.constantFrom("", "0", String(VIDEO.length - 1), String(VIDEO.length), "9".repeat(30)),
  );

  test("is sent whole or in the part that was asked for, never another", async () => {
    const single = fc.tuple(position, position).map(([a, b]) => `${UNITS}${a}-${b}`);
    await fc.assert(
      fc.asyncProperty(single, async (range) => {
        const response = await send({ url: media, headers: { range } });
        const part = partOf(range);
        expectSound(response, { range });
        if (response.statusCode === 206) {
          const [first, last] = Array.isArray(part) ? part : [Number.NaN, 0];
          expect(response.headers["content-range"]).toBe(`bytes ${first}-${last}/${VIDEO.length}`);
          expect(response.rawPayload.equals(VIDEO.subarray(first, last + 1))).toBe(true);
        } else if (response.statusCode === 200) {
          expect(Array.isArray(part)).toBe(false);
          expect(response.rawPayload.equals(VIDEO)).toBe(true);
        } else {
          expect([response.statusCode, Array.isArray(part)]).toEqual([416, false]);
        }
      }),
      { numRuns: 60 },
    );
  });

  test("is not taken apart by ranges that nobody needs", async () => {
    const ranges = [
      "bytes",
      "bytes=",
      "bytes=-",
      "bytes=a-b",
      "bytes=0-0,0-0",
      `bytes=${"0-,".repeat(1_000)}0-`,
      `bytes=${Array.from({ length: 500 }, (_, index) => `${index}-${index}`).join()}`,
      "bytes=0-18446744073709551615",
      "bytes=-18446744073709551616",
      "bytes=1-0",
      "bytes=0x0-0xff",
      "bytes= 0 - 1",
      "items=0-1",
      "BYTES=0-1",
      "\u00ff",
    ];
    for (const range of ranges) {
      for (const more of [{}, { "if-range": '"x"' }, { "if-range": "never" }]) {
        const response = await send({ url: media, headers: { range, ...more } });
        expectSound(response, { range, more });
        expect(response.rawPayload.length).toBeLessThanOrEqual(VIDEO.length);
      }
    }
  });

  test("is refused with 412 where a condition does not hold, and that is no fault of the server's", async () => {
    const conditions: Record<string, string>[] = [
      { "if-match": '"another"' },
      { "if-unmodified-since": "Thu, 01 Jan 1970 00:00:01 GMT" },
    ];
    for (const condition of conditions) {
      for (const url of [media, "/static/style.css"]) {
        const response = await send({ url, headers: condition });
        expect([url, response.statusCode]).toEqual([url, 412]);
        expectSound(response, { url, condition });
      }
    }
  });

  test("is found by its own name only", async () => {
    const token = new URL(media, "http://phoenix.example").searchParams.get("token") ?? "";
    const names = [
      "clips.json",
      "embers.jpg",
      "aurora.mp4",
      "EMBERS.mp4",
      "embers.mp4%00",
      "embers.mp4%2f",
      ".%2fembers.mp4",
      "..%2fclips%2fembers.mp4",
      "%2e%2e%2fserver.ts",
      "embers.mp4::$DATA",
    ];
    for (const name of names) {
      const response = await send({ url: `/media/${name}?token=${token}` });
      expect([name, response.statusCode]).toEqual([name, 403]);
    }
  });
});

describe("returnTo", () => {
  test("never leads away from the service, from the link to the end of sign-in", async () => {
    const place = fc.oneof(
      fc.webUrl(),
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
        expect(response.headers.location).toMatch(new RegExp(`^${provider.issuer}/`));
        expect(response.headers.location).not.toContain("evil");
        const [, token = ""] =
          /^sign-in=([^;]+)/.exec(String(response.headers["set-cookie"])) ?? [];
        const opened = await target.sealer.open("sign-in", token);
        if (opened.outcome !== "ok") throw new Error(opened.outcome);
        const attempts = opened.sealed.data.attempts as { readonly returnTo: string }[];
        expect(attempts).toHaveLength(1);
        for (const { returnTo } of attempts) {
          const url = new URL(returnTo, "https://phoenix.example/login/callback");
          expect(url.origin).toBe("https://phoenix.example");
          expect(returnTo).toMatch(/^\/[!-~]*$/);
        }
      }),
      { numRuns: 100 },
    );
  });
});

test("a body that says it is compressed is measured by what comes out of it", async () => {
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
      method: "POST",
      url: "/api/reel",
      headers: { cookie: COOKIE, "content-type": "application/json", "content-encoding": encoding },
      payload,
    });
    expectSound(response, { encoding });
    expect([400, 413, 415]).toContain(response.statusCode);
  }
});

test("nothing that was sent made the log say that something is broken", () => {
  const broken = target.lines.filter(({ severity }) => /ERROR|CRITICAL/.test(String(severity)));
  expect(broken).toEqual([]);
});
