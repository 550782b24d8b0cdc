import { expect, test } from "@jest/globals";
import type { Answer } from "../../../../service/reels/page/api.ts";
import {
  createClipSources,
  PARALLEL_REQUESTS,
} from "../../../../service/reels/page/clipSources.ts";
import type { ClipUrl } from "../../../../service/reels/wire.ts";

/** The service's clock, which differs from the device's. */
const DATE = 1_800_000_000;
const LIFETIME = 300;

function bench({ date = DATE }: { date?: number | undefined } = {}) {
  const time = { up: 5000 };
  const told: string[] = [];
  const requests: { id: string; end: PromiseWithResolvers<Answer<ClipUrl>> }[] = [];
  const sources = createClipSources({
    api: {
      clipUrl(id) {
        const end = Promise.withResolvers<Answer<ClipUrl>>();
        requests.push({ id, end });
        return end.promise;
      },
    },
    uptime: () => time.up,
    onSource: (id, { url }) => void told.push(`${id} ${url}`),
  });
  function answer(number: number, at: number | undefined = date): void {
    const body = {
      url: `/media/${number}`,
      poster_url: `/media/${number}.jpg`,
      expires_at: DATE + LIFETIME,
      instance: "i",
    };
    requests[number]?.end.resolve({ body, date: at });
  }
  return { sources, time, told, requests, answer };
}

test("concurrent calls share one request for a clip's URL", async () => {
  const { sources, requests, answer, told } = bench();
  const both = [sources.get("tides"), sources.get("tides")];
  answer(0);
  for (const { url } of await Promise.all(both)) expect(url).toBe("/media/0");
  expect(requests).toHaveLength(1);
  expect(told).toEqual(["tides /media/0"]);
  expect(sources.peek("tides")?.url).toBe("/media/0");
  expect(sources.peek("coral")).toBeUndefined();
});

test("a URL is cached until shortly before it expires by the service's clock", async () => {
  const { sources, time, requests, answer } = bench();
  const first = sources.get("tides");
  answer(0);
  await first;
  time.up += LIFETIME - 21;
  expect((await sources.get("tides")).url).toBe("/media/0");
  time.up += 1;
  const second = sources.get("tides");
  answer(1, DATE + LIFETIME - 20);
  expect((await second).url).toBe("/media/1");
  expect(requests).toHaveLength(2);
});

test("a URL of unknown lifetime is not cached", async () => {
  const { sources, requests, answer } = bench();
  const first = sources.get("tides");
  requests[0]?.end.resolve({
    body: { url: "/a", poster_url: "/b", expires_at: DATE + LIFETIME, instance: "i" },
    date: undefined,
  });
  await first;
  const second = sources.get("tides");
  answer(1);
  expect((await second).url).toBe("/media/1");
});

test("renew requests a new URL even if the cached one has not expired", async () => {
  const { sources, answer } = bench();
  const first = sources.get("tides");
  answer(0);
  await first;
  const second = sources.renew("tides");
  answer(1);
  expect((await second).url).toBe("/media/1");
  expect((await sources.get("tides")).url).toBe("/media/1");
});

test("renew shares a request in flight", async () => {
  const { sources, requests, answer } = bench();
  const wanted = [sources.renew("tides"), sources.get("tides"), sources.renew("tides")];
  answer(0);
  const urls = (await Promise.all(wanted)).map(({ url }) => url);
  expect([urls, requests.length]).toEqual([["/media/0", "/media/0", "/media/0"], 1]);
});

test("a URL from a slow response is cached for its remaining lifetime only", async () => {
  const { sources, time, requests, answer } = bench();
  const first = sources.get("tides");
  answer(0, DATE + LIFETIME - 30);
  await first;
  time.up += 9;
  expect((await sources.get("tides")).url).toBe("/media/0");
  time.up += 1;
  const second = sources.get("tides");
  answer(1);
  expect((await second).url).toBe("/media/1");
  expect(requests).toHaveLength(2);
});

test("a failed request frees its slot, and fails no other request", async () => {
  const { sources, requests, answer } = bench();
  const all = Array.from({ length: 7 }, (_, index) => sources.get(`clip-${index}`));
  expect(PARALLEL_REQUESTS).toBe(6);
  requests[0]?.end.reject(new TypeError("no answer"));
  await expect(all[0]).rejects.toThrow("no answer");
  await new Promise((resolve) => setImmediate(resolve));
  for (let number = 1; number < 7; number++) answer(number);
  expect(await Promise.all(all.slice(1))).toHaveLength(6);
});

test("a failure is passed on and not cached", async () => {
  const { sources, requests, answer } = bench();
  const first = sources.get("tides");
  requests[0]?.end.reject(new TypeError("no answer"));
  await expect(first).rejects.toThrow("no answer");
  const second = sources.get("tides");
  answer(1);
  expect((await second).url).toBe("/media/1");
});

test("the number of requests in flight is limited", async () => {
  const { sources, requests, answer } = bench();
  const all = Array.from({ length: 12 }, (_, index) => sources.get(`clip-${index}`));
  await new Promise((resolve) => setImmediate(resolve));
  expect(requests).toHaveLength(PARALLEL_REQUESTS);
  for (let number = 0; number < 12; number++) {
    answer(number);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all(all);
  expect(requests.map(({ id }) => id)).toEqual(all.map((_, index) => `clip-${index}`));
});
