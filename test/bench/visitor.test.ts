import { deflateRawSync } from "node:zlib";
import { expect, test } from "@jest/globals";
import { createPhoenixCookies, visitorSession } from "./visitor.ts";

test("the ID token is a JWT of about 1 kB that compresses only by its base64", () => {
  const { id_token } = visitorSession(7);
  const segments = id_token.split(".").map((part) => Buffer.from(part, "base64url"));
  expect(segments.map((bytes) => bytes.toString("base64url")).join(".")).toBe(id_token);
  expect(id_token.length).toBeGreaterThan(950);
  expect(id_token.length).toBeLessThan(1150);
  expect(deflateRawSync(id_token).length).toBeGreaterThan(0.65 * id_token.length);
});

test("each visitor has a session of their own, which is deterministic", () => {
  expect(visitorSession(1)).toEqual(visitorSession(1));
  expect(visitorSession(1).id_token).not.toBe(visitorSession(2).id_token);
});

test("the service's cookie for it is sent as one pair", () => {
  expect(createPhoenixCookies()(1)).toMatch(/^session=[A-Za-z\d+/=]{1000,2040}$/);
});
