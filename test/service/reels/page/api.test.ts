import { expect, test } from "@jest/globals";
import { createApi, RefusedError } from "../../../../service/reels/page/api.ts";

type Reply = Response | Error;

interface SentRequest {
  readonly path: string;
  readonly method: string;
  readonly headers: Headers;
  readonly body: unknown;
  readonly signal: unknown;
}

/** An API whose fake service gives these responses in order. */
function bench(...replies: Reply[]) {
  return benchWith(true, ...replies);
}

/** The same, with or without a new CSRF token. */
function benchWith(renews: boolean, ...replies: Reply[]) {
  let renewals = 0;
  const chance = { value: 1 };
  const requests: SentRequest[] = [];
  const waits: number[] = [];
  const api = createApi({
    async fetch(input, init = {}) {
      const { method = "GET", headers, body, signal } = init;
      requests.push({ path: String(input), method, headers: new Headers(headers), body, signal });
      const reply = replies.shift();
      if (reply instanceof Response) return reply;
      throw reply ?? new Error("nothing more was expected");
    },
    csrfToken: () => (renewals > 0 ? "the new token" : "the token"),
    async renewCsrfToken() {
      renewals += 1;
      return renews;
    },
    wait: async (milliseconds) => void waits.push(milliseconds),
    random: () => chance.value,
  });
  return { api, requests, waits, chance };
}

function json(body: unknown, init: ResponseInit = {}): Response {
  return new Response(JSON.stringify(body), init);
}

/** A response that is cut off in its body. */
function brokenOff(status: number): Response {
  const body = new ReadableStream({
    start(controller) {
      controller.enqueue(Buffer.from('{"clips": ['));
    },
    pull: (controller) => controller.error(new TypeError("terminated")),
  });
  return new Response(body, { status });
}

const busy = (retryAfter?: string) =>
  json(
    { status: 503, code: "keys_unavailable", title: "One moment, please" },
    { status: 503, ...(retryAfter !== undefined && { headers: { "Retry-After": retryAfter } }) },
  );

test("an answer includes the service's time", async () => {
  const date = "Fri, 15 Jan 2027 08:00:00 GMT";
  const { api, requests } = bench(json({ clips: [], instance: "i" }, { headers: { date } }));
  expect(await api.reel()).toEqual({
    body: { clips: [], instance: "i" },
    date: Date.parse(date) / 1000,
  });
  const [request] = requests;
  expect(request?.path).toBe("/api/reel");
  expect(request?.headers.get("accept")).toBe("application/json");
  expect(request?.headers.get("x-csrf-token")).toBeNull();
});

test("a response without a Date header is accepted", async () => {
  const { api } = bench(json({ clips: null }), json({}, { headers: { date: "soon" } }));
  expect((await api.reel()).date).toBeUndefined();
  expect((await api.reel()).date).toBeUndefined();
});

test("each method requests its URL", async () => {
  const { api, requests } = bench(json({}), json({}), json({}));
  await api.clips();
  await api.clipUrl("tides");
  await api.reel();
  expect(requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
    "GET /api/clips",
    "GET /api/clips/tides/url",
    "GET /api/reel",
  ]);
});

test("a reel is saved as JSON, with the CSRF token", async () => {
  const { api, requests } = bench(json({ clips: ["tides"] }));
  await api.saveReel(["tides"]);
  const [request] = requests;
  expect(request).toMatchObject({ method: "POST", path: "/api/reel", body: '{"clips":["tides"]}' });
  expect(request?.headers.get("x-csrf-token")).toBe("the token");
  expect(request?.headers.get("content-type")).toBe("application/json");
});

test("transient failures are retried with a delay: no response, a busy service, a response cut off", async () => {
  const half = new Response('{"clips": [');
  const { api, waits, requests } = bench(new TypeError("no answer"), busy(), half, json({ n: 1 }));
  expect((await api.clips()).body).toEqual({ n: 1 });
  expect(waits).toEqual([400, 800, 1600]);
  expect(requests).toHaveLength(4);
});

test("the delay is the service's Retry-After", async () => {
  const { api, waits } = bench(busy("5"), json({}));
  await api.clips();
  expect(waits).toEqual([5400]);
});

test("delays grow exponentially, with jitter", async () => {
  const { api, waits, chance } = bench(busy(), busy(), busy(), json({}));
  chance.value = 0.5;
  await api.clips();
  expect(waits).toEqual([300, 600, 1200]);
});

test("a Retry-After that is too long fails at once", async () => {
  const { api, waits, requests } = bench(busy("60"));
  await expect(api.clips()).rejects.toMatchObject({ status: 503 });
  expect([waits, requests.length]).toEqual([[], 1]);
});

test("a response that is cut off is retried, whatever its status", async () => {
  const { api, waits } = bench(brokenOff(200), json({ n: 1 }));
  expect((await api.clips()).body).toEqual({ n: 1 });
  expect(waits).toEqual([400]);
});

test("if every response is cut off, the service counts as unreachable", async () => {
  const tooLate = () => new DOMException("signal timed out", "TimeoutError");
  const late = bench(tooLate(), tooLate(), tooLate(), tooLate());
  await expect(late.api.clips()).rejects.toBeInstanceOf(TypeError);
  const half = () => new Response('{"clips": [');
  const broken = bench(half(), half(), half(), half());
  await expect(broken.api.clips()).rejects.toBeInstanceOf(TypeError);
});

test("an error response that is cut off is still a RefusedError", async () => {
  const { api, waits } = bench(brokenOff(401));
  await expect(api.clips()).rejects.toMatchObject({ status: 401, code: "unknown" });
  expect(waits).toEqual([]);
});

test("each attempt has its own timeout, and sends the same request", async () => {
  const { api, requests } = bench(new TypeError("no answer"), json({}));
  await api.saveReel(["tides"]);
  const [first, second] = requests;
  expect(first?.signal).toBeInstanceOf(AbortSignal);
  expect(second?.signal).toBeInstanceOf(AbortSignal);
  expect(second?.signal).not.toBe(first?.signal);
  expect(second?.body).toBe(first?.body);
  expect(second?.headers.get("x-csrf-token")).toBe("the token");
});

test("an error response throws RefusedError with its status and code", async () => {
  const { api, requests, waits } = bench(busy(), busy(), busy(), busy(), json({}));
  const refused = await api.clips().catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(RefusedError);
  expect(refused).toMatchObject({
    status: 503,
    code: "keys_unavailable",
    message: "One moment, please",
  });
  expect([requests.length, waits.length]).toEqual([4, 3]);
});

test("status 401 is not retried", async () => {
  const title = "Your session has expired";
  const { api, waits } = bench(
    json(
      { status: 401, code: "session_expired", title, detail: "Sign in and try again." },
      { status: 401 },
    ),
  );
  await expect(api.saveReel([])).rejects.toMatchObject({
    status: 401,
    code: "session_expired",
    message: "Sign in and try again.",
  });
  expect(waits).toEqual([]);
});

test("an error response that is no problem document throws RefusedError with its status", async () => {
  const { api } = bench(new Response("<h1>Forbidden</h1>", { status: 403 }));
  await expect(api.clips()).rejects.toMatchObject({
    status: 403,
    code: "unknown",
    message: "The service answered 403.",
  });
});

test("without any response the error is fetch's own", async () => {
  const gone = () => new TypeError("Failed to fetch");
  const { api } = bench(gone(), gone(), gone(), gone());
  await expect(api.clips()).rejects.toThrow(TypeError);
});

const stale = () =>
  json({ status: 403, code: "csrf_token_invalid", title: "No longer valid" }, { status: 403 });

test("a save whose CSRF token is stale is sent once more with the new one", async () => {
  const { api, requests } = bench(stale(), json({ clips: ["tides"], instance: "i" }));
  expect((await api.saveReel(["tides"])).body.clips).toEqual(["tides"]);
  expect(requests.map(({ headers }) => headers.get("x-csrf-token"))).toEqual([
    "the token",
    "the new token",
  ]);
});

test("a save fails if its CSRF token is refused again, or if there is no new one", async () => {
  for (const { api, requests, sent } of [
    { ...bench(stale(), stale(), stale()), sent: 2 },
    { ...benchWith(false, stale(), stale()), sent: 1 },
  ]) {
    await expect(api.saveReel(["tides"])).rejects.toMatchObject({ code: "csrf_token_invalid" });
    expect(requests).toHaveLength(sent);
  }
});
