import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { expect, test } from "@jest/globals";
import express from "express";
import { OperatorError } from "../../../service/contract/errors.ts";
import { notFound } from "../../../service/http/errorPages.ts";
import {
  InsecureTransportError,
  KeysUnavailableError,
  SessionNotSerializableError,
  SessionTooLargeError,
} from "../../../service/session/errors.ts";
import { serve } from "../../support/httpServer.ts";
import { sessionApp } from "../../support/sessionApp.ts";

class NotForVisitorsError extends OperatorError {
  constructor() {
    super("CONFIG_INVALID", "The disk at /var/secret is full. Empty it.");
  }
}

const ERRORS: Record<string, () => unknown> = {
  bug: () => new TypeError("the password is hunter2"),
  text: () => "the password is hunter2",
  nothing: () => null,
  operator: () => new NotForVisitorsError(),
  keys: () => new KeysUnavailableError(7),
  http: () => new InsecureTransportError(),
  large: () => new SessionTooLargeError(5_000, 4_096, { note: "x".repeat(3_000), user_id: "ada" }),
  client: () => Object.assign(new Error("<b>no</b>"), { status: 409, code: "CLASH" }),
  server: () => Object.assign(new Error("the password is hunter2"), { status: 502 }),
};

/** More than a connection buffers. */
const LARGE = 10_000_000;

async function* endless(): AsyncGenerator<string> {
  for (;;) {
    yield "x";
    await new Promise(setImmediate);
  }
}

/** A service whose routes each fail in one way. */
async function start() {
  const { app, lines } = sessionApp({}, (routes) => {
    routes.use(express.json());
    routes.all(/^\/(?:api\/)?fail\/(\w+)$/i, (req, res) => {
      res.set({ ETag: '"1"', Location: "/elsewhere", "Content-Type": "video/mp4" });
      throw ERRORS[req.params[0] ?? ""]?.();
    });
    routes.get("/half", (_req, res, next) => {
      res.write("half of it");
      next(new Error("the password is hunter2"));
    });
    routes.get("/whole", (_req, res) => {
      res.send("x".repeat(LARGE));
      throw new Error("the password is hunter2");
    });
    routes.get("/endless", async (_req, res) => {
      await pipeline(Readable.from(endless()), res);
    });
    routes.use(notFound());
  });
  const server = await serve(app);
  async function get(path: string, accept = "text/html,*/*;q=0.8") {
    const response = await fetch(server.url + path, { headers: { accept } });
    return { status: response.status, headers: response.headers, text: await response.text() };
  }
  return { ...server, get, lines, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

test("a browser gets an error page with a link, and an API client a problem document", async () => {
  await using service = await start();
  for (const accept of ["text/html", "text/html,application/json", "*/*", "text/*"]) {
    const { status, headers, text } = await service.get("/nothing", accept);
    expect([status, headers.get("content-type")]).toEqual([404, "text/html; charset=utf-8"]);
    expect(text).toContain("<h1>Not found</h1>");
    expect(text).toContain('<a class="button" href="/">');
  }
  for (const [path, accept] of [
    ["/nothing", "application/json"],
    ["/nothing", "application/json, text/html;q=0.5"],
    ["/api/nothing", "text/html"],
    ["/API/nothing", "*/*"],
    ["/api", "text/html"],
  ] as const) {
    const { status, headers, text } = await service.get(path, accept);
    expect([path, status, headers.get("content-type")]).toEqual([
      path,
      404,
      "application/problem+json; charset=utf-8",
    ]);
    expect(JSON.parse(text)).toEqual({
      type: "about:blank",
      status: 404,
      code: "not_found",
      title: "Not found",
      detail: "There is nothing at this address.",
    });
  }
  expect(service.lines).toEqual([]);
});

test("an error that the client can fix has a code, an explanation and, for 503, Retry-After", async () => {
  await using service = await start();
  for (const [kind, status, code, said] of [
    ["keys", 503, "keys_unavailable", "Nobody is signed out by this"],
    ["http", 400, "https_required", "Open the site over https"],
    ["large", 500, "session_too_large", "5000 bytes, and may have 4096"],
    ["client", 409, "clash", "<b>no</b>"],
  ] as const) {
    const problem = await service.get(`/api/fail/${kind}`);
    expect([kind, problem.status, JSON.parse(problem.text)]).toEqual([
      kind,
      status,
      expect.objectContaining({ status, code, detail: expect.stringContaining(said) }),
    ]);
    const page = await service.get(`/fail/${kind}`);
    expect(page.status).toBe(status);
    expect(page.text).toContain(said.replace("<b>no</b>", "&lt;b&gt;no&lt;/b&gt;"));
    expect(page.headers.get("retry-after")).toBe(kind === "keys" ? "7" : null);
    // The page for a transient error links to itself, all others link to the start page.
    expect(page.text).toContain(kind === "keys" ? 'href="">Try again' : 'href="/">Go to the start');
  }
});

test("a session that is too large names its largest field with its size", async () => {
  await using service = await start();
  const { text } = await service.get("/api/fail/large");
  expect(JSON.parse(text).detail).toMatch(/largest field is note with 3002 bytes/);
});

test("a field's name in a message is short and without control characters", () => {
  const control = String.fromCharCode(27);
  const { message } = new SessionNotSerializableError(`größe${control}[31m${"x".repeat(5_000)}`);
  expect(message).toContain("field größe\\u001b[31mxxx");
  expect(message.length).toBeLessThan(300);
});

test("details of an unexpected error are in the log, and not in the response", async () => {
  await using service = await start();
  for (const kind of ["bug", "text", "operator", "server"]) {
    for (const path of [`/fail/${kind}`, `/api/fail/${kind}`]) {
      const { status, text } = await service.get(path);
      expect([kind, status]).toEqual([kind, 500]);
      expect(text).not.toMatch(/hunter2|var\/secret|NOT_FOR|TypeError|\.ts/);
      expect(text).toContain("fault on our side");
      const [line, ...others] = service.lines.splice(0);
      expect(others).toEqual([]);
      expect(line).toMatchObject({ severity: "ERROR", message: `GET ${path} failed` });
      expect(JSON.stringify(line)).toMatch(kind === "operator" ? /var\/secret/ : /hunter2/);
    }
  }
});

test("an operator error is logged with cause and remedy, a bug with its stack", async () => {
  await using service = await start();
  await service.get("/fail/operator");
  await service.get("/fail/bug");
  const [mistake, bug] = service.lines;
  expect(mistake).toMatchObject({
    code: "CONFIG_INVALID",
    cause: "The disk at /var/secret is full. Empty it.",
  });
  expect(mistake).not.toHaveProperty("err");
  expect(bug).toMatchObject({
    err: { type: "TypeError", stack: expect.stringContaining("    at ") },
  });
});

test("a cookie that needs https is logged, and a client's bad request is not", async () => {
  await using service = await start();
  await service.get("/fail/http");
  await service.get("/fail/client");
  expect(service.lines).toEqual([
    expect.objectContaining({
      severity: "WARNING",
      code: "COOKIE_NEEDS_HTTPS",
      cause: expect.stringContaining("SESSION_COOKIE_SECURE=false"),
    }),
  ]);
});

test("the error page replaces the headers and the body that the route has set", async () => {
  await using service = await start();
  const { headers } = await service.get("/fail/bug");
  expect(Object.fromEntries(headers)).toMatchObject({
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
  });
  expect(headers.get("location")).toBeNull();
  expect(headers.get("etag")).not.toBe('"1"');
});

test("an error after the headers are sent closes the connection, so that the client sees an incomplete response", async () => {
  await using service = await start();
  await expect(service.get("/half")).rejects.toThrow();
  expect(service.lines).toEqual([expect.objectContaining({ message: "GET /half failed" })]);
});

test("an error after a complete response is logged, and the client receives all of the response", async () => {
  await using service = await start();
  const { status, text } = await service.get("/whole");
  expect([status, text.length]).toEqual([200, LARGE]);
  expect(service.lines).toEqual([expect.objectContaining({ event: "request_failed" })]);
});

test("a client that leaves in the middle of a stream is not an error", async () => {
  await using service = await start();
  const left = new Promise((resolve) => {
    service.server.once("request", (_req, res) => res.once("close", resolve));
  });
  const response = await fetch(`${service.url}/endless`);
  await response.body?.cancel();
  await left;
  // The route's rejection reaches the error handler after the close event.
  await new Promise(setImmediate);
  expect(service.lines).toEqual([]);
});
