import { describe, expect, test } from "@jest/globals";
import type { KeyLookup, SessionKeys } from "../../../service/keys/sessionKeys.ts";
import { CLIP_URL_LIFETIME, createClipUrls } from "../../../service/reels/clipUrl.ts";
import { KeysUnavailableError } from "../../../service/session/errors.ts";
import { createSealer } from "../../../service/session/sealer.ts";
import { ring } from "../../hostile/target.ts";

const FILE = "embers.mp4";
const NOW = 1_800_000_000;

interface InstanceOptions {
  readonly keys?: SessionKeys;
  readonly environment?: string;
  readonly now?: number;
}

/** An instance's clip URLs, and its sealer. */
function instance({ keys = ring(), environment = "test", now = NOW }: InstanceOptions = {}) {
  const clock = () => now;
  const sealer = createSealer({ keys, environment, clock });
  return { sealer, ...createClipUrls({ sealer, clock }) };
}

/** The token of a URL that an instance signs now. */
function tokenFrom(options: InstanceOptions = {}, file = FILE): string {
  const url = new URL(
    instance(options).sign(file, NOW + CLIP_URL_LIFETIME),
    "http://phoenix.example",
  );
  return url.searchParams.get("token") ?? "";
}

const INVALID = { allowed: false, reason: "invalid" };

test("a URL is the file's path with a token, which any instance with the key admits", async () => {
  const url = instance().sign(FILE, NOW + CLIP_URL_LIFETIME);
  expect(url).toMatch(/^\/media\/embers\.mp4\?token=1800000300\.v1\.3\.[\w-]{43}$/);
  expect(url.length).toBeLessThan(100);
  const admission = await instance().admit(FILE, tokenFrom());
  expect(admission).toEqual({ allowed: true, expiresAt: NOW + CLIP_URL_LIFETIME });
});

test("a token admits to its own file only", async () => {
  for (const file of ["embers.jpg", "aurora.mp4", "Embers.mp4", "embers.mp4/", "clips.json", ""]) {
    expect([file, await instance().admit(file, tokenFrom())]).toEqual([file, INVALID]);
  }
});

test("a token works until the second before it expires", async () => {
  const token = tokenFrom();
  const after = (seconds: number) => instance({ now: NOW + seconds }).admit(FILE, token);
  expect(await after(CLIP_URL_LIFETIME - 1)).toMatchObject({ allowed: true });
  for (const late of [CLIP_URL_LIFETIME, CLIP_URL_LIFETIME + 1, 1e9]) {
    expect([late, await after(late)]).toEqual([late, { allowed: false, reason: "expired" }]);
  }
});

test("a token that expires while its key is read is refused", async () => {
  let now = NOW;
  const clock = () => now;
  const keys: SessionKeys = {
    ...ring(),
    async find(kid) {
      now += CLIP_URL_LIFETIME;
      return ring().find(kid);
    },
  };
  const sealer = createSealer({ keys, environment: "test", clock });
  const admission = await createClipUrls({ sealer, clock }).admit(FILE, tokenFrom());
  expect(admission).toEqual({ allowed: false, reason: "expired" });
});

test("a token of another environment is refused", async () => {
  for (const environment of ["prod", "dev", ""]) {
    expect(await instance().admit(FILE, tokenFrom({ environment }))).toEqual(INVALID);
  }
});

test("a token of another purpose is refused, whether signed or sealed", async () => {
  const { sealer, admit } = instance();
  const expiresAt = NOW + 300;
  const signed = (purpose: string) =>
    `${expiresAt}.${sealer.sign(purpose, `${expiresAt} ${FILE}`)}`;
  for (const purpose of ["session", "__Host-session", "sign-in", "clip", "Clip-URL", ""]) {
    expect(await admit(FILE, signed(purpose))).toEqual(INVALID);
  }
  expect(await admit(FILE, signed("clip-url"))).toMatchObject({ allowed: true });
  const sealed = sealer.seal("clip-url", { iat: NOW, exp: expiresAt, data: { file: FILE } });
  expect(await admit(FILE, `${expiresAt}.${sealed}`)).toEqual(INVALID);
});

test("a token whose expiry is changed or spelled differently is refused", async () => {
  const token = tokenFrom();
  for (const end of [
    "1800000301",
    "01800000300",
    "+1800000300",
    "1800000300.0",
    "18e8",
    " 1800000300",
    "",
  ]) {
    const changed = token.replace("1800000300", end);
    expect([end, await instance().admit(FILE, changed)]).toEqual([end, INVALID]);
  }
});

test("anything that is no token is refused: nothing, lists, and a token with any character changed", async () => {
  const { admit } = instance();
  const token = tokenFrom();
  for (const wrong of [
    undefined,
    null,
    1,
    "",
    "v1.3.",
    "1800000300.v1.3.",
    [token],
    { token },
    [token, token],
  ]) {
    expect([wrong, await admit(FILE, wrong)]).toEqual([wrong, INVALID]);
  }
  for (let at = 0; at < token.length; at += 7) {
    const changed = `${token.slice(0, at)}${token[at] === "A" ? "B" : "A"}${token.slice(at + 1)}`;
    expect([at, await admit(FILE, changed)]).toEqual([at, INVALID]);
  }
});

describe("a token's key", () => {
  test("may be any accepted one, so that a rotation ends no URL", async () => {
    const earlier = tokenFrom({ keys: ring("2") });
    expect(earlier).toMatch(/^1800000300\.v1\.2\./);
    expect(await instance({ keys: ring("3") }).admit(FILE, earlier)).toMatchObject({
      allowed: true,
    });
  });

  test("that is disabled or never existed admits nobody", async () => {
    const disabled = tokenFrom({ keys: ring("1") });
    expect(await instance().admit(FILE, disabled)).toEqual(INVALID);
    expect(await instance().admit(FILE, tokenFrom().replace("v1.3.", "v1.9."))).toEqual(INVALID);
  });

  test("that can't be read now throws KeysUnavailableError with a time to retry", async () => {
    const lookup: KeyLookup = { status: "unavailable", retryAfter: 7 };
    for (const find of [() => lookup, async () => lookup]) {
      const admission = instance({ keys: { ...ring(), find } }).admit(FILE, tokenFrom());
      await expect(admission).rejects.toThrow(KeysUnavailableError);
      await expect(admission).rejects.toMatchObject({ retryAfter: 7 });
    }
  });

  test("that is missing when a URL is signed throws KeysUnavailableError", () => {
    const keys: SessionKeys = { ...ring(), signer: () => undefined };
    expect(() => instance({ keys }).sign(FILE, NOW + 300)).toThrow(KeysUnavailableError);
  });
});
