import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { type InjectOptions, inject, type Response } from "light-my-request";
import { application } from "../../../service/reels/application.ts";
import { createClipUrls } from "../../../service/reels/clipUrl.ts";
import { ada } from "../../local/identity/users.ts";
import { expectSoundAnswer } from "../sound.ts";
import { clock, cookieOf, createTarget, sessionOf, tokenFor } from "../target.ts";

const VIDEO = readFileSync(join(import.meta.dirname, "../../../service/reels/clips/embers.mp4"));

const target = createTarget({ application });
const media = createClipUrls({ sealer: target.sealer, clock }).sign("embers.mp4", clock() + 300);

async function send(request: InjectOptions): Promise<Response> {
  return inject(target.app, { headers: { host: "phoenix.example" }, ...request });
}

function expectSound(response: Response, request: unknown): void {
  expectSoundAnswer(response, request, "https://provider.example");
}

test("paths of no clip are refused without side effects, with a session and without", async () => {
  const paths = [
    "/api/clips/__proto__/url",
    "/api/clips/%2e%2e/url",
    "/api/clips/%ff/url",
    "/api/clips/%/url",
    "/media/embers.mp4",
    "/media/..%2fclips.json",
    "/media/%00",
    "/media/%E0%A4%A",
  ];
  const cookie = `session=${cookieOf(tokenFor(ada))}`;
  for (const url of paths) {
    for (const headers of [{}, { cookie }]) {
      const response = await send({ url, headers: { host: "phoenix.example", ...headers } });
      expectSound(response, { url, headers });
      expect(response.statusCode).toBeGreaterThanOrEqual(400);
    }
  }
});

test("bodies that are not a reel are refused without side effects", async () => {
  const bodies = [
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
  ];
  for (const payload of bodies) {
    const headers = {
      host: "phoenix.example",
      cookie: `session=${cookieOf(tokenFor(ada))}`,
      "x-csrf-token": sessionOf(ada).csrf_token,
      "content-type": "application/json",
    };
    const response = await send({ method: "POST", url: "/api/reel", headers, payload });
    expectSound(response, { payload });
    expect(response.statusCode).toBe(400);
  }
});

describe("a file", () => {
  const UNITS = "bytes=";

  /**
   * The part that a single range selects by RFC 9110, 14.2; undefined if the range is ignored. An
   * end beyond the file counts as "none", because the library refuses it.
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

  test("is sent whole or in exactly the requested part", async () => {
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

  test("is not sent in many small ranges", async () => {
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

  test("is refused with 412 if a precondition fails, which is not logged as an error", async () => {
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

  test("is found by its exact name only", async () => {
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

test("a clip's URL gives access to that file until it expires, and to no session", async () => {
  const session = tokenFor(ada);
  const headers = { host: "phoenix.example", cookie: `session=${cookieOf(session)}` };
  const { payload } = await send({ url: "/api/clips/embers/url", headers });
  const { url } = JSON.parse(payload) as { url: string };
  expect((await send({ url, method: "HEAD" })).statusCode).toBe(200);
  const token = new URL(url, "http://phoenix.example").searchParams.get("token") ?? "";
  const forged = { ...headers, cookie: `session=${cookieOf(token)}` };
  expect((await send({ url: "/api/reel", headers: forged })).statusCode).toBe(401);
  const { statusCode } = await send({ url: `/media/embers.mp4?token=${session}` });
  expect(statusCode).toBe(403);
});
