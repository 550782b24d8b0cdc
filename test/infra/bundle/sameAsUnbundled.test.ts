import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { compileForNode } from "../../../infra/bundle/compile.ts";

const ROOT = join(__dirname, "..", "..", "..");
const PROBE = join(__dirname, "probe.ts");

interface Probe {
  readonly process: ChildProcess;
  readonly port: number;
  readonly directory: string;
}

/** Outside the checkout, so that its node_modules are out of reach. */
const folder = realpathSync(mkdtempSync(join(tmpdir(), "phoenix-probe-")));
const probes: Probe[] = [];

async function startProbe(program: string): Promise<Probe> {
  const child = spawn(process.execPath, [program], {
    env: { NODE_ENV: "production" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const probe = { process: child, port: 0, directory: "" };
  probes.push(probe);
  const [line] = await once(createInterface({ input: child.stdout }), "line");
  const [port, directory] = line.split(" ");
  return Object.assign(probe, { port: Number(port), directory });
}

let bundled: Probe;
let unbundled: Probe;
beforeAll(async () => {
  compileForNode(ROOT, { probe: "test/infra/bundle/probe.ts" }, folder);
  [bundled, unbundled] = await Promise.all([
    startProbe(join(folder, "probe.js")),
    startProbe(PROBE),
  ]);
});
afterAll(() => {
  for (const { process } of probes) process.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

interface Sent {
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

/** Status, headers except Date, and body. */
async function answerOf({ port }: Probe, { path, headers = {}, body }: Sent): Promise<unknown> {
  const method = body === undefined ? "GET" : "POST";
  const options = { host: "127.0.0.1", port, path, method, headers, agent: false };
  const sent = request(options).end(body);
  const [response] = await once(sent, "response");
  const { date: _, ...rest } = response.headers;
  return { status: response.statusCode, headers: rest, body: await text(response) };
}

async function answers(sent: Sent) {
  const [one, other] = await Promise.all([answerOf(bundled, sent), answerOf(unbundled, sent)]);
  return { bundled: one, unbundled: other };
}

const TYPES =
  "atom avi avif bmp bz2 css csv doc docx eot epub flac gif gz heic html ico ics jar jpg js json jsonld " +
  "m3u8 m4a md mjs mov mp3 mp4 mpd odp ods odt oga ogg opus otf pdf png pptx rar rss rtf sh svg tar tif " +
  "toml ts tsv ttf txt vtt wasm wav weba webm webp woff woff2 xhtml xls xlsx xml yaml zip nosuch";

test.each(TYPES.split(" "))("res.type(%j) is the same", async (type) => {
  const { bundled, unbundled } = await answers({ path: `/type/${type}` });
  expect(bundled).toEqual(unbundled);
});

test.each<[string, Sent]>([
  ["bytes", { path: "/raw", body: Buffer.from([0, 255, 13, 10]) }],
  ["JSON", { path: "/json", body: '{"a":[1]}', headers: { "Content-Type": "application/json" } }],
  ["invalid JSON", { path: "/json", body: "{", headers: { "Content-Type": "application/json" } }],
  [
    "a form with nested fields",
    {
      path: "/form",
      body: "a[b][]=1&a[b][]=2&c=%E4%F6",
      headers: { "Content-Type": "application/x-www-form-urlencoded;charset=iso-8859-1" },
    },
  ],
  ...["utf-8", "utf-16le", "iso-8859-15", "shift_jis", "gb18030", "big5", "koi8-r", "klingon"].map(
    (charset): [string, Sent] => [
      `text in ${charset}`,
      {
        path: "/text",
        body: Buffer.from("e3a4c3b6b1e2", "hex"),
        headers: { "Content-Type": `text/plain; charset=${charset}` },
      },
    ],
  ),
])("a body of %s is parsed the same", async (_what, sent) => {
  const { bundled, unbundled } = await answers(sent);
  expect(bundled).toEqual(unbundled);
});

test.each<[string, Sent]>([
  [
    "an address behind proxies",
    { path: "/ip", headers: { "X-Forwarded-For": "192.0.2.1, 2001:db8::2" } },
  ],
  ["assert and assert/strict", { path: "/assert" }],
  ["a Worker", { path: "/worker" }],
  ["dynamically imported packages", { path: "/late" }],
  ["a log line", { path: "/log" }],
  ["an error", { path: "/throws" }],
  ["a page that doesn't exist", { path: "/nothing" }],
])("%s: the same", async (_what, sent) => {
  const { bundled, unbundled } = await answers(sent);
  expect(bundled).toEqual(unbundled);
});

test("import.meta.dirname is the program's folder", () => {
  expect(bundled.directory).toBe(folder);
  expect(unbundled.directory).toBe(__dirname);
});
