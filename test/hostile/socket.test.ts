import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { ada } from "../local/identity/users.ts";
import { closeServer, listenOnLoopback } from "../support/httpServer.ts";
import { createChance, seedFrom } from "./chance.ts";
import { everyPlace, everyShape } from "./cookies.ts";
import { cookieOf, createTarget, createTargetServer, createTokens, tokenFor } from "./target.ts";

/** HOSTILE_SEED repeats a run. */
const SEED = seedFrom(process.env.HOSTILE_SEED);
const CLIENT = { clientId: "phoenix", clientSecret: "a secret of the tests" };
/** Node's limit on a request's headers: https://nodejs.org/api/http.html#httpmaxheadersize */
const MAX_HEADERS = 16 * 1024;
const GOOD = `session=${cookieOf(tokenFor(ada))}`;

// Nothing listens there: a request that reaches the provider gets 503.
const oidc = { issuer: new URL("http://127.0.0.1:1"), ...CLIENT };
const target = createTarget({ oidc });
const server = createTargetServer(target.app);
let port: number;

const unhandled: unknown[] = [];
const onUnhandled = (reason: unknown) => void unhandled.push(reason);

beforeAll(async () => {
  process.on("unhandledRejection", onUnhandled);
  port = await listenOnLoopback(server);
});
afterAll(async () => {
  await closeServer(server);
  process.off("unhandledRejection", onUnhandled);
});

/** Sends raw bytes; returns the status of each response, and everything received. */
async function send(...chunks: (string | Buffer)[]): Promise<{ statuses: number[]; raw: string }> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  for (const chunk of chunks) {
    socket.write(typeof chunk === "string" ? Buffer.from(chunk, "latin1") : chunk);
  }
  socket.end();
  const raw = await text(socket).catch(() => "");
  const statuses = [...raw.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(([, status]) => Number(status));
  return { statuses, raw };
}

function get(target_: string, ...lines: string[]): string {
  return `${[`GET ${target_} HTTP/1.1`, "Host: phoenix.example", ...lines, "Connection: close"].join("\r\n")}\r\n\r\n`;
}

/** Expects that the server still accepts a valid session, and that no error was unhandled. */
async function expectUnharmed(): Promise<void> {
  const { statuses, raw } = await send(get("/api/note", `Cookie: ${GOOD}`));
  expect(statuses).toEqual([200]);
  expect(raw).toContain('"note":""');
  expect(unhandled).toEqual([]);
}

test.each([
  "/",
  "/login/callback?code=1&state=2",
  "//",
  "//evil.example/login/callback",
  "///",
  "/\\",
  "/?",
  "/#",
  "/a#b?c",
  "*",
  "http://phoenix.example/",
  "http://phoenix.example/login/callback?code=1&state=2",
  "http://phoenix.example:99999999/login/callback?code=1&state=2",
  "http://[/login/callback",
  "http://[::1/login/callback",
  "http://%zz/login/callback",
  "http://@/login/callback",
  "http:///login/callback",
  "https://evil.example/api/note",
  "foo://bar/login/callback",
  "foo:///login/callback",
  "foo://",
  "javascript://x/login/callback",
  "file:///etc/passwd",
  "/login/callback?\u00ff=\u00fe",
  "/login/callback?code=%ff&state=%",
  `/${"a".repeat(12_000)}`,
  `/login?returnTo=${"/a".repeat(6_000)}`,
  `/login/callback?${"a=b&".repeat(3_000)}`,
])("the request target %j is answered or refused without a server error", async (asked) => {
  for (const method of ["GET", "POST", "OPTIONS"]) {
    const { statuses, raw } = await send(
      get(asked, `Cookie: ${GOOD}`, "Content-Length: 0").replace("GET", method),
    );
    for (const status of statuses) expect([method, status]).not.toEqual([method, 500]);
    expect(raw).not.toMatch(/node_modules|\.ts:\d+|set-cookie: session/i);
  }
  await expectUnharmed();
});

test.each<[string, string | Buffer]>([
  ["something that is not a request", "hello\r\n\r\n"],
  ["nothing", ""],
  ["TLS", Buffer.from("16030100a5010000a10303", "hex")],
  ["HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
  ["HTTP/0.9", "GET /\r\n\r\n"],
  ["HTTP/1.0 without a host", "GET /api/note HTTP/1.0\r\n\r\n"],
  ["two hosts", get("/", "Host: evil.example")],
  ["no host", "GET / HTTP/1.1\r\n\r\n"],
  ["an unknown method", "BREW / HTTP/1.1\r\nHost: a\r\n\r\n"],
  ["CONNECT", "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n"],
  ["a header line without a colon", get("/", "Cookie")],
  ["a NUL in a header", get("/", "Cookie: session=\u0000")],
  ["a control character in a header", get("/", "Cookie: session=\u0007")],
  ["a line end in a header", get("/", "Cookie: session=a\rb")],
  ["a folded header", get("/", "Cookie: session=a\r\n b")],
  ["a name with a space", get("/", "Coo kie: a=b")],
  ["bytes above ASCII", get("/", `Cookie: session=${"\u00ff".repeat(3_000)}`)],
  ["an upgrade", get("/", "Upgrade: websocket", "Connection: Upgrade")],
  ["an expectation", get("/", "Expect: the-unexpected")],
  ["both lengths", get("/", "Content-Length: 5", "Transfer-Encoding: chunked")],
  ["two lengths", get("/", "Content-Length: 5", "Content-Length: 6")],
  ["a negative length", get("/", "Content-Length: -1")],
  ["a huge length", get("/", `Content-Length: ${"9".repeat(30)}`)],
  ["a length that is too long for what comes", get("/", "Content-Length: 50")],
  ["an unknown transfer encoding", get("/", "Transfer-Encoding: gzip")],
  ["a broken chunk", `${get("/", "Transfer-Encoding: chunked")}zz\r\n`],
  ["1,000 headers", get("/", ...Array.from({ length: 1_000 }, (_, i) => `x-${i}: ${i}`))],
])("%s is answered or refused, and the server continues", async (_what, bytes) => {
  const { statuses } = await send(bytes);
  for (const status of statuses) expect(status).toBeLessThan(500);
  await expectUnharmed();
});

test("a request that is smuggled behind another has only the rights of its own cookie", async () => {
  const smuggled = "GET /api/note HTTP/1.1\r\nHost: phoenix.example\r\n\r\n";
  const carriers = [
    `PUT /api/note HTTP/1.1\r\nHost: a\r\nCookie: ${GOOD}\r\nContent-Length: ${smuggled.length}\r\n\r\n`,
    `PUT /api/note HTTP/1.1\r\nHost: a\r\nCookie: ${GOOD}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    `GET /api/note HTTP/1.1\r\nHost: a\r\nCookie: ${GOOD}\r\n\r\n`,
  ];
  for (const carrier of carriers) {
    const { statuses } = await send(carrier + smuggled);
    expect(statuses.slice(1).every((status) => status === 401)).toBe(true);
  }
  await expectUnharmed();
});

test("a Cookie header is read up to Node's limit and refused beyond it", async () => {
  const around = get("/api/note", "Cookie: ").length;
  for (const filler of ["a=b; ", "session; ", ";", " ", "session=", "=", "\u00e9"]) {
    const room = MAX_HEADERS - around - GOOD.length - 200;
    const padding = filler.repeat(Math.floor(room / filler.length));
    const start = performance.now();
    const { statuses } = await send(get("/api/note", `Cookie: x${padding}; ${GOOD}`));
    expect([filler, statuses.length]).toEqual([filler, 1]);
    expect([200, 401]).toContain(statuses[0]);
    expect(performance.now() - start).toBeLessThan(10_000);
    const tooLong = `Cookie: x${padding}${padding}; ${GOOD}`;
    expect((await send(get("/api/note", tooLong))).statuses).toEqual([431]);
  }
  const many = Array.from({ length: 300 }, (_, index) => `Cookie: c${index}=${"v".repeat(20)}`);
  expect((await send(get("/api/note", ...many, `Cookie: ${GOOD}`))).statuses).toEqual([200]);
  await expectUnharmed();
});

test("hostile cookies have the same outcomes over a real connection", async () => {
  const chance = createChance(SEED);
  const tokens = createTokens();
  const every = [...everyPlace(tokens), ...everyShape(tokens)];
  const some = every.filter(() => chance.below(300) === 0);
  for (const { what, header } of some) {
    const { statuses, raw } = await send(get("/api/note", `Cookie: ${header}`));
    const context = { seed: SEED, what, statuses };
    if (statuses[0] !== 200) expect([[400], [401], [431]]).toContainEqual(context.statuses);
    expect(raw).not.toMatch(/set-cookie/i);
  }
  await expectUnharmed();
});

test("clients that disconnect early cause no server error", async () => {
  const requests = [
    get("/notes", `Cookie: ${GOOD}`),
    get("/static/style.css"),
    `PUT /api/note HTTP/1.1\r\nHost: a\r\nCookie: ${GOOD}\r\nContent-Type: application/json\r\nContent-Length: 9000\r\n\r\n{`,
    `POST /logout HTTP/1.1\r\nHost: a\r\nCookie: ${GOOD}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab`,
  ];
  for (let round = 0; round < 100; round += 1) {
    const socket = connect(port, "127.0.0.1").on("error", () => {});
    const request = requests[round % requests.length] ?? "";
    socket.write(request, () => setImmediate(() => socket.resetAndDestroy()));
    if (round % 10 === 0) await delay(1);
  }
  await expectUnharmed();
});

test("none of these requests was logged as an error", () => {
  const broken = target.lines.filter(
    ({ severity, reason }) =>
      /ERROR|CRITICAL|WARNING/.test(String(severity)) && reason !== "provider_unavailable",
  );
  const faults = broken.filter((line) => !/^GET \/login 503/.test(String(line.message)));
  expect(faults).toEqual([]);
});
