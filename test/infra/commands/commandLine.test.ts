import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { parseCommandLine, UsageError } from "../../../infra/commands/commandLine.ts";

const OPTIONS = { port: "text", only: "text", json: "flag", watch: "switch" } as const;
const parse = (...args: string[]) => parseCommandLine(args, OPTIONS);

test("an omitted option is undefined, a flag false, and a switch true", () => {
  expect(parse()).toEqual({
    values: { port: undefined, only: undefined, json: false, watch: true },
    positionals: [],
  });
});

test("given options are set, and the last of two values wins", () => {
  const args = ["--port", "1", "--port=2", "--only=", "--json", "--no-watch"];
  expect(parse(...args)).toMatchObject({
    values: { port: "2", only: "", json: true, watch: false },
  });
});

test("a negative number is a value, which the command itself checks", () => {
  expect(parse("--port", "-1")).toMatchObject({ values: { port: "-1" } });
  expect(parse("--port=--only")).toMatchObject({ values: { port: "--only" } });
});

test("positional arguments are accepted if the command takes them", () => {
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
])("%j asks for help, whatever the other arguments are", (args) => {
  expect(parse(...args)).toBe("help");
});

describe("a mistake is reported with its reason", () => {
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

test("any arguments are either parsed or refused with whole sentences", () => {
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
