import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import fc from "fast-check";

/** Output of answeringServer.ts. */
interface Announcement {
  /** Ports of the servers with plain and with Secure cookies. */
  readonly ports: readonly [http: number, secure: number];
  readonly styles: readonly string[];
  readonly late: readonly string[];
  readonly changes: readonly string[];
}

// A process of its own, because the tests check that it survives.
let server: ChildProcess;
let announced: Announcement;
let cookie: string;
const log: Record<string, unknown>[] = [];
let requests = 0;

beforeAll(async () => {
  const file = join(import.meta.dirname, "answeringServer.ts");
  server = spawn(process.execPath, [file], { stdio: ["ignore", "pipe", "inherit"] });
  if (server.stdout === null) throw new Error("The server has no output.");
  const lines = createInterface(server.stdout)[Symbol.asyncIterator]();
  announced = JSON.parse((await lines.next()).value ?? "");
  void collect(lines);
  const signedIn = await fetch(`http://127.0.0.1:${announced.ports[0]}/sign-in`);
  cookie = signedIn.headers.getSetCookie()[0]?.split(";")[0] ?? "";
});

afterAll(() => {
  server.kill();
});

async function collect(lines: AsyncIterator<string>): Promise<void> {
  for (let line = await lines.next(); !line.done; line = await lines.next()) {
    log.push(JSON.parse(line.value));
  }
}

/** Log lines of a request, once there are any. */
async function logOf(request: string): Promise<Record<string, unknown>[]> {
  const of = () => log.filter((line) => line.request === request);
  while (of().length === 0) await new Promise(setImmediate);
  // A second line would arrive together with the first.
  await (await fetch(`http://127.0.0.1:${announced.ports[0]}/slow`)).text();
  return of();
}

interface Asked {
  readonly style: string;
  readonly change: string;
  readonly secure?: boolean;
  readonly stranger?: boolean;
}

/** The response to one request, while another one is in flight. */
async function ask({ style, change, secure = false, stranger = false }: Asked) {
  requests += 1;
  const request = String(requests);
  const site = `http://127.0.0.1:${announced.ports[secure ? 1 : 0]}`;
  const other = fetch(`${site}/slow`);
  const response = await fetch(
    `${site}/answer?${new URLSearchParams({ style, change, request })}`,
    {
      headers: { accept: "text/html", ...(!stranger && { cookie }) },
      redirect: "manual",
    },
  );
  const text = await response.text();
  expect([(await other).status, await (await other).text()]).toEqual([200, "done"]);
  expect(server.exitCode).toBeNull();
  return { response, text, request };
}

async function expectRefusal(asked: Asked, status: number, code: string, named: string) {
  const { response, text, request } = await ask(asked);
  const { headers } = response;
  expect({ ...asked, status: response.status, text }).toMatchObject({
    status,
    text: expect.stringContaining(named),
  });
  expect(headers.getSetCookie().filter((line) => !line.startsWith("a=b"))).toEqual([]);
  expect([headers.get("content-type"), headers.get("cache-control")]).toEqual([
    "text/html; charset=utf-8",
    "no-store",
  ]);
  for (const name of ["etag", "location", "content-disposition", "last-modified"]) {
    expect([asked, name, headers.get(name)]).toEqual([asked, name, null]);
  }
  expect(await logOf(request)).toEqual([
    expect.objectContaining({ event: expect.stringMatching(/^request_/), code }),
  ]);
}

/** For each change that can't be stored: the error's code, and the field that it names. */
const REFUSALS: Record<string, readonly [code: string, named: string]> = {
  "too large": ["SESSION_TOO_LARGE", "notes"],
  "a BigInt": ["SESSION_NOT_SERIALIZABLE", "notes"],
  "a cycle": ["SESSION_NOT_SERIALIZABLE", "notes.again"],
  "a Map": ["SESSION_NOT_SERIALIZABLE", "notes[0]"],
  "a date": ["SESSION_NOT_SERIALIZABLE", "notes.deep.at"],
  "a match": ["SESSION_NOT_SERIALIZABLE", "notes"],
  "not a number": ["SESSION_NOT_SERIALIZABLE", "notes"],
  "a function": ["SESSION_NOT_SERIALIZABLE", "notes"],
  "a getter that throws": ["SESSION_NOT_SERIALIZABLE", "notes"],
  "a getter of its own that throws": ["SESSION_NOT_SERIALIZABLE", "notes"],
  "a sign-in that is too large": ["SESSION_TOO_LARGE", "user_email"],
};

test("however a handler responds, a session that can't be stored becomes an error that names the field, and is logged once", async () => {
  const [style, change] = [
    fc.constantFrom(...announced.styles),
    fc.constantFrom(...Object.keys(REFUSALS)),
  ];
  await fc.assert(
    fc.asyncProperty(style, change, async (style, change) => {
      const [code = "", named = ""] = REFUSALS[change] ?? [];
      await expectRefusal({ style, change }, 500, code, named);
    }),
    { numRuns: 100 },
  );
});

test("in every style of response a Secure cookie is refused over http, with the setting to change", async () => {
  for (const style of announced.styles) {
    const asked = { style, change: "a sign-in", secure: true };
    await expectRefusal(asked, 400, "COOKIE_NEEDS_HTTPS", "SESSION_COOKIE_SECURE");
  }
});

test("in every style of response, data stored without a session is refused by its field's name", async () => {
  for (const style of announced.styles) {
    const asked = { style, change: "nothing wrong with it", stranger: true };
    await expectRefusal(asked, 500, "SESSION_NOT_STARTED", "notes");
  }
});

test("in every style of response the session is stored, and the handler's own cookies are kept", async () => {
  for (const style of announced.styles) {
    for (const [change, names] of [
      ["nothing wrong with it", [/^data-[\w-]{8}=/]],
      ["a sign-in", [/^session=/]],
    ] as const) {
      const { response, text } = await ask({ style, change });
      const cookies = response.headers.getSetCookie();
      const own = cookies.filter((line) => !line.startsWith("a=b"));
      expect([style, change, own]).toEqual([
        style,
        change,
        names.map((name) => expect.stringMatching(name)),
      ]);
      expect(cookies.length - own.length).toBe(/writeHead/.test(style) ? 1 : 0);
      expect(response.status).toBeLessThan(400);
      if (response.status === 200) expect(text).toMatch(/done/);
    }
  }
});

test("a change after the headers were sent is logged once, and the response is unaffected", async () => {
  for (const style of announced.late) {
    for (const change of announced.changes) {
      const { response, text, request } = await ask({ style, change });
      expect([style, change, response.status, text]).toEqual([style, change, 200, "done"]);
      const cookies = response.headers.getSetCookie();
      expect(cookies.length).toBe(style === "after the answer to a sign-in" ? 1 : 0);
      expect(await logOf(request)).toEqual([
        expect.objectContaining({ event: "session_not_kept", code: "SESSION_CHANGED_LATE" }),
      ]);
    }
  }
});
