import { expect, test } from "@jest/globals";
import { UsageError } from "../../infra/commands/commandLine.ts";
import { parseCommandLine } from "./commandLine.ts";

const parse = (...args: string[]) =>
  parseCommandLine(args, { rounds: 5, seconds: 2 }, ["only"] as const);

test("omitted options have their defaults", () => {
  expect(parse()).toEqual({
    numbers: { rounds: 5, seconds: 2 },
    texts: { only: undefined },
    json: undefined,
    goals: true,
    help: false,
  });
});

test("given options are set", () => {
  const options = parse("--rounds", "9", "--only", "flask", "--json", "f.json", "--no-goals");
  expect(options).toEqual({
    numbers: { rounds: 9, seconds: 2 },
    texts: { only: "flask" },
    json: "f.json",
    goals: false,
    help: false,
  });
});

test("with --help other arguments are ignored", () => {
  expect(parse("--rounds", "0", "--fast", "-h")).toMatchObject({ help: true });
});

test.each([
  [["--rounds", "0"], "--rounds 0 can't be"],
  [["--seconds", "2s"], "--seconds 2s can't be"],
  [["--rounds", "-1"], "--rounds -1 can't be. Use a whole number from 1."],
  [["--rounds"], "--rounds needs a value."],
  [["--rounds", "1.5"], "--rounds 1.5 can't be"],
  [["--fast"], "--fast"],
  [["now"], "now"],
])("%j is refused with an error message", (args, message) => {
  expect(() => parse(...args)).toThrow(UsageError);
  expect(() => parse(...args)).toThrow(message);
});
