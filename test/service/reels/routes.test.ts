import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import type { SessionKeys } from "../../../service/keys/sessionKeys.ts";
import { CLIP_URL_LIFETIME } from "../../../service/reels/clipUrl.ts";
import { REEL_LIMIT } from "../../../service/reels/reel.ts";
import type { Clip } from "../../../service/reels/wire.ts";
import { ring, sessionOf } from "../../hostile/target.ts";
import { ada, grace } from "../../local/identity/users.ts";
import { CLIPS, INSTANCE, problem, reelApp, refusal } from "./reelApp.ts";

const CLIP_LIST: readonly Clip[] = JSON.parse(readFileSync(join(CLIPS, "clips.json"), "utf8"));
const IDS = CLIP_LIST.map(({ id }) => id);
const app = reelApp();

describe("GET /api/clips", () => {
  test("lists all clips, the limit of a reel and the instance's name", async () => {
    const response = await app.signedIn().send("/api/clips");
    expect([response.statusCode, response.headers["content-type"]]).toEqual([
      200,
      "application/json; charset=utf-8",
    ]);
    expect(response.json()).toEqual({
      clips: CLIP_LIST,
      reel_limit: REEL_LIMIT,
      instance: INSTANCE,
    });
  });
});

describe("GET /api/clips/:id/url", () => {
  test("returns URLs of the clip's video and poster that work for five minutes", async () => {
    const response = await app.signedIn().send("/api/clips/tides/url");
    const { url, poster_url, ...rest } = response.json();
    expect([response.statusCode, rest]).toEqual([
      200,
      { expires_at: app.time.now + CLIP_URL_LIFETIME, instance: INSTANCE },
    ]);
    expect(CLIP_URL_LIFETIME).toBe(300);
    for (const [media, file] of [
      [url, "tides.mp4"],
      [poster_url, "tides.jpg"],
    ]) {
      const sent = await app.send(media);
      expect(sent.statusCode).toBe(200);
      expect(sent.rawPayload.equals(readFileSync(join(CLIPS, file)))).toBe(true);
    }
  });

  test("returns a URL for every clip of the list", async () => {
    const visitor = app.signedIn();
    const given = await Promise.all(
      IDS.map(async (id) => (await visitor.send(`/api/clips/${id}/url`)).json().url),
    );
    expect(new Set(given).size).toBe(given.length);
    for (const url of given) expect((await app.send({ method: "HEAD", url })).statusCode).toBe(200);
  });

  test("of an unknown clip is refused with 404 and a hint to the list", async () => {
    for (const id of ["nothing", "EMBERS", "embers.mp4", "__proto__", "..%2fembers", "%20"]) {
      const response = await app.signedIn().send(`/api/clips/${id}/url`);
      expect([id, refusal(response)]).toEqual([id, problem(404, "clip_not_found")]);
      expect(response.json().detail).toBe("GET /api/clips lists all clips.");
    }
  });

  test("is refused with 503 and Retry-After while no key can sign, and the session stays", async () => {
    let signer: SessionKeys["signer"] = ring().signer;
    const visitor = reelApp({ keys: { ...ring(), signer: () => signer() } }).signedIn();
    signer = () => undefined;
    const response = await visitor.send("/api/clips/embers/url");
    expect(refusal(response)).toEqual(problem(503, "keys_unavailable"));
    expect(Number(response.headers["retry-after"])).toBeGreaterThan(0);
    expect(response.headers["set-cookie"]).toBeUndefined();
    signer = ring().signer;
    expect((await visitor.send("/api/clips/embers/url")).statusCode).toBe(200);
  });
});

describe("the reel of a session", () => {
  test("is null until a reel is saved, which may be empty", async () => {
    const visitor = app.signedIn(sessionOf(ada), null);
    const before = await visitor.send("/api/reel");
    expect([before.statusCode, before.json()]).toEqual([200, { clips: null, instance: INSTANCE }]);
    expect((await visitor.save({ clips: [] })).statusCode).toBe(200);
    expect(await visitor.reel()).toEqual([]);
  });

  test("is saved in the order that was sent", async () => {
    const visitor = app.signedIn();
    const clips = ["tides", "aurora", "embers"];
    const answer = await visitor.save({ clips });
    expect([answer.statusCode, answer.json()]).toEqual([200, { clips, instance: INSTANCE }]);
    expect(await visitor.reel()).toEqual(clips);
    expect(await app.signedIn().reel()).toEqual(["embers"]);
  });

  test("fits into the cookie with the most clips", async () => {
    const visitor = app.signedIn();
    const longest = [...IDS].sort((a, b) => b.length - a.length).slice(0, REEL_LIMIT);
    const answer = await visitor.save({ clips: longest });
    expect(answer.statusCode).toBe(200);
    expect(String(answer.headers["set-cookie"]).length).toBeLessThan(4_096);
    expect(await visitor.reel()).toEqual(longest);
  });

  test("is unchanged when another one is refused, and so is the session", async () => {
    const visitor = app.signedIn();
    const refused: readonly [unknown, string][] = [
      [{ clips: [...IDS, ...IDS].slice(0, REEL_LIMIT + 1) }, "A reel has at most 12 clips."],
      [{ clips: ["tides", "tides"] }, "The clip tides is in the reel twice."],
      [{ clips: ["tides", "nothing"] }, "Entry 2 of the reel is not a known clip."],
      [{ clips: [["tides"]] }, "Entry 1 of the reel is not a known clip."],
      [{ clips: null }, 'The body is not JSON of the form {"clips": ["some-clip"]}.'],
      [["tides"], 'The body is not JSON of the form {"clips": ["some-clip"]}.'],
    ];
    for (const [body, detail] of refused) {
      const response = await visitor.save(body);
      expect([detail, refusal(response)]).toEqual([detail, problem(400, "reel_invalid")]);
      expect(response.json().detail).toBe(detail);
      expect(response.headers["set-cookie"]).toBeUndefined();
    }
    expect(await visitor.reel()).toEqual(["embers"]);
  });

  test("is refused if it isn't JSON, even with the right token", async () => {
    const visitor = app.signedIn();
    const headers = { "x-csrf-token": sessionOf(ada).csrf_token };
    for (const [type, payload] of [
      ["text/plain", '{"clips":["tides"]}'],
      ["application/octet-stream", '{"clips":["tides"]}'],
      ["application/x-www-form-urlencoded", "clips=tides&clips=aurora"],
    ] as const) {
      const response = await visitor.send({
        method: "POST",
        url: "/api/reel",
        headers: { ...headers, "content-type": type },
        payload,
      });
      expect([type, refusal(response)]).toEqual([type, problem(400, "reel_invalid")]);
    }
    const nothing = await visitor.send({ method: "POST", url: "/api/reel", headers });
    expect(refusal(nothing)).toEqual(problem(400, "reel_invalid"));
    expect(await visitor.reel()).toEqual(["embers"]);
  });

  test("is not changed without the session's CSRF token, nor with another session's", async () => {
    for (const token of ["", sessionOf(grace).csrf_token]) {
      const visitor = app.signedIn();
      const response = await visitor.send({
        method: "POST",
        url: "/api/reel",
        headers: { "content-type": "application/json", "x-csrf-token": token },
        payload: '{"clips":["tides"]}',
      });
      expect(refusal(response)).toEqual(problem(403, "csrf_token_invalid"));
      expect(response.headers["set-cookie"]).toBeUndefined();
      expect(await visitor.reel()).toEqual(["embers"]);
    }
  });

  test("is returned, and next saved, without clips that no longer exist", async () => {
    const reel = ["tides", "no-longer-there", "aurora"];
    const visitor = app.signedIn(sessionOf(ada), reel);
    expect(await visitor.reel()).toEqual(["tides", "aurora"]);
    expect((await visitor.save({ clips: reel })).statusCode).toBe(400);
    expect((await visitor.save({ clips: await visitor.reel() })).statusCode).toBe(200);
    expect(await visitor.reel()).toEqual(["tides", "aurora"]);
  });

  test("is null if another version of the service stored something else", async () => {
    const visitor = app.signedIn(sessionOf(ada), { first: "tides" });
    expect(await visitor.reel()).toBeNull();
    expect((await visitor.send("/reel-maker")).statusCode).toBe(200);
  });

  test("is not changed by reading: no response to a GET sets a cookie", async () => {
    const visitor = app.signedIn();
    for (const url of ["/api/reel", "/api/clips", "/api/clips/embers/url", "/reel-maker"]) {
      const { headers } = await visitor.send(url);
      expect([url, headers["set-cookie"]]).toEqual([url, undefined]);
    }
  });
});

const SESSION_PATHS = ["/reel-maker", "/api/clips", "/api/clips/embers/url", "/api/reel"];

describe("what depends on a session", () => {
  test("is no-store, whether it is served or refused", async () => {
    const visitor = app.signedIn();
    const answers = await Promise.all([
      ...SESSION_PATHS.flatMap((url) => [visitor.send(url), app.send(url)]),
      ...SESSION_PATHS.map((url) => visitor.send({ method: "HEAD", url })),
      visitor.send("/api/clips/nothing/url"),
      visitor.save({ clips: ["tides"] }),
      visitor.save({ clips: ["nothing"] }),
    ]);
    for (const { headers, raw } of answers) {
      expect([raw.req.url, headers["cache-control"]]).toEqual([raw.req.url, "no-store"]);
    }
  });

  test("is refused by the API with 401 and a problem document without one", async () => {
    for (const url of SESSION_PATHS.filter((path) => path.startsWith("/api/"))) {
      const response = await app.send(url);
      expect([url, refusal(response)]).toEqual([url, problem(401, "sign_in_required")]);
    }
    const payload = { clips: ["tides"] };
    const response = await app.send({ method: "POST", url: "/api/reel", payload });
    expect(refusal(response)).toEqual(problem(401, "sign_in_required"));
    expect(response.headers["set-cookie"]).toBeUndefined();
  });

  test("ends with the session, from one second to the next", async () => {
    const travelling = reelApp();
    const visitor = travelling.signedIn();
    travelling.time.now += 604_799;
    expect(await visitor.reel()).toEqual(["embers"]);
    travelling.time.now += 1;
    const response = await visitor.send("/api/reel");
    expect(refusal(response)).toEqual(problem(401, "session_expired"));
  });

  test("as a page redirects to sign-in and back", async () => {
    const { statusCode, headers } = await app.send("/reel-maker");
    expect([statusCode, headers.location]).toEqual([302, "/login?returnTo=%2Freel-maker"]);
  });
});

test("the reel maker's page has the session's CSRF token, its user and a placeholder for each clip", async () => {
  const reel = ["tides", "aurora", "no-longer-there"];
  const response = await app.signedIn(sessionOf(grace), reel).send("/reel-maker");
  const { csrf_token } = sessionOf(grace);
  expect([response.statusCode, response.headers["content-type"]]).toEqual([
    200,
    "text/html; charset=utf-8",
  ]);
  expect(response.payload).toContain(`<meta name="csrf-token" content="${csrf_token}">`);
  expect(response.payload).toContain(`<meta name="user" content="${grace.sub}">`);
  expect(response.payload).toContain(grace.email);
  expect(response.payload.match(/class="card waiting"/g)).toHaveLength(IDS.length);
  expect(response.payload.match(/class="row"/g)).toHaveLength(2);
  expect(response.payload).not.toContain(sessionOf(grace).id_token);
});
