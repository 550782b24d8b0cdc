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

/** An API whose service gives these answers, one after another. */
function bench(...replies: Reply[]) {
  return benchWith(true, ...replies);
}

/** The same, where another token can be had or not. */
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

/** An answer whose connection ends before its body does. */
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

test("an answer comes with the time at which the service gave it", async () => {
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

test("a service that does not tell the time is believed all the same", async () => {
  const { api } = bench(json({ clips: null }), json({}, { headers: { date: "soon" } }));
  expect((await api.reel()).date).toBeUndefined();
  expect((await api.reel()).date).toBeUndefined();
});

test("each question goes to its address", async () => {
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

test("a reel is saved as JSON, with the page's token", async () => {
  const { api, requests } = bench(json({ clips: ["tides"] }));
  await api.saveReel(["tides"]);
  const [request] = requests;
  expect(request).toMatchObject({ method: "POST", path: "/api/reel", body: '{"clips":["tides"]}' });
  expect(request?.headers.get("x-csrf-token")).toBe("the token");
  expect(request?.headers.get("content-type")).toBe("application/json");
});

test("passing failures are tried again after a while: no answer, a busy service, half an answer", async () => {
  const half = new Response('{"clips": [');
  const { api, waits, requests } = bench(new TypeError("no answer"), busy(), half, json({ n: 1 }));
  expect((await api.clips()).body).toEqual({ n: 1 });
  expect(waits).toEqual([400, 800, 1600]);
  expect(requests).toHaveLength(4);
});

test("the service says how long to wait", async () => {
  const { api, waits } = bench(busy("5"), json({}));
  await api.clips();
  expect(waits).toEqual([5400]);
});

test("delays grow, and chance spreads them", async () => {
  const { api, waits, chance } = bench(busy(), busy(), busy(), json({}));
  chance.value = 0.5;
  await api.clips();
  expect(waits).toEqual([300, 600, 1200]);
});

test("a wait that is longer than a visitor's patience is not begun", async () => {
  const { api, waits, requests } = bench(busy("60"));
  await expect(api.clips()).rejects.toMatchObject({ status: 503 });
  expect([waits, requests.length]).toEqual([[], 1]);
});

test("an answer that breaks off in its middle is asked for again, whatever its headers said", async () => {
  const { api, waits } = bench(brokenOff(200), json({ n: 1 }));
  expect((await api.clips()).body).toEqual({ n: 1 });
  expect(waits).toEqual([400]);
});

test("if no attempt brings a whole answer, it is as if the service could not be reached", async () => {
  const tooLate = () => new DOMException("signal timed out", "TimeoutError");
  const late = bench(tooLate(), tooLate(), tooLate(), tooLate());
  await expect(late.api.clips()).rejects.toBeInstanceOf(TypeError);
  const half = () => new Response('{"clips": [');
  const broken = bench(half(), half(), half(), half());
  await expect(broken.api.clips()).rejects.toBeInstanceOf(TypeError);
});

test("a refusal that breaks off in its middle is still that refusal", async () => {
  const { api, waits } = bench(brokenOff(401));
  await expect(api.clips()).rejects.toMatchObject({ status: 401, code: "unknown" });
  expect(waits).toEqual([]);
});

test("each attempt has its own time in which to end, and sends the same", async () => {
  const { api, requests } = bench(new TypeError("no answer"), json({}));
  await api.saveReel(["tides"]);
  const [first, second] = requests;
  expect(first?.signal).toBeInstanceOf(AbortSignal);
  expect(second?.signal).toBeInstanceOf(AbortSignal);
  expect(second?.signal).not.toBe(first?.signal);
  expect(second?.body).toBe(first?.body);
  expect(second?.headers.get("x-csrf-token")).toBe("the token");
});

test("what stays refused is told by its status and code", async () => {
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

test("a session that is over is told at once", async () => {
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

test("a refusal that is no problem document is told by its status", async () => {
  const { api } = bench(new Response("<h1>Forbidden</h1>", { status: 403 }));
  await expect(api.clips()).rejects.toMatchObject({
    status: 403,
    code: "unknown",
    message: "The service answered 403.",
  });
});

test("no answer at all is the network's own error", async () => {
  const gone = () => new TypeError("Failed to fetch");
  const { api } = bench(gone(), gone(), gone(), gone());
  await expect(api.clips()).rejects.toThrow(TypeError);
});

const stale = () =>
  json({ status: 403, code: "csrf_token_invalid", title: "No longer valid" }, { status: 403 });

test("a save whose token is stale is sent once more with the new one", async () => {
  const { api, requests } = bench(stale(), json({ clips: ["tides"], instance: "i" }));
  expect((await api.saveReel(["tides"])).body.clips).toEqual(["tides"]);
  expect(requests.map(({ headers }) => headers.get("x-csrf-token"))).toEqual([
    "the token",
    "the new token",
  ]);
});

test("a save is given up if its token is refused again, or there is no other one", async () => {
  for (const { api, requests, sent } of [
    { ...bench(stale(), stale(), stale()), sent: 2 },
    { ...benchWith(false, stale(), stale()), sent: 1 },
  ]) {
    await expect(api.saveReel(["tides"])).rejects.toMatchObject({ code: "csrf_token_invalid" });
    expect(requests).toHaveLength(sent);
  }
});
