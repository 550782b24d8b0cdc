import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { parseCommandLine, UsageError } from "../../../infra/commands/commandLine.ts";

const OPTIONS = { port: "text", only: "text", json: "flag", watch: "switch" } as const;
const parse = (...args: string[]) => parseCommandLine(args, OPTIONS);

test("what is left out is undefined, off, or on for a switch", () => {
  expect(parse()).toEqual({
    values: { port: undefined, only: undefined, json: false, watch: true },
    positionals: [],
  });
});

test("what is given is taken, the last of two values", () => {
  const args = ["--port", "1", "--port=2", "--only=", "--json", "--no-watch"];
  expect(parse(...args)).toMatchObject({
    values: { port: "2", only: "", json: true, watch: false },
  });
});

test("a negative number is a value, so that its command can say what is wrong with it", () => {
  expect(parse("--port", "-1")).toMatchObject({ values: { port: "-1" } });
  expect(parse("--port=--only")).toMatchObject({ values: { port: "--only" } });
});

test("arguments that are no options are taken where a command has them", () => {
  expect(parseCommandLine(["a", "--json", "b"], OPTIONS, { positionals: true })).toMatchObject({
    values: { json: true },
    positionals: ["a", "b"],
  });
});

test.each([
  [["-h"]],
  [["--help"]],
  [["--json", "-h"]],
  [["--wrong", "--help"]],
  [["--port", "-h"]],
  [["now", "-x", "-h"]],
])("%j asks for help, whatever else is there", (args) => {
  expect(parse(...args)).toBe("help");
});

describe("a mistake is told with its reason", () => {
  test.each([
    [["--port"], "--port needs a value."],
    [["--port", "--json"], "--port needs a value."],
    [["--json=yes"], "--json takes no value."],
    [["--no-watch=1"], "--no-watch takes no value."],
    [["--help=yes"], "--help takes no value."],
    [["--prot", "80"], "Unknown option --prot."],
    [["--prot=hunter2"], "Unknown option --prot."],
    [["-x"], "Unknown option -x."],
    [["-xhunter2"], "Unknown option -x."],
    [["--no-json"], "Unknown option --no-json."],
    [["--no-port"], "Unknown option --no-port."],
    [["--constructor"], "Unknown option --constructor."],
    [["--__proto__"], "Unknown option --__proto__."],
    [["now"], "Unexpected argument now."],
    [["--", "--json"], "Unexpected argument --json."],
    [
      ["--json=1", "--prot", "--port"],
      "--json takes no value.\nUnknown option --prot.\n--port needs a value.",
    ],
  ])("%j: %s", (args, message) => {
    expect(() => parse(...args)).toThrow(UsageError);
    expect(() => parse(...args)).toThrow(expect.objectContaining({ code: "USAGE", message }));
  });
});

test("whatever the arguments are, they are understood or refused in whole sentences", () => {
  const word = fc.oneof(
    fc.constantFrom("--port", "--only=x", "--json", "--no-watch", "-j", "-", "--", "--=", "=", ""),
    fc.string(),
    fc.string().map((text) => `--${text}`),
    fc.string().map((text) => `-${text}`),
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 4 }), (args) => {
      try {
        parse(...args);
      } catch (error) {
        expect(error).toBeInstanceOf(UsageError);
        expect((error as Error).message).toMatch(/\.$/);
      }
    }),
  );
});
