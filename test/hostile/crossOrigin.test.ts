import { beforeEach, expect, test } from "@jest/globals";
import { type InjectOptions, inject } from "light-my-request";
import { ada, grace } from "../local/identity/users.ts";
import { cookieOf, createTarget, sessionOf, tokenFor } from "./target.ts";

/**
 * Requests that a page of another origin can make a browser send. All of them carry the session's
 * cookie here, as if browsers ignored SameSite.
 */
const COOKIE = `session=${cookieOf(tokenFor(ada))}`;
const TOKEN = sessionOf(ada).csrf_token;
/** A new one for each test, because a sign-out is final. */
let target = createTarget();

beforeEach(() => {
  target = createTarget();
});

const ORIGINS: Record<string, string>[] = [
  { origin: "https://evil.example", "sec-fetch-site": "cross-site" },
  { origin: "https://evil.phoenix.example", "sec-fetch-site": "same-site" },
  { origin: "null", "sec-fetch-site": "cross-site" },
  { referer: "https://evil.example/" },
  {},
];

const NOTE = JSON.stringify({ note: "eggs" });

const BODIES: { readonly type?: string; readonly payload?: string }[] = [
  {},
  { type: "application/x-www-form-urlencoded", payload: "note=eggs" },
  { type: "application/x-www-form-urlencoded", payload: "_csrf=&note[]=eggs" },
  { type: "application/x-www-form-urlencoded", payload: "_csrf=guess&_csrf=guess" },
  { type: "text/plain", payload: NOTE },
  { type: "text/plain", payload: `{"_csrf":"${TOKEN}","note":"eggs"}` },
  { type: "multipart/form-data; boundary=x", payload: multipart() },
  { type: "application/json", payload: NOTE },
  { payload: NOTE },
];

/** Contains the right token, but the service does not parse multipart bodies. */
function multipart(): string {
  return `--x\r\nContent-Disposition: form-data; name="_csrf"\r\n\r\n${TOKEN}\r\n--x--\r\n`;
}

const STATE_CHANGES = [
  ["POST", "/notes"],
  ["PUT", "/api/note"],
  ["POST", "/logout"],
] as const;

async function send(request: InjectOptions) {
  return inject(target.app, {
    ...request,
    headers: { host: "phoenix.example", cookie: COOKIE, ...request.headers },
  });
}

// ASVS 3.5.1
test("without the CSRF token no request changes anything, whatever its origin and content type", async () => {
  for (const [method, url] of STATE_CHANGES) {
    for (const origin of ORIGINS) {
      for (const { type, payload } of BODIES) {
        const response = await send({
          method,
          url,
          headers: { ...origin, ...(type && { "content-type": type }) },
          ...(payload !== undefined && { payload }),
        });
        const context = { method, url, origin, type, payload, status: response.statusCode };
        expect(context).toMatchObject({ status: 403 });
        expect(response.headers["set-cookie"]).toBeUndefined();
      }
    }
  }
});

test("another site can't sign users out, and same-origin headers replace the token for sign-out only", async () => {
  const own = [{ "sec-fetch-site": "same-origin" }, { origin: "http://phoenix.example" }];
  for (const headers of own) {
    target = createTarget();
    for (const [method, url] of STATE_CHANGES.filter(([, path]) => path !== "/logout")) {
      expect((await send({ method, url, headers })).statusCode).toBe(403);
    }
    for (const url of ["/logout/x", "/api/logout"]) {
      expect((await send({ method: "POST", url, headers })).statusCode).toBe(403);
    }
    expect((await send({ method: "PUT", url: "/logout", headers })).statusCode).toBe(403);
    const { statusCode, headers: answered } = await send({
      method: "POST",
      url: "/logout",
      headers,
    });
    expect([statusCode, answered.location]).toEqual([303, "/signed-out"]);
    expect(answered["set-cookie"]).toMatch(/^session=;/);
  }
  target = createTarget();
  for (const headers of [
    { origin: "http://phoenix.example", "sec-fetch-site": "cross-site" },
    { origin: "http://phoenix.example", "sec-fetch-site": "none" },
    { origin: "https://phoenix.example" },
    { origin: "http://phoenix.example:81" },
    { origin: "http://phoenix.example, http://evil.example" },
  ]) {
    expect((await send({ method: "POST", url: "/logout", headers })).statusCode).toBe(403);
  }
});

test("with the token the same requests succeed, so the missing token is why they were refused", async () => {
  for (const [method, url] of STATE_CHANGES) {
    const headers = { "x-csrf-token": TOKEN, "content-type": "application/json" };
    const response = await send({ method, url, headers, payload: NOTE });
    expect(response.statusCode).toBeLessThan(400);
    expect(response.headers["set-cookie"]).toMatch(url === "/logout" ? /^session=;/ : /^data-/);
  }
});

test("another user's token, a guessed one and one in the URL are refused", async () => {
  const tokens = [
    sessionOf(grace).csrf_token,
    "",
    " ",
    "undefined",
    "null",
    "[object Object]",
    TOKEN.slice(1),
    `${TOKEN}A`,
    `${TOKEN},${TOKEN}`,
    TOKEN.toLowerCase(),
    Buffer.from(TOKEN).toString("base64"),
  ];
  for (const [method, url] of STATE_CHANGES) {
    for (const token of tokens) {
      const headers = { "x-csrf-token": token, "content-type": "application/json" };
      const response = await send({ method, url, headers, payload: NOTE });
      expect([token, response.statusCode]).toEqual([token, 403]);
    }
    const inUrl = await send({ method, url: `${url}?_csrf=${TOKEN}&x-csrf-token=${TOKEN}` });
    expect(inUrl.statusCode).toBe(403);
    const inCookie = await send({ method, url, headers: { cookie: `${COOKIE}; _csrf=${TOKEN}` } });
    expect(inCookie.statusCode).toBe(403);
  }
});

test("a safe method with a method override changes nothing", async () => {
  for (const method of ["GET", "HEAD", "OPTIONS"] as const) {
    for (const [claimed, url] of STATE_CHANGES) {
      const response = await send({
        method,
        url: `${url}?_method=${claimed}`,
        headers: { "x-http-method-override": claimed, "x-method-override": claimed },
      });
      expect(response.headers["set-cookie"]).toBeUndefined();
    }
  }
});

// ASVS 3.5.1
test("no safe request sets or clears the session's cookie", async () => {
  for (const url of ["/", "/notes", "/api/note"]) {
    for (const method of ["GET", "HEAD", "OPTIONS"] as const) {
      expect((await send({ method, url })).headers["set-cookie"]).toBeUndefined();
    }
  }
});

// ASVS 3.5.1
test("no page of another origin can read or frame a response", async () => {
  for (const origin of ORIGINS) {
    for (const url of ["/", "/notes", "/api/note", "/static/style.css", "/missing"]) {
      for (const method of ["GET", "OPTIONS"] as const) {
        const headers = { ...origin, "access-control-request-method": "POST" };
        const response = await send({ method, url, headers });
        for (const name of Object.keys(response.headers)) {
          expect(name).not.toMatch(/^access-control-/);
        }
        expect(response.headers["cross-origin-resource-policy"]).toBe("same-origin");
        expect(response.headers["x-frame-options"]).toBe("DENY");
        expect(response.headers["content-security-policy"]).toContain("frame-ancestors 'none'");
      }
    }
  }
});

test("neither the refusal nor the log contains the token", async () => {
  const response = await send({
    method: "PUT",
    url: "/api/note",
    headers: { "x-csrf-token": "x" },
  });
  expect(response.payload).not.toContain(TOKEN);
  expect(JSON.stringify(target.lines)).not.toContain(TOKEN);
});
