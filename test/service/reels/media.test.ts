import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import type { KeyLookup, SessionKeys } from "../../../service/keys/sessionKeys.ts";
import { CLIP_URL_LIFETIME, createClipUrls } from "../../../service/reels/clipUrl.ts";
import { ring } from "../../hostile/target.ts";
import { CLIPS, problem, type ReelApp, reelApp, refusal } from "./reelApp.ts";

const VIDEO = readFileSync(join(CLIPS, "embers.mp4"));
const POSTER = readFileSync(join(CLIPS, "embers.jpg"));
const SIZE = VIDEO.length;

/** Signs a URL with the lifetime that the service uses. */
function urlOf(app: ReelApp, file = "embers.mp4", lifetime = CLIP_URL_LIFETIME): string {
  const urls = createClipUrls({ sealer: app.sealer, clock: () => app.time.now });
  return urls.sign(file, app.time.now + lifetime);
}

const app = reelApp();
const url = urlOf(app);

test("a clip's video and poster are sent whole, without a session", async () => {
  for (const [file, type, content] of [
    ["embers.mp4", "video/mp4", VIDEO],
    ["embers.jpg", "image/jpeg", POSTER],
  ] as const) {
    const { statusCode, headers, rawPayload } = await app.send(urlOf(app, file));
    expect([statusCode, headers["content-type"]]).toEqual([200, type]);
    expect(headers).toMatchObject({
      "accept-ranges": "bytes",
      "content-length": String(content.length),
      etag: expect.any(String),
    });
    expect(headers["set-cookie"]).toBeUndefined();
    expect(rawPayload.equals(content)).toBe(true);
  }
});

test("only private caches may store a file, and no longer than its URL is valid", async () => {
  const travelling = reelApp();
  const media = urlOf(travelling);
  const start = travelling.time.now;
  for (const passed of [0, 1, 299]) {
    travelling.time.now = start + passed;
    for (const headers of [{}, { range: "bytes=0-9" }]) {
      const answer = await travelling.send({ url: media, headers });
      expect(answer.headers["cache-control"]).toBe(`private, max-age=${300 - passed}`);
    }
  }
  travelling.time.now = start + 300;
  expect(refusal(await travelling.send(media))).toEqual(problem(403, "clip_url_expired"));
});

test("HEAD has the headers of GET, without the file", async () => {
  const get = await app.send(url);
  const head = await app.send({ method: "HEAD", url });
  expect([head.statusCode, head.rawPayload.length]).toEqual([200, 0]);
  for (const name of ["content-length", "content-type", "etag", "cache-control", "accept-ranges"]) {
    expect([name, head.headers[name]]).toEqual([name, get.headers[name]]);
  }
});

describe("a part of a file", () => {
  /** Requests a range of the file. */
  async function part(range: string, more: Record<string, string> = {}) {
    const response = await app.send({ url, headers: { range, ...more } });
    const { statusCode, headers, rawPayload } = response;
    return { response, statusCode, range: headers["content-range"], rawPayload };
  }

  test.each([
    ["bytes=0-", 0, SIZE - 1],
    ["bytes=0-0", 0, 0],
    ["bytes=100-199", 100, 199],
    [`bytes=${SIZE - 1}-`, SIZE - 1, SIZE - 1],
    ["bytes=-100", SIZE - 100, SIZE - 1],
    [`bytes=100-${SIZE * 2}`, 100, SIZE - 1],
  ])("is sent for %s", async (header, first, last) => {
    const { statusCode, range, rawPayload } = await part(header);
    expect([statusCode, range]).toEqual([206, `bytes ${first}-${last}/${SIZE}`]);
    expect(rawPayload.equals(VIDEO.subarray(first, last + 1))).toBe(true);
  });

  test("is described by HEAD as well", async () => {
    const range = "bytes=100-199";
    const { statusCode, headers, rawPayload } = await app.send({
      method: "HEAD",
      url,
      headers: { range },
    });
    expect([statusCode, headers["content-range"], headers["content-length"]]).toEqual([
      206,
      `bytes 100-199/${SIZE}`,
      "100",
    ]);
    expect(rawPayload).toHaveLength(0);
  });

  test("beyond the file's end is refused with the file's size", async () => {
    for (const header of [`bytes=${SIZE}-`, `bytes=${SIZE}-${SIZE + 9}`]) {
      const { response, range } = await part(header);
      expect(refusal(response)).toEqual(problem(416, "range_not_satisfiable"));
      expect(range).toBe(`bytes */${SIZE}`);
    }
  });

  test("is not sent for several ranges or another unit: then the whole file is", async () => {
    for (const header of ["bytes=0-9,20-29", "bytes=0-0,-1", "items=0-9", "bytes"]) {
      const { statusCode, range, rawPayload } = await part(header);
      expect([header, statusCode, range, rawPayload.equals(VIDEO)]).toEqual([
        header,
        200,
        undefined,
        true,
      ]);
    }
  });

  test("is sent only if the file matches If-Range; otherwise the whole file is", async () => {
    const { headers } = await app.send({ method: "HEAD", url });
    const modified = String(headers["last-modified"]);
    for (const same of [String(headers.etag), modified]) {
      expect(await part("bytes=5-9", { "if-range": same })).toMatchObject({ statusCode: 206 });
    }
    for (const other of ['"another"', "Thu, 01 Jan 1970 00:00:01 GMT"]) {
      const { statusCode, range, rawPayload } = await part("bytes=5-9", { "if-range": other });
      expect([statusCode, range, rawPayload.length]).toEqual([200, undefined, SIZE]);
    }
  });
});

test("a cached file is revalidated with 304 and may be cached again", async () => {
  const { headers } = await app.send({ method: "HEAD", url });
  const again = await app.send({ url, headers: { "if-none-match": String(headers.etag) } });
  expect([again.statusCode, again.rawPayload.length]).toEqual([304, 0]);
  expect(again.headers["cache-control"]).toBe("private, max-age=300");
  const changed = await app.send({ url, headers: { "if-none-match": '"another"' } });
  expect(changed.statusCode).toBe(200);
});

test("a precondition that fails is refused with a problem document", async () => {
  const response = await app.send({ url, headers: { "if-match": '"another"' } });
  expect(refusal(response)).toEqual(problem(412, "precondition_failed"));
});

describe("a file is refused", () => {
  const INVALID = problem(403, "clip_url_invalid");

  test("without a token, with an invalid one, and with several", async () => {
    const token = url.replace(/^.*token=/, "");
    for (const query of ["", "?token=", "?token=v1.3.x", `?token=${token}&token=${token}`]) {
      expect(refusal(await app.send(`/media/embers.mp4${query}`))).toEqual(INVALID);
    }
    const { detail } = (await app.send("/media/embers.mp4")).json<{ detail: string }>();
    expect(detail).toBe("GET /api/clips/ID/url returns a new URL.");
  });

  test("under a name that is not a clip's, or outside the folder, even with a token for that name", async () => {
    for (const file of ["clips.json", "nothing.mp4", "../server.ts", "../clips/embers.mp4"]) {
      const query = urlOf(app, file).replace(/^[^?]*/, "");
      const response = await app.send(`/media/${encodeURIComponent(file)}${query}`);
      expect([file, refusal(response)]).toEqual([file, INVALID]);
    }
  });

  test("when its URL's key was disabled", async () => {
    const disabled = urlOf(reelApp({ keys: ring("1") }));
    expect(disabled).toContain(".v1.1.");
    expect(refusal(await app.send(disabled))).toEqual(INVALID);
  });

  test("but not because of a rotation", async () => {
    const before = urlOf(reelApp({ keys: ring("2") }));
    expect((await app.send(before)).statusCode).toBe(200);
  });

  test("with 503 and Retry-After while the key of its URL can't be read", async () => {
    const lookup: KeyLookup = { status: "unavailable", retryAfter: 7 };
    const keys: SessionKeys = { ...ring(), find: async () => lookup };
    const { statusCode, headers } = await reelApp({ keys }).send(url);
    expect([statusCode, headers["retry-after"], headers["cache-control"]]).toEqual([
      503,
      "7",
      "no-store",
    ]);
    const json = { accept: "application/json" };
    const told = await reelApp({ keys }).send({ url, headers: json });
    expect(refusal(told)).toEqual(problem(503, "keys_unavailable"));
  });

  test("with 500 and a log line if it was deleted after the service started", async () => {
    const folder = mkdtempSync(join(tmpdir(), "media-"));
    try {
      cpSync(CLIPS, join(folder, "clips"), { recursive: true });
      const broken = reelApp({ directory: folder });
      rmSync(join(folder, "clips", "embers.mp4"));
      expect(refusal(await broken.send(urlOf(broken)))).toEqual(problem(500, "clip_unreadable"));
      expect(broken.lines).toEqual([
        expect.objectContaining({ event: "clip_unreadable", file: "embers.mp4" }),
      ]);
      expect((await broken.send(urlOf(broken, "embers.jpg"))).statusCode).toBe(200);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("without repeating the token in the response", async () => {
    const token = urlOf(app, "aurora.mp4").replace(/^.*token=/, "");
    const response = await app.send(`/media/embers.mp4?token=${token}`);
    expect(refusal(response)).toEqual(INVALID);
    expect(JSON.stringify([response.headers, response.payload])).not.toContain(token);
  });
});
