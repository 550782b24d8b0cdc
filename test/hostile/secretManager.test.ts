import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import fc from "fast-check";
import { createHttpFetch } from "../../service/google/httpFetch.ts";
import type { KeyLookup } from "../../service/keys/sessionKeys.ts";
import { crc32c } from "../../service/pure/crc32c.ts";
import { anyText } from "../support/arbitraries.ts";
import { serve } from "../support/httpServer.ts";
import { createKeyBench } from "../support/keyBench.ts";

const unhandled: unknown[] = [];
const onUnhandled = (reason: unknown) => void unhandled.push(reason);
beforeEach(() => {
  process.on("unhandledRejection", onUnhandled);
});
afterEach(async () => {
  await new Promise(setImmediate);
  process.off("unhandledRejection", onUnhandled);
  expect(unhandled.splice(0)).toEqual([]);
});

/** Corrupts one response of Secret Manager. No corruption makes another payload valid. */
type Spoiling = (
  body: string,
  status: number,
  /** Valid responses to other requests, the newest last. */
  earlier: readonly string[],
) => Response | Promise<Response>;

const STATUSES = [200, 201, 206, 301, 302, 400, 401, 403, 404, 409, 418, 429, 500, 503, 599];

function answer(body: string | Uint8Array<ArrayBuffer>, status = 200): Response {
  return new Response(body, { status, headers: { "content-type": "application/json" } });
}

function edited(change: (body: Record<string, unknown>) => unknown): Spoiling {
  return (body, status) => answer(JSON.stringify(change(JSON.parse(body))), status);
}

function payloadOf(body: Record<string, unknown>): Record<string, unknown> {
  return (body.payload ?? {}) as Record<string, unknown>;
}

const spoiling: fc.Arbitrary<Spoiling> = fc.oneof(
  fc.constant((body: string, status: number) => answer(body, status)),
  fc.constantFrom(...STATUSES).map((status) => (body: string) => answer(body, status)),
  fc
    .constantFrom(...STATUSES)
    .chain((status) =>
      fc.jsonValue({ maxDepth: 4 }).map((value) => () => answer(JSON.stringify(value), status)),
    ),
  anyText().map((text) => () => answer(text)),
  fc.uint8Array().map((bytes) => () => answer(Uint8Array.from(bytes))),
  fc
    .double({ min: 0, max: 0.999, noNaN: true })
    .map((part) => (body: string) => answer(body.slice(0, Math.floor(body.length * part)))),
  fc
    .jsonValue({ maxDepth: 2 })
    .map((value) => edited((body) => ({ ...body, name: value, versions: value, payload: value }))),
  fc
    .jsonValue({ maxDepth: 1 })
    .map((value) =>
      edited((body) => ({ ...body, payload: { ...payloadOf(body), dataCrc32c: value ?? "x" } })),
    ),
  fc.uint8Array({ minLength: 33, maxLength: 64 }).map((bytes) =>
    edited((body) => ({
      ...body,
      payload: { ...payloadOf(body), data: Buffer.from(bytes).toString("base64") },
    })),
  ),
  fc.constantFrom(1, 2, 3, 4, 7, -1, 0, "latest", "1e0", "01").map((version) =>
    edited((body) => ({
      ...body,
      name: `projects/1/secrets/SECRET_KEY/versions/${version}`,
    })),
  ),
  fc.constantFrom("OTHER", "", "../SECRET_KEY", "SECRET_KEY/versions/1").map((secret) =>
    edited((body) => ({
      ...body,
      name: String(body.name).replace("SECRET_KEY", secret),
      versions: Array.isArray(body.versions)
        ? body.versions.map((one) => ({ ...one, name: one.name.replace("SECRET_KEY", secret) }))
        : undefined,
    })),
  ),
  fc.jsonValue({ maxDepth: 1 }).map((value) =>
    edited((body) => ({
      ...body,
      versions: Array.isArray(body.versions)
        ? body.versions.map((one) => ({ ...one, createTime: value }))
        : value,
      nextPageToken: value,
    })),
  ),
  fc.nat(9).map(
    (back): Spoiling =>
      (body, status, earlier) =>
        answer(earlier.at(-1 - back) ?? body, status),
  ),
  fc.constant(edited((body) => ({ ...body, nextPageToken: "for ever" }))),
  fc.constant(() => answer(`{"error":{"code":404,"status":"NOT_FOUND"}}`, 200)),
  fc.constant(() => answer(`{"error":{"status":"FAILED_PRECONDITION"}}`, 503)),
  fc.constant(() => answer(`{"error":{"status":"NOT_FOUND"}}`, 500)),
  fc.constant(() => answer("[".repeat(100_000))),
  fc.constant(() => Promise.reject(new TypeError("fetch failed"))),
  fc.constant(() => Promise.reject(new Error("anything"))),
  fc.constant(() => Promise.reject("not even an error")),
  fc.constant(() => new Response(null, { status: 204 })),
  fc.constant(() => new Response(brokenStream(), { status: 200 })),
);

function brokenStream(): ReadableStream {
  return new ReadableStream({
    pull: (controller) => controller.error(new Error("the connection broke")),
  });
}

// ASVS 9.1.3
test("no response of Secret Manager makes the keys throw, accept a wrong key or log a payload", async () => {
  let found = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(spoiling, { minLength: 1, maxLength: 12 }),
      fc.array(fc.constantFrom("1", "2", "3", "4", "01", "x"), { maxLength: 6 }),
      fc.boolean(),
      async (spoilings, kids, wellFirst) => {
        const bench = createKeyBench();
        const payloads = Array.from({ length: 3 }, () => randomBytes(36).toString("base64url"));
        for (const payload of payloads) bench.add(payload);
        bench.disable(2);
        await bench.time.advance(7_200);
        let spoil = !wellFirst;
        let calls = 0;
        const earlier: string[] = [];
        const keys = bench.keys({
          async fetch(input, init) {
            const response = await bench.standIn.fetch(input, init);
            const body = await response.text();
            if (response.ok) earlier.push(body);
            if (!spoil) return answer(body, response.status);
            const apply = spoilings[calls % spoilings.length] as Spoiling;
            calls += 1;
            return apply(body, response.status, earlier);
          },
        });

        const check = (kid: string, lookup: KeyLookup) => {
          if (lookup.status === "found") {
            expect(["1", "3"]).toContain(kid);
            const secret = lookup.key.secret.export().toString();
            expect([lookup.key.kid, secret]).toEqual([kid, payloads[Number(kid) - 1]]);
            found += 1;
          }
          if (wellFirst && ["1", "3"].includes(kid)) expect(lookup.status).toBe("found");
        };

        await bench.time.settle(keys.readiness());
        spoil = true;
        for (let round = 0; round < 3; round += 1) {
          await bench.time.settle(keys.refresh() ?? Promise.resolve());
          for (const kid of kids) check(kid, await bench.time.settle(keys.find(kid)));
          const signer = keys.signer();
          if (signer !== undefined) check(signer.kid, { status: "found", key: signer });
          await bench.time.settle(keys.readiness());
          await bench.time.advance(73);
        }
        const log = JSON.stringify(keys.lines);
        for (const payload of payloads) {
          expect(log).not.toContain(payload);
          expect(log).not.toContain(Buffer.from(payload).toString("base64"));
        }
      },
    ),
    { numRuns: 120 },
  );
  expect(found).toBeGreaterThan(0);
});

test("a corrupted payload is refused for its checksum: with the right one it would be accepted", async () => {
  const bench = createKeyBench();
  bench.add();
  const other = Buffer.from("another payload that is long enough to be a key");
  const keys = bench.keys({
    async fetch(input, init) {
      const response = await bench.standIn.fetch(input, init);
      const body: Record<string, unknown> = JSON.parse(await response.text());
      if (body.payload === undefined) return answer(JSON.stringify(body), response.status);
      const data = other.toString("base64");
      return answer(JSON.stringify({ ...body, payload: { data, dataCrc32c: crc32c(other) } }));
    },
  });
  await bench.time.settle(keys.readiness());
  expect(keys.signer()?.secret.export().toString()).toBe(other.toString());
});

test("an endless response is aborted, and only makes the instance not ready", async () => {
  let sent = 0;
  await using flood = await serve((_req, res) => {
    res.writeHead(200, { "content-type": "application/json" });
    const piece = new Uint8Array(65_536).fill(0x20);
    const more = () => {
      while (!res.destroyed && sent < 200_000_000) {
        sent += piece.length;
        if (!res.write(piece)) return void res.once("drain", more);
      }
      res.end();
    };
    more();
  });
  const keys = createKeyBench().keys({
    endpoint: flood.url,
    fetch: createHttpFetch(),
    abortAfter: AbortSignal.timeout,
  });
  expect(await keys.readiness()).toMatchObject({ ready: false });
  expect(sent).toBeLessThan(100_000_000);
  expect(await keys.find("1")).toMatchObject({ status: "unavailable" });
});
