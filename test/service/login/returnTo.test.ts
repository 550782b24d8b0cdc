import { expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  DEFAULT_RETURN_TO,
  MAX_RETURN_TO_LENGTH,
  parseReturnTo,
  signInLink,
} from "../../../service/login/returnTo.ts";
import { anyPath, anyText, anyUrl } from "../../support/arbitraries.ts";

test.each([
  "/",
  "/notes",
  "/notes?note=1&note=2#top",
  "/a/b%20c",
  "/search?next=https://example.com/",
  "/search?q=%2F%2Fexample.com",
])("%s is accepted", (path) => {
  expect(parseReturnTo(path)).toBe(path);
});

test.each([
  ["nothing", undefined],
  ["an empty one", ""],
  ["several", ["/a", "/b"]],
  ["an absolute URL", "https://evil.example/"],
  ["an absolute URL of this very host", "http://localhost:8080/notes"],
  ["a URL without a scheme", "//evil.example"],
  ["three slashes", "///evil.example"],
  ["a backslash after the slash", "/\\evil.example"],
  ["a backslash first", "\\\\evil.example"],
  ["a backslash later", "/a\\..\\..\\\\evil.example"],
  ["userinfo", "/@evil.example:@/..//evil.example"],
  ["a relative path", "notes"],
  ["another scheme", "javascript:alert(1)"],
  ["a tab, which browsers remove", "/\t/evil.example"],
  ["a line feed, which browsers remove", "/\n/evil.example"],
  ["a header in it", "/a\r\nSet-Cookie: a=b"],
  ["an encoded line end", "/a%0d%0aSet-Cookie:a=b"],
  ["a NUL", "/a\0"],
  ["an encoded NUL", "/a%00"],
  ["white space first", " /notes"],
  ["a space", "/a b"],
  ["letters that some take for a slash", "/\u2215/evil.example"],
  ["an encoded slash", "/%2f%2fevil.example"],
  ["an encoded backslash", "/%5Cevil.example"],
  ["dots that leave two slashes", "/.//evil.example"],
  ["dots back to two slashes", "/a/..//evil.example"],
  ["encoded dots that leave two slashes", "/%2e//evil.example"],
  ["sign-in itself", "/login?returnTo=/login"],
  ["sign-in by a detour", "/a/../login"],
  ["the callback", "/login/callback?code=1"],
  ["signing out", "/logout"],
  ["one that is too long", `/${"a".repeat(MAX_RETURN_TO_LENGTH)}`],
])("%s is refused", (_what, value) => {
  expect(parseReturnTo(value)).toBe(DEFAULT_RETURN_TO);
});

const nasty = fc
  .array(
    fc.constantFrom(
      ..."/\\.@:?#%&=;\t\n\r\0 ",
      "%2f",
      "%5c",
      "%09",
      "%2e",
      "//",
      "evil.example",
      "http:",
      "javascript:",
      "login",
      "a",
      "\u2028",
      "\uff0f",
    ),
    { maxLength: 12 },
  )
  .map((parts) => `/${parts.join("")}`);

test("any value keeps a browser at this service, on a plain path", () => {
  fc.assert(
    fc.property(fc.oneof(nasty, fc.string(), anyUrl, anyText()), (value) => {
      const path = parseReturnTo(value);
      expect(path).toMatch(/^\/(?:[!-.0-[\]-~][!-[\]-~]*)?$/);
      expect(path.length).toBeLessThanOrEqual(MAX_RETURN_TO_LENGTH);
      for (const base of [
        "https://phoenix.example/login/callback",
        "http://localhost:8080/login",
      ]) {
        const url = new URL(path, base);
        expect(url.origin).toBe(new URL(base).origin);
        expect(url.username + url.password).toBe("");
        expect(url.pathname.startsWith("//")).toBe(false);
      }
    }),
    { numRuns: 3_000 },
  );
});

test("an accepted path is accepted unchanged again", () => {
  fc.assert(
    fc.property(fc.oneof(nasty, anyPath), (value) => {
      const path = parseReturnTo(value);
      expect(parseReturnTo(path)).toBe(path);
    }),
  );
});

test("a sign-in link preserves any path", () => {
  fc.assert(
    fc.property(fc.string(), (path) => {
      const url = new URL(signInLink(path), "http://localhost");
      expect(url.pathname).toBe("/login");
      expect(url.searchParams.get("returnTo")).toBe(path);
    }),
  );
});
