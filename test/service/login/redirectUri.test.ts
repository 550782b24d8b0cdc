import { expect, test } from "@jest/globals";
import type { Request } from "express";
import { redirectUri } from "../../../service/login/redirectUri.ts";

function redirectUriOf(host: string | undefined, protocol = "https"): string | undefined {
  return redirectUri({ protocol, headers: { host } } as Request)?.href;
}

test.each([
  ["phoenix-dev-123.europe-west1.run.app", "phoenix-dev-123.europe-west1.run.app"],
  ["Phoenix.Example", "phoenix.example"],
  ["127.0.0.1:8080", "127.0.0.1:8080"],
  ["localhost:8080", "localhost:8080"],
  ["[::1]:8080", "[::1]:8080"],
])("the host %s gets its callback there", (host, expected) => {
  expect(redirectUriOf(host)).toBe(`https://${expected}/login/callback`);
  expect(redirectUriOf(host, "http")).toBe(`http://${expected}/login/callback`);
});

test.each([
  undefined,
  "",
  "a b",
  "evil.example/",
  "evil.example?",
  "evil.example#",
  "user@evil.example",
  "evil.example:80:80",
  "evil.example:port",
  "evil.example:99999",
  "evil\\example",
  "[::1",
  "-.example",
  "ex%61mple",
  "a".repeat(300),
])("the host %p gets none", (host) => {
  expect(redirectUriOf(host)).toBeUndefined();
});
