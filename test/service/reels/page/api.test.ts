import { expect, test } from "@jest/globals";
import { createApi, RefusedError } from "../../../../service/reels/page/api.ts";

type Reply = Response | Error;

/** An API whose service gives these answers, one after another. */
function bench(...replies: Reply[]) {
  const requests: { path: string; method: string; headers: Headers; body: unknown }[] = [];
  const waits: number[] = [];
  const api = createApi({
    async fetch(input, init = {}) {
      const { method = "GET", headers, body } = init;
      requests.push({ path: String(input), method, headers: new Headers(headers), body });
      const reply = replies.shift();
      if (reply instanceof Response) return reply;
      throw reply ?? new Error("nothing more was expected");
    },
    csrfToken: "the token",
    wait: async (milliseconds) => void waits.push(milliseconds),
    random: () => 1,
  });
  return { api, requests, waits };
}

function json(body: unknown, init: ResponseInit = {}): Response {
  return new Response(JSON.stringify(body), init);
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

test("what stays refused is told by its status and code", async () => {
  const { api } = bench(busy(), busy(), busy(), busy());
  const refused = await api.clips().catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(RefusedError);
  expect(refused).toMatchObject({
    status: 503,
    code: "keys_unavailable",
    message: "One moment, please",
  });
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
