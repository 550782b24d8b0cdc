import { expect, test } from "@jest/globals";
import { KEYS } from "./keyboard.ts";
import { parseOptions, USAGE } from "./options.ts";

test("by default the site is at port 8080, uses sealed cookies, and deploys changes", () => {
  expect(parseOptions([])).toEqual({
    port: 8080,
    instances: undefined,
    regions: 1,
    sessionType: "None",
    provider: "plain",
    watch: true,
  });
});

test("every option can be set", () => {
  const args = ["--port", "0", "--instances=5", "--session-type", "filesystem", "--no-watch"];
  args.push("--provider", "okta", "--regions", "2");
  expect(parseOptions(args)).toEqual({
    port: 0,
    instances: 5,
    regions: 2,
    sessionType: "filesystem",
    provider: "okta",
    watch: false,
  });
});

test.each([[["-h"]], [["--help", "--port", "http"]], [["--prot", "-h"]]])(
  "%j asks for help, whatever the other arguments are",
  (args) => {
    expect(parseOptions(args)).toBe("help");
  },
);

test.each([
  [["--port", "http"], "--port takes a whole number from 0 to 65533."],
  [["--port", "65534"], "--port takes"],
  [["--port", "-1"], "--port takes"],
  [["--port="], "--port takes"],
  [["--instances", "0"], "--instances takes a whole number from 1 to 50."],
  [["--instances", "51"], "--instances takes"],
  [["--instances", "3.5"], "--instances takes"],
  [["--regions", "0"], "--regions takes a whole number from 1 to 3."],
  [["--regions", "4"], "--regions takes"],
  [["--session-type", "redis"], "--session-type takes None or filesystem."],
  [["--prot", "80"], "--prot"],
  [["8080"], "8080"],
  [["--port"], "--port needs a value."],
])("%j is refused, and the message names it", (args, named) => {
  expect(() => parseOptions(args)).toThrow(named);
  expect(() => parseOptions(args)).toThrow(expect.objectContaining({ code: "USAGE" }));
});

test("all mistakes are reported at once", () => {
  const args = ["--port", "x", "--instances", "y", "--session-type", "z"];
  expect(() => parseOptions(args)).toThrow(/^--port .*\n--instances .*\n--session-type .*$/);
});

test("the help lists the keys", () => {
  expect(USAGE).toContain(KEYS);
});
