import { expect, test } from "@jest/globals";
import { parseOptions } from "./options.ts";

test("without options the site is at 8080, with sealed cookies, and follows changes", () => {
  expect(parseOptions([])).toEqual({
    port: 8080,
    instances: undefined,
    sessionType: "None",
    watch: true,
  });
});

test("every option is understood", () => {
  const args = ["--port", "0", "--instances=5", "--session-type", "filesystem", "--no-watch"];
  expect(parseOptions(args)).toEqual({
    port: 0,
    instances: 5,
    sessionType: "filesystem",
    watch: false,
  });
});

test.each([[["-h"]], [["--help", "--port", "http"]], [["--prot", "-h"]]])(
  "%j asks for help, whatever else is there",
  (args) => {
    expect(parseOptions(args)).toBe("help");
  },
);

test.each([
  [["--port", "http"], "--port http"],
  [["--port", "65535"], "--port 65535"],
  [["--port=-1"], "--port -1"],
  [["--instances", "0"], "--instances 0"],
  [["--instances", "3.5"], "--instances 3.5"],
  [["--session-type", "redis"], "--session-type redis"],
  [["--prot", "80"], "--prot"],
  [["8080"], "8080"],
  [["--port"], "--port needs a value."],
  [["--port", "-1"], "--port -1 is no port"],
])("%j is refused, and the message names it", (args, named) => {
  expect(() => parseOptions(args)).toThrow(named);
  expect(() => parseOptions(args)).toThrow(expect.objectContaining({ code: "USAGE" }));
});

test("all mistakes are told at once", () => {
  const args = ["--port", "x", "--instances", "y", "--session-type", "z"];
  expect(() => parseOptions(args)).toThrow(/--port x.*\n.*--instances y.*\n.*--session-type z/);
});
